//! The method `lines` and its iterator.
//!
//! `readline` costs a Python call, a search and a copy for each line. The iterator copies a block
//! of the map, with many lines, into a private buffer, and splits the lines there. The copy handles
//! faults and concurrent changes, so that the lines need no further access to the map.

use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyBytes};
use safemap::{Error, copy_of};

use crate::{
    argument::{OMITTED, Optional, optional_ssize},
    error::{finalized, to_exception},
    ffi::{Lock, ReturnValue, bytes_from, return_bytes, with_stable_bytes},
    mmap::{Mmap, clamped},
    pieces::Direction,
    search::from_end,
};

/// Number of bytes to read ahead. They fit into the first-level cache, and are enough to make the
/// cost of a refill negligible.
const READ_AHEAD: usize = 8 * 1024;

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
        let (py, this) = (slf.py(), slf.get());
        let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
        let keepends = keepends.map_or(Ok(true), |keepends| keepends.is_truthy())?;
        let lines = |needle: &[u8]| {
            let needle =
                (!needle.is_empty()).then(|| copy_of(needle)).transpose().map_err(to_exception)?;
            let len = this.length(py)?;
            Ok(LineIterator {
                map: slf.clone().unbind(),
                end: end.map(|end| from_end(end, len).min(len)),
                keepends,
                needle,
                reader: Lock::new(Reader::new(from_end(start, len).min(len))),
            })
        };
        // Called before the buffer of `containing` is released, which may run Python code.
        containing.map_or_else(|| lines(b""), |needle| with_stable_bytes(needle, lines))
    }
}

/// An iterator over the lines of a map, as `bytes`. Returned by mmap.lines().
///
/// After an exception it is exhausted.
#[pyclass(frozen, module = "safemap")]
pub(crate) struct LineIterator {
    map: Py<Mmap>,
    /// The offset at which lines end at the latest. `None` for the end of the map, even if it
    /// moves.
    end: Option<usize>,
    keepends: bool,
    needle: Option<Vec<u8>>,
    reader: Lock<Reader>,
}

/// The state of an iterator.
struct Reader {
    /// A copy of bytes of the map, of which `next..filled` are unread.
    buffer: Vec<u8>,
    next: usize,
    filled: usize,
    /// Offset in the map of the first byte after those in the buffer.
    offset: usize,
    exhausted: bool,
}

impl Reader {
    fn new(offset: usize) -> Reader {
        Reader { buffer: Vec::new(), next: 0, filled: 0, offset, exhausted: false }
    }

    /// Takes the next line, if the buffer contains its newline.
    #[inline]
    fn take_line(&mut self) -> Option<&[u8]> {
        let unread = &self.buffer[self.next..self.filled];
        let end = memchr::memchr(b'\n', unread)? + 1;
        self.next += end;
        Some(&unread[..end])
    }

    /// Takes all unread bytes.
    fn take_unread(&mut self) -> &[u8] {
        let unread = &self.buffer[self.next..self.filled];
        self.next = self.filled;
        unread
    }

    /// Moves the unread bytes to the start of the buffer, and returns the rest of the buffer.
    fn free_space(&mut self) -> &mut [u8] {
        let unread = self.filled - self.next;
        self.buffer.copy_within(self.next..self.filled, 0);
        (self.next, self.filled) = (0, unread);
        self.buffer.resize(READ_AHEAD, 0);
        &mut self.buffer[unread..]
    }
}

#[pymethods]
impl LineIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

impl LineIterator {
    /// Fast path of [`LineIterator::next`], for a line that is in the buffer.
    #[inline]
    pub(crate) fn try_next(&self, py: Python<'_>) -> Option<ReturnValue> {
        if self.map.get().map.is_closed() {
            return None;
        }
        self.reader.try_with(py, |reader| Some(return_bytes(py, self.trim(reader.take_line()?))))?
    }

    /// `next(lines)`: returns the next line, or `None` at the end.
    pub(crate) fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.reader.with(py, |reader| {
            let line = match (reader.exhausted, &self.needle) {
                (true, _) => Ok(None),
                (false, None) => self.next_line(py, reader),
                (false, Some(needle)) => self.next_match(py, reader, needle),
            };
            reader.exhausted = !matches!(line, Ok(Some(_)));
            line
        });
        line.unwrap_or_else(|| Err(finalized()))
    }

    fn next_line<'py>(
        &self,
        py: Python<'py>,
        reader: &mut Reader,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.map.get().ensure_open()?;
        loop {
            if let Some(line) = reader.take_line() {
                return bytes_from(py, self.trim(line)).map(Some);
            }
            if reader.filled - reader.next >= READ_AHEAD {
                return self.long_line(py, reader).map(Some);
            }
            if self.refill(py, reader)? == 0 {
                let unread = reader.take_unread();
                return (!unread.is_empty()).then(|| bytes_from(py, unread)).transpose();
            }
        }
    }

    /// Reads more bytes into the buffer. Returns how many, 0 at the end.
    fn refill(&self, py: Python<'_>, reader: &mut Reader) -> PyResult<usize> {
        let offset = reader.offset;
        let space = reader.free_space();
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
        reader.filled += read;
        reader.offset += read;
        self.map.get().passed(py, offset, reader.offset);
        Ok(read)
    }

    /// Returns a line that is longer than the buffer.
    fn long_line<'py>(
        &self,
        py: Python<'py>,
        reader: &mut Reader,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let start = reader.offset - reader.take_unread().len();
        reader.offset = self.line_end(py, reader.offset)?;
        self.copy_line(py, start, reader.offset)
    }

    /// Returns the next line that contains `needle`. Does not use the buffer, because the lines in
    /// between need not be copied.
    fn next_match<'py>(
        &self,
        py: Python<'py>,
        reader: &mut Reader,
        needle: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let this = self.map.get();
        let (text, newline) = match needle {
            [text @ .., b'\n'] => (text, 1),
            text => (text, 0),
        };
        if text.contains(&b'\n') {
            return this.ensure_open().map(|()| None);
        }
        let end = self.end.unwrap_or(usize::MAX).min(this.length(py)?);
        let from = reader.offset.min(end);
        let Some(found) = this.search_within(py, needle, from, end, Direction::Forward)? else {
            return Ok(None);
        };
        let start = this
            .search_within(py, b"\n", from, found, Direction::Backward)?
            .map_or(from, |at| at + 1);
        reader.offset = self.line_end(py, found + needle.len() - newline)?;
        self.copy_line(py, start, reader.offset).map(Some)
    }

    /// Returns the offset after the newline that ends the line at `from`.
    fn line_end(&self, py: Python<'_>, from: usize) -> PyResult<usize> {
        let this = self.map.get();
        let end = self.end.unwrap_or(usize::MAX).min(this.length(py)?);
        let newline = this.search_within(py, b"\n", from.min(end), end, Direction::Forward)?;
        Ok(newline.map_or(end, |newline| newline + 1))
    }

    fn copy_line<'py>(
        &self,
        py: Python<'py>,
        start: usize,
        end: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let line = self.map.get().copy_out(py, start, end.saturating_sub(start))?;
        let trimmed = self.trim(line.as_bytes());
        if trimmed.len() == line.as_bytes().len() { Ok(line) } else { bytes_from(py, trimmed) }
    }

    #[inline]
    fn trim<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        match line {
            [text @ .., b'\n'] if !self.keepends => text,
            line => line,
        }
    }
}
