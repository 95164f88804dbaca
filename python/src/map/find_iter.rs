//! The iterator over the offsets of a needle.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use pyo3::{PyTraverseError, PyVisit, prelude::*};

use crate::{
    mmap::Mmap,
    pieces::{Direction, SignalClock},
    search::from_end,
};

/// An iterator over the offsets at which something is found in a map. Returned by Map.find_iter().
///
/// After an exception it is exhausted, unless the handler of a signal raised it.
#[pyclass(frozen, module = "safemap")]
pub(crate) struct FindIterator {
    map: Py<Mmap>,
    needle: Vec<u8>,
    /// The offset at which matches end at the latest. `None` for the end of the map, even if it
    /// moves.
    end: Option<usize>,
    /// Distance of the next possible match from one that was found.
    step: usize,
    /// Where the next match may be, or [`EXHAUSTED`].
    next: AtomicUsize,
}

const EXHAUSTED: usize = usize::MAX;

impl FindIterator {
    pub(super) fn new(
        map: &Bound<'_, Mmap>,
        needle: Vec<u8>,
        start: isize,
        end: Option<isize>,
        overlapping: bool,
    ) -> PyResult<FindIterator> {
        let len = map.get().length(map.py())?;
        Ok(FindIterator {
            map: map.clone().unbind(),
            end: end.map(|end| from_end(end, len).min(len)),
            step: if overlapping { 1 } else { needle.len().max(1) },
            needle,
            next: AtomicUsize::new(from_end(start, len)),
        })
    }

    /// Finds the first match at `from` or behind it.
    fn find(
        &self,
        py: Python<'_>,
        from: usize,
        clock: &mut SignalClock,
    ) -> PyResult<Option<usize>> {
        let this = self.map.get();
        let end = self.end.unwrap_or(usize::MAX).min(this.length(py)?);
        if end.checked_sub(from).is_none_or(|len| len < self.needle.len()) {
            return Ok(None);
        }
        this.search_timed(py, &self.needle, from, end, Direction::Forward, clock)
    }
}

#[pymethods]
impl FindIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        let mut clock = SignalClock::new();
        loop {
            let from = self.next.load(Relaxed);
            if from == EXHAUSTED {
                return Ok(None);
            }
            let found = self.find(py, from, &mut clock);
            let next = match found {
                Ok(Some(at)) => at + self.step,
                // The next call continues here.
                Err(_) if clock.raised => from,
                _ => EXHAUSTED,
            };
            // A handler or another thread may have taken the match.
            if self.next.compare_exchange(from, next, Relaxed, Relaxed).is_ok() {
                return found;
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}
