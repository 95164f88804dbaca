//! Lines: going through a map line by line.
//!
//! `readline` costs a call from Python, a search and a copy for each line. An iterator copies a window of the map, many lines at once, and
//! makes its lines from that: with the map's own guarantees for the copy, and without a look at the map for each line.

use pyo3::{PyTraverseError, PyVisit, prelude::*, types::PyBytes};
use safemap::{Error, copy_of};

use crate::{
    argument::{Given, LEFT_OUT, optional_ssize},
    buffer::{Answer, Turn, bytes_of, copied, lend_settled},
    error::{ending, raise},
    mmap::Mmap,
    search::{Direction, from_end},
};

/// Bytes read ahead: few enough to stay in the processor's first cache, enough to forget the cost of the call.
const WINDOW: usize = 8 * 1024;

#[pymethods]
impl Mmap {
    /// Goes through the lines from `start` to `end`; lines end with b"\n", which is left away if `keepends` is false.
    ///
    /// With `containing`, a bytes-like object, only lines that contain it. The position is neither used nor moved. Up to 8 KiB are read
    /// ahead, so what is written there meanwhile may not be seen.
    #[pyo3(
        signature = (start = LEFT_OUT, end = None, *, keepends = None, containing = None),
        text_signature = "($self, start=0, end=None, *, keepends=True, containing=None)"
    )]
    fn lines(
        slf: &Bound<'_, Self>,
        start: Given<'_, '_>,
        end: Option<&Bound<'_, PyAny>>,
        keepends: Option<&Bound<'_, PyAny>>,
        containing: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<LineIterator> {
        let (py, this) = (slf.py(), slf.get());
        this.open()?;
        let (start, end) = (start.ssize_or(0)?, optional_ssize(end)?);
        let keepends = keepends.map_or(Ok(true), |keepends| keepends.is_truthy())?;
        let lines = |needle: &[u8]| {
            let needle = (!needle.is_empty()).then(|| copy_of(needle)).transpose().map_err(raise)?;
            let len = this.length(py)?;
            Ok(LineIterator {
                map: slf.clone().unbind(),
                end: end.map(|end| from_end(end, len).min(len)),
                keepends,
                needle,
                progress: Turn::new(Progress::at(from_end(start, len).min(len))),
            })
        };
        // The map is looked at before the bytes are given back, which may run code as well.
        containing.map_or_else(|| lines(b""), |needle| lend_settled(needle, lines))
    }
}

/// The lines of a map, as `bytes`. Made by mmap.lines().
///
/// After an exception there is nothing more.
#[pyclass(frozen, module = "safemap")]
pub(crate) struct LineIterator {
    map: Py<Mmap>,
    /// Where lines end at the latest; `None` for the map's end, wherever that is by then.
    end: Option<usize>,
    keepends: bool,
    needle: Option<Vec<u8>>,
    progress: Turn<Progress>,
}

/// How far an iterator is.
struct Progress {
    /// A copy of bytes of the map, of which `next .. filled` are still to be gone through.
    window: Vec<u8>,
    next: usize,
    filled: usize,
    /// The place in the map behind what the window holds.
    at: usize,
    ended: bool,
}

impl Progress {
    fn at(at: usize) -> Progress {
        Progress { window: Vec::new(), next: 0, filled: 0, at, ended: false }
    }

    /// The next line, if all of it is in the window.
    #[inline]
    fn line(&mut self) -> Option<&[u8]> {
        let rest = &self.window[self.next..self.filled];
        let end = memchr::memchr(b'\n', rest)? + 1;
        self.next += end;
        Some(&rest[..end])
    }

    /// What is in the window, however it ends.
    fn rest(&mut self) -> &[u8] {
        let rest = &self.window[self.next..self.filled];
        self.next = self.filled;
        rest
    }

    /// Moves what is left in the window to its start, and returns the room behind it.
    fn room(&mut self) -> &mut [u8] {
        let left = self.filled - self.next;
        self.window.copy_within(self.next..self.filled, 0);
        (self.next, self.filled) = (0, left);
        self.window.resize(WINDOW, 0);
        &mut self.window[left..]
    }
}

#[pymethods]
impl LineIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    pub(crate) fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.progress.run(py, |progress| {
            let line = match (progress.ended, &self.needle) {
                (true, _) => Ok(None),
                (false, None) => self.next_line(py, progress),
                (false, Some(needle)) => self.next_match(py, progress, needle),
            };
            progress.ended = !matches!(line, Ok(Some(_)));
            line
        });
        line.unwrap_or_else(|| Err(ending()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

impl LineIterator {
    /// The next line, if it needs nothing but the window.
    #[inline]
    pub(crate) fn quick_next(&self, py: Python<'_>) -> Option<Answer> {
        if self.map.get().shelf.is_closed() {
            return None;
        }
        self.progress.attempt(py, |progress| Some(bytes_of(py, self.trim(progress.line()?))))?
    }

    fn next_line<'py>(&self, py: Python<'py>, progress: &mut Progress) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.map.get().open()?;
        loop {
            if let Some(line) = progress.line() {
                return copied(py, self.trim(line)).map(Some);
            }
            if progress.filled - progress.next >= WINDOW {
                return self.long_line(py, progress).map(Some);
            }
            if self.refill(py, progress)? == 0 {
                let rest = progress.rest();
                return (!rest.is_empty()).then(|| copied(py, rest)).transpose();
            }
        }
    }

    /// Reads on into the window, and returns how much; nothing at the end.
    fn refill(&self, py: Python<'_>, progress: &mut Progress) -> PyResult<usize> {
        let at = progress.at;
        let room = progress.room();
        let read = self.map.get().run(py, |map| {
            let left = map.len().min(self.end.unwrap_or(usize::MAX)).saturating_sub(at);
            let count = left.min(room.len());
            match map.read_exact_at(&mut room[..count], at) {
                // What comes before a hole is given out first; the hole is met again at its own place.
                Err(Error::Fault { offset }) if offset > at => Ok(offset - at),
                read => read.map(|()| count),
            }
        })?;
        progress.filled += read;
        progress.at += read;
        Ok(read)
    }

    /// A line that is longer than the window.
    fn long_line<'py>(&self, py: Python<'py>, progress: &mut Progress) -> PyResult<Bound<'py, PyBytes>> {
        let this = self.map.get();
        let start = progress.at - progress.rest().len();
        let end = self.line_end(py, progress.at)?;
        progress.at = end;
        self.copy(py, this, start, end)
    }

    /// The next line that contains `needle`. No window: what lies between such lines is not copied.
    fn next_match<'py>(
        &self,
        py: Python<'py>,
        progress: &mut Progress,
        needle: &[u8],
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let this = self.map.get();
        let (text, newline) = match needle {
            [text @ .., b'\n'] => (text, 1),
            text => (text, 0),
        };
        if text.contains(&b'\n') {
            return this.open().map(|()| None);
        }
        let end = self.end.unwrap_or(usize::MAX).min(this.length(py)?);
        let from = progress.at.min(end);
        let Some(found) = this.search_within(py, needle, from, end, Direction::Forward)? else { return Ok(None) };
        let start = this.search_within(py, b"\n", from, found, Direction::Backward)?.map_or(from, |at| at + 1);
        progress.at = self.line_end(py, found + needle.len() - newline)?;
        self.copy(py, this, start, progress.at).map(Some)
    }

    /// Where the line ends that holds `from`: behind its newline.
    fn line_end(&self, py: Python<'_>, from: usize) -> PyResult<usize> {
        let this = self.map.get();
        let end = self.end.unwrap_or(usize::MAX).min(this.length(py)?);
        let newline = this.search_within(py, b"\n", from.min(end), end, Direction::Forward)?;
        Ok(newline.map_or(end, |newline| newline + 1))
    }

    fn copy<'py>(&self, py: Python<'py>, map: &Mmap, start: usize, end: usize) -> PyResult<Bound<'py, PyBytes>> {
        let line = map.copy_out(py, start, end.saturating_sub(start))?;
        let trimmed = self.trim(line.as_bytes());
        if trimmed.len() == line.as_bytes().len() { Ok(line) } else { copied(py, trimmed) }
    }

    #[inline]
    fn trim<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        match line {
            [text @ .., b'\n'] if !self.keepends => text,
            line => line,
        }
    }
}
