//! Searching.

use pyo3::prelude::*;
use safemap::Map;

use crate::{
    argument::optional_ssize,
    buffer::lend_settled,
    mmap::{LONG, Mmap},
};

#[pymethods]
impl Mmap {
    /// Returns the lowest index from `start` (default: the position) to `end` where `view` is found, or -1.
    #[pyo3(signature = (view, start = None, end = None, /))]
    fn find(
        &self,
        py: Python<'_>,
        view: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        self.search(py, view, start, end, Direction::Forward)
    }

    /// Returns the highest index from `start` (default: the position) to `end` where `view` is found, or -1.
    #[pyo3(signature = (view, start = None, end = None, /))]
    fn rfind(
        &self,
        py: Python<'_>,
        view: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        self.search(py, view, start, end, Direction::Backward)
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    fn find(self, map: &Map, needle: &[u8], start: usize, end: usize) -> safemap::Result<Option<usize>> {
        // The map may have become shorter since the caller looked.
        let end = end.min(map.len());
        let start = start.min(end);
        match self {
            Direction::Forward => map.find(needle, start..end),
            Direction::Backward => map.rfind(needle, start..end),
        }
    }

    /// The part of `start..end` that is searched first, and the rest. A find that ends soon need not let go of the
    /// interpreter. The parts overlap by `lap`, so that nothing is missed that lies across the border.
    fn halves(self, start: usize, end: usize, lap: usize) -> [(usize, usize); 2] {
        match self {
            Direction::Forward => [(start, start + LONG), (start + LONG - lap, end)],
            Direction::Backward => [(end - LONG, end), (start, end - LONG + lap)],
        }
    }
}

impl Mmap {
    fn search(
        &self,
        py: Python<'_>,
        view: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        direction: Direction,
    ) -> PyResult<isize> {
        self.open()?;
        lend_settled(view, |needle| {
            let (start, end) = (optional_ssize(start)?, optional_ssize(end)?);
            let len = self.length(py)?;
            // A start behind the end is no place at all, not even for an empty needle.
            let start = start.map_or(self.position(), |start| from_end(start, len));
            let end = end.map_or(len, |end| from_end(end, len).min(len));
            if start > end || needle.len() > end - start {
                return Ok(-1);
            }
            let found = self.search_within(py, needle, start, end, direction)?;
            Ok(found.map_or(-1, |at| at as isize))
        })
    }

    pub(crate) fn search_within(
        &self,
        py: Python<'_>,
        needle: &[u8],
        start: usize,
        end: usize,
        direction: Direction,
    ) -> PyResult<Option<usize>> {
        if end - start < LONG {
            return self.run(py, |map| direction.find(map, needle, start, end));
        }
        let [near, far] = direction.halves(start, end, needle.len().saturating_sub(1).min(LONG));
        match self.run(py, |map| direction.find(map, needle, near.0, near.1))? {
            None => self.run_detached(py, |map| direction.find(map, needle, far.0, far.1)),
            found => Ok(found),
        }
    }
}

/// The place that a number means in a sequence of `len`: negative ones count from the end.
pub(crate) fn from_end(number: isize, len: usize) -> usize {
    usize::try_from(number).unwrap_or_else(|_| len.saturating_sub(number.unsigned_abs()))
}
