//! `find` and `rfind`.

use std::{
    ffi::CStr,
    ops::{ControlFlow, Range},
};

use pyo3::prelude::*;
use safemap::Map;

use crate::{
    argument::optional_ssize,
    ffi::{
        Method, ReturnValue, minus_one, return_int, try_short_bytes, try_small_int,
        with_stable_bytes,
    },
    mmap::{Mmap, SEARCH_DETACH_THRESHOLD, clamped},
    pieces::{Direction, PIECE, Pieces, SignalClock},
};

/// The fast path searches at most this many bytes. The slow path searches them again.
pub(crate) const FAST_SEARCH_LENGTH: usize = 4096;

/// `mmap.find(view, start=None, end=None, /)`
pub(crate) struct Find;

impl Method for Find {
    const NAME: &'static CStr = c"find";
    const DOC: &'static CStr = c"find($self, view, start=None, end=None, /)\n--\n\n\
        Returns the lowest index in `start..end` at which `view` is found, or -1.\n\n\
        `start` defaults to the position, `end` to the end of the map.";
    const ARITY: (usize, usize) = (1, 3);

    // Always inlined: the class `Map` calls it too.
    #[inline(always)]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let (needle, start, end) = mmap.try_search_arguments(py, arguments)?;
        let near = end.min(start.saturating_add(FAST_SEARCH_LENGTH));
        let found = mmap.map.try_with(py, |map| map.find(needle, start..near).ok())?;
        try_result(py, found, near == end)
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        mmap.search(py, arguments, Direction::Forward)
    }
}

/// `mmap.rfind(view, start=None, end=None, /)`
pub(crate) struct Rfind;

impl Method for Rfind {
    const NAME: &'static CStr = c"rfind";
    const DOC: &'static CStr = c"rfind($self, view, start=None, end=None, /)\n--\n\n\
        Returns the highest index in `start..end` at which `view` is found, or -1.\n\n\
        `start` defaults to the position, `end` to the end of the map.";
    const ARITY: (usize, usize) = (1, 3);

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let (needle, start, end) = mmap.try_search_arguments(py, arguments)?;
        let near = start.max(end.saturating_sub(FAST_SEARCH_LENGTH));
        let found = mmap.map.try_with(py, |map| map.rfind(needle, near..end).ok())?;
        try_result(py, found, near == start)
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        mmap.search(py, arguments, Direction::Backward)
    }
}

/// Returns the result of a search, or `None` if nothing was found in a part of the range only.
#[inline]
fn try_result(py: Python<'_>, found: Option<usize>, complete: bool) -> Option<ReturnValue> {
    match found {
        Some(at) => Some(return_int(py, at)),
        None if complete => Some(minus_one(py)),
        None => None,
    }
}

impl Direction {
    fn find(
        self,
        map: &Map,
        needle: &[u8],
        start: usize,
        end: usize,
    ) -> safemap::Result<Option<usize>> {
        clamped(map, start..end, |range| match self {
            Direction::Forward => map.find(needle, range),
            Direction::Backward => map.rfind(needle, range),
        })
    }
}

impl Mmap {
    /// Converts the arguments of a search for the fast path: needle, start and end.
    #[inline]
    fn try_search_arguments<'a>(
        &self,
        py: Python<'_>,
        arguments: &'a [Bound<'_, PyAny>],
    ) -> Option<(&'a [u8], usize, usize)> {
        let len = self.try_length(py)?;
        let offset = |i, default| match arguments.get(i) {
            Some(object) => try_small_int(object).map(|index| from_end(index, len)),
            None => Some(default),
        };
        let (start, end) = (offset(1, self.position())?, offset(2, len)?.min(len));
        let needle = try_short_bytes(arguments.first()?)?;
        (arguments.len() <= 3 && start <= end).then_some((needle, start, end))
    }

    fn search(
        &self,
        py: Python<'_>,
        arguments: &[Bound<'_, PyAny>],
        direction: Direction,
    ) -> PyResult<ReturnValue> {
        with_stable_bytes(&arguments[0], |needle| {
            // CPython converts the bounds after this check.
            self.ensure_open()?;
            let (start, end) =
                (optional_ssize(arguments.get(1))?, optional_ssize(arguments.get(2))?);
            let len = self.length(py)?;
            // A start after the end finds nothing, not even an empty needle.
            let start = start.map_or(self.position(), |start| from_end(start, len));
            let end = end.map_or(len, |end| from_end(end, len).min(len));
            if start > end || needle.len() > end - start {
                return Ok(minus_one(py));
            }
            let found = self.search_within(py, needle, start, end, direction)?;
            Ok(found.map_or_else(|| minus_one(py), |at| return_int(py, at)))
        })
    }

    /// Searches `start..end`, which is not reversed. Detaches from the interpreter for a long
    /// range.
    pub(crate) fn search_within(
        &self,
        py: Python<'_>,
        needle: &[u8],
        start: usize,
        end: usize,
        direction: Direction,
    ) -> PyResult<Option<usize>> {
        self.search_timed(py, needle, start, end, direction, &mut SignalClock::new())
    }

    /// [`Mmap::search_within`] with a clock, which knows afterwards whether a handler raised.
    pub(crate) fn search_timed(
        &self,
        py: Python<'_>,
        needle: &[u8],
        start: usize,
        end: usize,
        direction: Direction,
        clock: &mut SignalClock,
    ) -> PyResult<Option<usize>> {
        if end - start < SEARCH_DETACH_THRESHOLD {
            return self.run(py, |map| direction.find(map, needle, start, end));
        }
        let mut search = Search::new(needle, start, end, direction);
        loop {
            match self.search_some(py, needle, &mut search, clock)? {
                ControlFlow::Break(found) => return Ok(found),
                ControlFlow::Continue(()) => clock.check(py)?,
            }
        }
    }

    /// Continues a search until it ends, or until the caller has to check for signals.
    pub(crate) fn search_some(
        &self,
        py: Python<'_>,
        needle: &[u8],
        search: &mut Search,
        clock: &mut SignalClock,
    ) -> PyResult<ControlFlow<Option<usize>>> {
        let direction = search.direction;
        if let Some((start, end)) = search.near.take() {
            let found = self.run(py, |map| direction.find(map, needle, start, end))?;
            if found.is_some() || search.pieces.is_empty() {
                return Ok(ControlFlow::Break(found));
            }
        }
        let reach = needle.len().saturating_sub(1);
        self.run_until_due(py, clock, |map| {
            search.pieces.step(map, &mut |map: &Map, piece| {
                direction.find(map, needle, piece.start, piece.end + reach)
            })
        })
    }
}

/// How far a search has come.
pub(crate) struct Search {
    direction: Direction,
    /// The part to search first. A search that ends there need not detach from the interpreter.
    near: Option<(usize, usize)>,
    /// The offsets in the rest at which the needle may begin.
    pieces: Pieces,
}

impl Search {
    pub(crate) fn new(needle: &[u8], start: usize, end: usize, direction: Direction) -> Search {
        let reach = needle.len().saturating_sub(1);
        let near = SEARCH_DETACH_THRESHOLD.min(end - start);
        // The parts overlap, so that a match across the border is found.
        let overlap = reach.min(near);
        let (near, rest) = match direction {
            Direction::Forward => ((start, start + near), start + near - overlap..end),
            Direction::Backward => ((end - near, end), start..end - near + overlap),
        };
        Search { direction, near: Some(near), pieces: starts(needle, rest, direction) }
    }
}

/// Returns the offsets in `range` at which the needle may begin.
pub(crate) fn starts(needle: &[u8], range: Range<usize>, direction: Direction) -> Pieces {
    let reach = needle.len().saturating_sub(1);
    let starts = range.start..range.end.saturating_sub(reach).max(range.start);
    // The bytes between two pieces are searched twice: at most a quarter more for long needles.
    Pieces::new(starts, direction).of_size(PIECE.max(needle.len().saturating_mul(4)))
}

/// Converts an index, which may count from the end, to an offset. The offset may be beyond `len`.
pub(crate) fn from_end(index: isize, len: usize) -> usize {
    usize::try_from(index).unwrap_or_else(|_| len.saturating_sub(index.unsigned_abs()))
}
