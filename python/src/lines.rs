//! The iterator over lines.
//!
//! `readline` costs a Python call, a search and a copy for each line. The iterator copies a block
//! of the map, with many lines, into a private buffer, and splits the lines there. The copy handles
//! faults and concurrent changes, so that the lines need no further access to the map.
//!
//! With needles, and in lines longer than the buffer, the map itself is searched. Such a step may
//! take long: it gives back the lock of the iterator before signals are checked. Afterwards it
//! continues, unless a handler has taken the line.

use std::{
    mem,
    ops::{ControlFlow, Range},
};

use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    types::{PyBytes, PyType},
};
use safemap::{Error, LineCount, LineSearch, Map, copy_of};

use crate::{
    argument::{OMITTED, Optional, optional_ssize},
    error::{finalized, to_exception},
    ffi::{Lock, ReturnValue, bytes_from, return_bytes, with_stable_bytes},
    line_reader::{READ_AHEAD, Reader},
    mmap::{DETACH_THRESHOLD, Mmap, SEARCH_DETACH_THRESHOLD, clamped},
    pieces::{Direction, PIECE, SignalClock},
    search::{Search, from_end},
};

#[pymethods]
impl Mmap {
    /// Returns an iterator over the lines in `start..end`.
    ///
    /// Lines end with b"\n", which is removed if `keepends` is false. With `containing`, a
    /// bytes-like object, only the lines that contain it are returned. The position is neither used
    /// nor changed. Up to 8 KiB are read ahead, so the iterator may miss concurrent writes.
    #[pyo3(
        signature = (start = OMITTED, end = None, *, keepends = None, containing = None),
        text_signature = "($self, start=0, end=None, *, keepends=True, containing=None)"
    )]
    fn lines(
        slf: &Bound<'_, Self>,
        start: Optional<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
        keepends: Option<&Bound<'_, PyAny>>,
        containing: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<LineIterator> {
        let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
        let keepends = keepends.map_or(Ok(true), |keepends| keepends.is_truthy())?;
        let needle = |needle: &Bound<'_, _>| {
            with_stable_bytes(needle, |bytes| copy_of(bytes).map_err(to_exception))
        };
        let needle = containing.map(needle).transpose()?;
        let search = needle.filter(|needle| !needle.is_empty()).map(|needle| {
            let search = LineSearch::new(&[&needle]);
            // No line contains the needle, nor one of no needles.
            search.check(b'\n').map_or_else(|_| LineSearch::new(&[]), |()| search)
        });
        let settings = Settings { keepends, separator: b'\n', numbered: None };
        LineIterator::new(slf, start, end, search, settings)
    }
}

/// An iterator over the lines of a map, as `bytes`. Returned by the method lines().
///
/// After an exception it is exhausted, unless the handler of a signal raised it.
#[pyclass(frozen, module = "safemap")]
pub(crate) struct LineIterator {
    map: Py<Mmap>,
    /// The offset at which lines end at the latest. `None` for the end of the map, even if it
    /// moves.
    end: Option<usize>,
    settings: Settings,
    reader: Lock<Reader>,
}

/// What an iterator returns.
pub(crate) struct Settings {
    pub(crate) keepends: bool,
    pub(crate) separator: u8,
    /// For lines with their numbers: the function `tuple.__new__` and the class `Line`.
    pub(crate) numbered: Option<(Py<PyAny>, Py<PyAny>)>,
}

/// A line that was found.
struct Found {
    number: u64,
    start: usize,
    /// Where its bytes end, which may be without its separator.
    text_end: usize,
    /// Where the next line starts.
    end: usize,
}

/// How a step of an iterator ended.
enum Step<'py> {
    Line(Found, Bound<'py, PyBytes>),
    /// The line is long, and is copied without the lock.
    Long(Found),
    Exhausted,
}

/// What is known about the line that comes next.
#[derive(Default)]
struct Progress {
    /// The offset at which the iterator stood.
    from: Option<usize>,
    /// The first match.
    text: Option<Range<usize>>,
    /// Whether it is not near.
    is_far: bool,
    backward: Option<Search>,
    start: Option<usize>,
    forward: Option<Search>,
}

/// Returns `Continue` if signals have to be checked.
macro_rules! complete {
    ($flow:expr) => {
        match $flow? {
            ControlFlow::Break(value) => value,
            ControlFlow::Continue(()) => return Ok(ControlFlow::Continue(())),
        }
    };
}

/// The result of a step, or `Continue` if signals have to be checked first.
type Flow<T> = PyResult<ControlFlow<T>>;

#[pymethods]
impl LineIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// Returns the offset of the next line in the map. With needles, the search continues there.
    fn tell(&self, py: Python<'_>) -> PyResult<usize> {
        self.reader.with(py, |reader| reader.position()).ok_or_else(finalized)
    }

    /// `LineIterator[Line]` is the type of iterators with numbers.
    #[classmethod]
    fn __class_getitem__<'py>(
        class: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("types")?.getattr("GenericAlias")?.call1((class, item))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some((new, class)) = &self.settings.numbered {
            visit.call(new)?;
            visit.call(class)?;
        }
        visit.call(&self.map)
    }
}

impl LineIterator {
    pub(crate) fn new(
        map: &Bound<'_, Mmap>,
        start: isize,
        end: Option<isize>,
        search: Option<LineSearch>,
        settings: Settings,
    ) -> PyResult<LineIterator> {
        let len = map.get().length(map.py())?;
        Ok(LineIterator {
            map: map.clone().unbind(),
            end: end.map(|end| from_end(end, len).min(len)),
            settings,
            reader: Lock::new(Reader::new(from_end(start, len).min(len), search)),
        })
    }

    /// Fast path of [`LineIterator::next`], for a line without number that is in the buffer.
    #[inline]
    pub(crate) fn try_next(&self, py: Python<'_>) -> Option<ReturnValue> {
        if self.map.get().map.is_closed() || self.settings.numbered.is_some() {
            return None;
        }
        self.reader.try_with(py, |reader| {
            let line = reader.take_line(self.settings.separator)?;
            Some(return_bytes(py, self.trim(line)))
        })?
    }

    /// `next(lines)`: returns the next line, or `None` at the end.
    pub(crate) fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (mut clock, mut progress) = (SignalClock::new(), Progress::default());
        loop {
            let step = self.reader.with(py, |reader| {
                let step = match reader.exhausted {
                    true => Ok(ControlFlow::Break(Step::Exhausted)),
                    false => self.step(py, reader, &mut progress, &mut clock),
                };
                reader.exhausted |=
                    matches!(step, Err(_) | Ok(ControlFlow::Break(Step::Exhausted)));
                step
            });
            match step.unwrap_or_else(|| Err(finalized()))? {
                ControlFlow::Break(Step::Line(found, line)) => {
                    return self.item(&found, line).map(Some);
                }
                ControlFlow::Break(Step::Long(found)) => {
                    if let Some(line) = self.take_long(py, &found, &progress, &mut clock)? {
                        return self.item(&found, line).map(Some);
                    }
                }
                ControlFlow::Break(Step::Exhausted) => return Ok(None),
                ControlFlow::Continue(()) => clock.check(py)?,
            }
        }
    }

    /// Looks for the next line, and takes it unless it is long.
    fn step<'py>(
        &self,
        py: Python<'py>,
        reader: &mut Reader,
        progress: &mut Progress,
        clock: &mut SignalClock,
    ) -> Flow<Step<'py>> {
        self.map.get().ensure_open()?;
        if progress.from != Some(reader.position()) {
            *progress = Progress { from: Some(reader.position()), ..Progress::default() };
        }
        let found = match &mut reader.search {
            Some(_) => complete!(self.find_match(py, reader, progress, clock)),
            None => match self.take_buffered(py, reader)? {
                Some(step) => return Ok(ControlFlow::Break(step)),
                None => Some(complete!(self.find_long(py, reader, progress, clock))),
            },
        };
        let Some(found) = found else { return Ok(ControlFlow::Break(Step::Exhausted)) };
        if found.text_end - found.start >= DETACH_THRESHOLD {
            return Ok(ControlFlow::Break(Step::Long(found)));
        }
        let line = self.copy(py, &found, clock)?;
        reader.pass(found.end);
        Ok(ControlFlow::Break(Step::Line(found, line)))
    }

    /// Takes the next line from the buffer, after filling it if necessary. Returns `None` if the
    /// line is longer than the buffer.
    fn take_buffered<'py>(
        &self,
        py: Python<'py>,
        reader: &mut Reader,
    ) -> PyResult<Option<Step<'py>>> {
        let (start, number) = (reader.position(), reader.count.number());
        let line = loop {
            if let Some(line) = reader.take_line(self.settings.separator) {
                break bytes_from(py, self.trim(line))?;
            }
            if reader.is_full() {
                return Ok(None);
            }
            if self.refill(py, reader)? == 0 {
                match reader.take_unread() {
                    [] => return Ok(Some(Step::Exhausted)),
                    line => break bytes_from(py, line)?,
                }
            }
        };
        let end = reader.position();
        reader.count.end_line(end);
        Ok(Some(Step::Line(Found { number, start, text_end: end, end }, line)))
    }

    /// Reads more bytes into the buffer. Returns how many, 0 at the end.
    fn refill(&self, py: Python<'_>, reader: &mut Reader) -> PyResult<usize> {
        let (offset, space) = reader.free_space();
        let end = offset.saturating_add(space.len()).min(self.end.unwrap_or(usize::MAX));
        let read = self.map.get().run(py, |map| {
            clamped(map, offset..end, |range| {
                match map.read_exact_at(&mut space[..range.len()], range.start) {
                    // Lines before the fault come first; then the next refill faults at once.
                    Err(Error::Fault { offset: fault }) if fault > offset => Ok(fault - offset),
                    result => result.map(|()| range.len()),
                }
            })
        })?;
        reader.add(read);
        self.map.get().passed(py, offset, offset + read);
        Ok(read)
    }

    /// Finds the end of a line that is longer than the buffer.
    fn find_long(
        &self,
        py: Python<'_>,
        reader: &Reader,
        progress: &mut Progress,
        clock: &mut SignalClock,
    ) -> Flow<Found> {
        let (start, number) = (reader.position(), reader.count.number());
        let (text_end, end) =
            complete!(self.find_end(py, start + READ_AHEAD, &mut progress.forward, clock));
        Ok(ControlFlow::Break(Found { number, start, text_end, end }))
    }

    /// Finds the next line that contains a needle. Does not use the buffer, because the lines in
    /// between need not be copied.
    fn find_match(
        &self,
        py: Python<'_>,
        reader: &mut Reader,
        progress: &mut Progress,
        clock: &mut SignalClock,
    ) -> Flow<Option<Found>> {
        if !mem::replace(&mut progress.is_far, true) {
            if let Some(found) = self.try_match(py, reader)? {
                return Ok(ControlFlow::Break(Some(found)));
            }
        }
        let from = reader.position();
        let Some(text) = complete!(self.find_text(py, reader, progress, clock)) else {
            return Ok(ControlFlow::Break(None));
        };
        let start = match progress.start {
            Some(start) => start,
            None => complete!(self.find_start(py, from..text.start, &mut progress.backward, clock)),
        };
        progress.start = Some(start);
        let (text_end, end) = complete!(self.find_end(py, text.end, &mut progress.forward, clock));
        let number = self.number_at(py, &mut reader.count, start)?;
        Ok(ControlFlow::Break(Some(Found { number, start, text_end, end })))
    }

    /// Fast path of [`LineIterator::find_match`], for a line that is near.
    fn try_match(&self, py: Python<'_>, reader: &mut Reader) -> PyResult<Option<Found>> {
        let (from, settings) = (reader.position(), &self.settings);
        let Some(search) = &mut reader.search else { return Ok(None) };
        let (separator, counts) = (settings.separator, settings.numbered.is_some());
        let count = &mut reader.count;
        self.map.get().run(py, |map| {
            clamped(map, from..self.end.unwrap_or(usize::MAX), |lines| {
                let near = SEARCH_DETACH_THRESHOLD;
                let counted = counts.then_some(&mut *count);
                let flow = search.next_text(map, lines.clone(), separator, counted, near)?;
                let ControlFlow::Break(Some(text)) = flow else { return Ok(None) };
                let end = lines.end.min(text.end.saturating_add(near));
                let newline = map.find(&[separator], text.end..end)?;
                if text.start - from > near || newline.is_none() && end < lines.end {
                    return Ok(None);
                }
                let start = map.rfind(&[separator], from..text.start)?.map_or(from, |at| at + 1);
                let number = if counts { count.number_at(map, start, separator)? } else { 0 };
                let (text_end, end) = self.ends(newline, end);
                Ok(Some(Found { number, start, text_end, end }))
            })
        })
    }

    /// Returns the end of a line's text and the start of the next line, from the offset of the
    /// separator, or the end of all lines.
    fn ends(&self, separator: Option<usize>, end: usize) -> (usize, usize) {
        match separator {
            Some(at) => (at + usize::from(self.settings.keepends), at + 1),
            None => (end, end),
        }
    }

    /// Finds the first needle.
    fn find_text(
        &self,
        py: Python<'_>,
        reader: &mut Reader,
        progress: &mut Progress,
        clock: &mut SignalClock,
    ) -> Flow<Option<Range<usize>>> {
        let (this, from) = (self.map.get(), reader.position());
        let Some(search) = &mut reader.search else { return Ok(ControlFlow::Break(None)) };
        if progress.text.is_some() {
            return Ok(ControlFlow::Break(progress.text.clone()));
        }
        let (separator, counts) = (self.settings.separator, self.settings.numbered.is_some());
        let mut find = |map: &Map, limit| {
            clamped(map, from..self.end.unwrap_or(usize::MAX), |lines| {
                let count = counts.then_some(&mut reader.count);
                search.next_text(map, lines, separator, count, limit)
            })
        };
        progress.text = complete!(this.run_until_due(py, clock, |map| find(map, PIECE)));
        Ok(ControlFlow::Break(progress.text.clone()))
    }

    /// Finds the start of the line that contains the end of `range`.
    fn find_start(
        &self,
        py: Python<'_>,
        range: Range<usize>,
        search: &mut Option<Search>,
        clock: &mut SignalClock,
    ) -> Flow<usize> {
        let separator = [self.settings.separator];
        let search = search.get_or_insert_with(|| {
            Search::new(&separator, range.start, range.end, Direction::Backward)
        });
        let found = complete!(self.map.get().search_some(py, &separator, search, clock));
        Ok(ControlFlow::Break(found.map_or(range.start, |at| at + 1)))
    }

    /// Finds the end of the line that contains the byte at `from`, and the start of the next one.
    fn find_end(
        &self,
        py: Python<'_>,
        from: usize,
        search: &mut Option<Search>,
        clock: &mut SignalClock,
    ) -> Flow<(usize, usize)> {
        let (this, separator) = (self.map.get(), [self.settings.separator]);
        let end = self.end.unwrap_or(usize::MAX).min(this.length(py)?).max(from);
        let search =
            search.get_or_insert_with(|| Search::new(&separator, from, end, Direction::Forward));
        let found = complete!(this.search_some(py, &separator, search, clock));
        Ok(ControlFlow::Break(self.ends(found, end)))
    }

    fn number_at(&self, py: Python<'_>, count: &mut LineCount, start: usize) -> PyResult<u64> {
        if self.settings.numbered.is_none() {
            return Ok(0);
        }
        self.map.get().run(py, |map| count.number_at(map, start, self.settings.separator))
    }

    /// Copies a long line, and takes it. Returns `None` if another call has taken it.
    fn take_long<'py>(
        &self,
        py: Python<'py>,
        found: &Found,
        progress: &Progress,
        clock: &mut SignalClock,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let copied = self.copy(py, found, clock);
        let is_over = copied.is_err() && !clock.raised;
        let taken = self.reader.with(py, |reader| {
            let is_next = progress.from == Some(reader.position());
            if is_next && copied.is_ok() {
                reader.pass(found.end);
            }
            reader.exhausted |= is_over;
            is_next
        });
        let line = copied?;
        Ok(taken.ok_or_else(finalized)?.then_some(line))
    }

    fn copy<'py>(
        &self,
        py: Python<'py>,
        found: &Found,
        clock: &mut SignalClock,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.map.get().copy_out_timed(py, found.start, found.text_end - found.start, clock)
    }

    /// Returns what the iterator returns for a line.
    fn item<'py>(&self, found: &Found, line: Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyAny>> {
        let Some((new, class)) = &self.settings.numbered else { return Ok(line.into_any()) };
        let py = line.py();
        new.bind(py).call1((class, (found.number, found.start, line)))
    }

    #[inline]
    fn trim<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        match line {
            [text @ .., last] if *last == self.settings.separator && !self.settings.keepends => {
                text
            }
            line => line,
        }
    }
}
