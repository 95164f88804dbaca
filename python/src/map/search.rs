//! Searches, counts and lines of the class `Map`.

use std::ops::Range;

use pyo3::{
    prelude::*,
    types::{PyString, PyTuple},
};
use safemap::{LineSearch, Map, copy_of};

use super::{FileMap, base, find_iter::FindIterator};
use crate::{
    argument::{OMITTED, Optional, Truth, optional_ssize},
    error::{to_exception, value_error},
    ffi::{is_buffer, is_index, ssize, with_stable_bytes},
    lines::{LineIterator, Settings},
    mmap::{DETACH_THRESHOLD, Mmap, SEARCH_DETACH_THRESHOLD, clamped},
    pieces::{Direction, Pieces, SignalClock},
    search::{from_end, starts},
};

#[pymethods]
impl FileMap {
    /// Returns an iterator over the offsets in `start..end` at which `sub` is found, in ascending
    /// order. Matches do not overlap, unless `overlapping` is true.
    ///
    /// The position is neither used nor changed. An empty `sub` is found at each offset.
    #[pyo3(
        signature = (sub, start = OMITTED, end = None, *, overlapping = Truth(false)),
        text_signature = "($self, sub, start=0, end=None, *, overlapping=False)"
    )]
    fn find_iter(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Optional<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
        overlapping: Truth,
    ) -> PyResult<FindIterator> {
        let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
        FindIterator::new(slf.as_super(), needle(sub)?, start, end, overlapping.0)
    }

    /// Returns how often `sub`, a bytes-like object or the int of a byte, is found in `start..end`
    /// without overlap.
    #[pyo3(
        signature = (sub, start = OMITTED, end = None),
        text_signature = "($self, sub, start=0, end=None)"
    )]
    fn count(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Optional<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
        let needle = needle_or_byte(sub)?;
        match base(slf).range_of(slf.py(), start, end)? {
            Some(range) => base(slf).count(slf.py(), &needle, range),
            None => Ok(0),
        }
    }

    /// Returns whether the bytes from `at` on begin with `prefix`.
    #[pyo3(signature = (prefix, at = OMITTED), text_signature = "($self, prefix, at=0)")]
    fn startswith(
        slf: &Bound<'_, Self>,
        prefix: &Bound<'_, PyAny>,
        at: Optional<'_, '_>,
    ) -> PyResult<bool> {
        let (at, prefix) = (at.ssize_or(0)?, needle(prefix)?);
        match base(slf).range_of(slf.py(), at, None)? {
            Some(range) if prefix.len() <= range.len() => {
                base(slf).starts_with(slf.py(), &prefix, range.start)
            }
            _ => Ok(false),
        }
    }

    /// Returns the lowest index in `start..end` at which `sub`, a bytes-like object or the int of a
    /// byte, is found. Raises ValueError if there is none. Does not use the position.
    #[pyo3(
        signature = (sub, start = OMITTED, end = None),
        text_signature = "($self, sub, start=0, end=None)"
    )]
    fn index(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Optional<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        index(slf, sub, &start, end, Direction::Forward)
    }

    /// Returns the highest index in `start..end` at which `sub`, a bytes-like object or the int of
    /// a byte, is found. Raises ValueError if there is none. Does not use the position.
    #[pyo3(
        signature = (sub, start = OMITTED, end = None),
        text_signature = "($self, sub, start=0, end=None)"
    )]
    fn rindex(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Optional<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        index(slf, sub, &start, end, Direction::Backward)
    }

    /// Returns an iterator over the lines in `start..end`.
    ///
    /// Lines end with `separator`, one byte, which is removed if `keepends` is false. With
    /// `containing`, a bytes-like object or several, only the lines that contain one of them are
    /// returned, each once. If `numbered` is true, the items are named tuples `Line(number, offset,
    /// bytes)`; the first line has the number 1.
    ///
    /// The position is neither used nor changed. Up to 8 KiB are read ahead, so the iterator may
    /// miss concurrent writes. A needle with a separator that is not at its end raises ValueError.
    #[pyo3(
        signature = (
            start = OMITTED, end = None, *, keepends = Truth(true), containing = None,
            separator = None, numbered = Truth(false)
        ),
        text_signature = "($self, start=0, end=None, *, keepends=True, containing=None, \
                          separator=b'\\n', numbered=False)"
    )]
    // The arguments of the Python method.
    #[allow(clippy::too_many_arguments)]
    fn lines(
        slf: &Bound<'_, Self>,
        start: Optional<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
        keepends: Truth,
        containing: Option<&Bound<'_, PyAny>>,
        separator: Option<&Bound<'_, PyAny>>,
        numbered: Truth,
    ) -> PyResult<LineIterator> {
        let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
        let separator = separator.map_or(Ok(b'\n'), one_byte)?;
        let search = match containing {
            Some(needles) => search_for(&needles_of(needles)?, separator)?,
            None => None,
        };
        let numbered = if numbered.0 { Some(line_class(slf.py())?) } else { None };
        let settings = Settings { keepends: keepends.0, separator, numbered };
        LineIterator::new(slf.as_super(), start, end, search, settings)
    }
}

impl Mmap {
    /// Converts bounds that may count from the end. Returns `None` if the start is after the end.
    pub(super) fn range_of(
        &self,
        py: Python<'_>,
        start: isize,
        end: Option<isize>,
    ) -> PyResult<Option<Range<usize>>> {
        let len = self.length(py)?;
        let start = from_end(start, len);
        let end = end.map_or(len, |end| from_end(end, len).min(len));
        Ok((start <= end).then_some(start..end))
    }

    fn count(&self, py: Python<'_>, needle: &[u8], range: Range<usize>) -> PyResult<usize> {
        let (mut total, mut from) = (0, range.start);
        let mut add = |map: &Map, piece: Range<usize>| {
            total += count_from(map, needle, piece, &mut from)?;
            Ok(None::<()>)
        };
        if needle.is_empty() {
            return Ok(range.len() + 1);
        }
        let mut starts = starts(needle, range, Direction::Forward);
        if starts.len() < SEARCH_DETACH_THRESHOLD {
            self.run(py, |map| starts.step(map, &mut add).map(drop))?;
        } else {
            self.run_pieces(py, &mut SignalClock::new(), &mut starts, add)?;
        }
        Ok(total)
    }

    fn starts_with(&self, py: Python<'_>, prefix: &[u8], at: usize) -> PyResult<bool> {
        let differs = |map: &Map, piece: Range<usize>| {
            let starts = map.starts_with(&prefix[piece.clone()], at + piece.start)?;
            Ok((!starts).then_some(()))
        };
        if prefix.len() < DETACH_THRESHOLD {
            return Ok(self.run(py, |map| differs(map, 0..prefix.len()))?.is_none());
        }
        let mut pieces = Pieces::new(0..prefix.len(), Direction::Forward);
        let difference = self.run_pieces(py, &mut SignalClock::new(), &mut pieces, differs)?;
        Ok(difference.is_none())
    }
}

/// Counts the matches that begin in `starts`, at `from` or behind it. Sets `from` to the end of the
/// last one.
fn count_from(
    map: &Map,
    needle: &[u8],
    starts: Range<usize>,
    from: &mut usize,
) -> safemap::Result<usize> {
    if needle.len() == 1 {
        return clamped(map, starts, |range| map.count(needle, range));
    }
    let (mut count, end) = (0, starts.end + needle.len() - 1);
    *from = starts.start.max(*from);
    while *from < starts.end {
        let Some(at) = clamped(map, *from..end, |range| map.find(needle, range))? else { break };
        (*from, count) = (at + needle.len(), count + 1);
    }
    Ok(count)
}

fn index(
    slf: &Bound<'_, FileMap>,
    sub: &Bound<'_, PyAny>,
    start: &Optional<'_, '_>,
    end: Option<&Bound<'_, PyAny>>,
    direction: Direction,
) -> PyResult<usize> {
    let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
    let (needle, py) = (needle_or_byte(sub)?, slf.py());
    let found = match base(slf).range_of(py, start, end)? {
        Some(range) => base(slf).search_within(py, &needle, range.start, range.end, direction)?,
        None => None,
    };
    found.ok_or_else(|| value_error("subsection not found"))
}

/// Copies the bytes of a needle.
fn needle(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    with_stable_bytes(object, |bytes| copy_of(bytes).map_err(to_exception))
}

/// Like [`needle`], or the int of a byte.
fn needle_or_byte(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    if !is_index(object) {
        return needle(object);
    }
    let byte = u8::try_from(ssize(object)?);
    byte.map(|byte| vec![byte]).map_err(|_| value_error("byte must be in range(0, 256)"))
}

/// Copies one needle, or each of several.
fn needles_of(object: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    if is_buffer(object) || object.is_instance_of::<PyString>() {
        return Ok(vec![needle(object)?]);
    }
    match object.try_iter() {
        Ok(needles) => needles.map(|object| needle(&object?)).collect(),
        // For the text that names a bytes-like object.
        Err(_) => needle(object).map(|needle| vec![needle]),
    }
}

/// Returns `None` if each line contains one of the needles: the empty one.
fn search_for(needles: &[Vec<u8>], separator: u8) -> PyResult<Option<LineSearch>> {
    let needles: Vec<_> = needles.iter().map(|needle| &needle[..]).collect();
    let search = LineSearch::new(&needles);
    search.check(separator).map_err(|_| {
        value_error("no line contains a needle with a separator that is not at its end")
    })?;
    Ok((!needles.contains(&&b""[..])).then_some(search))
}

fn one_byte(separator: &Bound<'_, PyAny>) -> PyResult<u8> {
    match needle(separator)?[..] {
        [byte] => Ok(byte),
        _ => Err(value_error("the separator must be one byte")),
    }
}

/// Returns `tuple.__new__`, which makes a `Line` without running code in Python, and that class.
fn line_class(py: Python<'_>) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
    let class = py.import("safemap._line")?.getattr("Line")?;
    Ok((py.get_type::<PyTuple>().getattr("__new__")?.unbind(), class.unbind()))
}
