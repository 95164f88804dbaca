//! Ranges that are known to lie in a map.

use std::ops::{Bound, RangeBounds};

use crate::{Error, Result};

/// A range of a map: `len` bytes from `start`, which lay in the map when the span was made.
///
/// The bytes of a region stay accessible, or fault, after a concurrent shrink. So a span stays
/// valid; see [`Map::enter`](crate::Map::enter) for systems that unmap views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    start: usize,
    len: usize,
}

/// `count` bytes of a map, `step` apart, the first of them at `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strided {
    pub(super) span: Span,
    pub(super) start: usize,
    pub(super) step: isize,
    pub(super) count: usize,
}

impl Span {
    #[inline]
    pub(super) fn to_end(map_len: usize, start: usize) -> Option<Span> {
        Some(Span { start, len: map_len.checked_sub(start)? })
    }

    #[inline]
    pub(super) fn within(
        call: &'static str,
        map_len: usize,
        start: usize,
        len: usize,
    ) -> Result<Span> {
        match map_len.checked_sub(start) {
            Some(rest) if len <= rest => Ok(Span { start, len }),
            _ => Err(Error::OutOfBounds {
                call,
                start,
                end: start.saturating_add(len),
                len: map_len,
            }),
        }
    }

    /// The span from the lowest to the highest of `count` offsets, `step` apart, the first of them
    /// `start`.
    #[inline]
    pub(super) fn around(
        call: &'static str,
        map_len: usize,
        start: usize,
        step: isize,
        count: usize,
    ) -> Result<Span> {
        let Some(more) = count.checked_sub(1) else { return Span::within(call, map_len, start, 0) };
        let reach = more.checked_mul(step.unsigned_abs()).filter(|&reach| reach < map_len);
        let lowest =
            if step < 0 { reach.and_then(|reach| start.checked_sub(reach)) } else { Some(start) };
        match (reach, lowest) {
            (Some(reach), Some(lowest)) => Span::within(call, map_len, lowest, reach + 1),
            _ => Err(Error::OutOfBounds { call, start, end: usize::MAX, len: map_len }),
        }
    }

    #[inline]
    pub(crate) fn of(
        call: &'static str,
        map_len: usize,
        range: impl RangeBounds<usize>,
    ) -> Result<Span> {
        let start = match range.start_bound() {
            Bound::Included(&start) => Some(start),
            Bound::Excluded(&before) => before.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.checked_add(1),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => Some(map_len),
        };
        match (start, end) {
            (Some(start), Some(end)) if start <= end && end <= map_len => {
                Ok(Span { start, len: end - start })
            }
            _ => Err(out_of_bounds(call, map_len, start, end)),
        }
    }

    /// Returns the start and the end of `range`; no end if that is the end of the map.
    pub(crate) fn bounds(range: impl RangeBounds<usize>) -> (usize, Option<usize>) {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => Some(last.saturating_add(1)),
            Bound::Excluded(&end) => Some(end),
            Bound::Unbounded => None,
        };
        (start, end)
    }

    /// The first `capacity` bytes of a region, of which the map may be shorter. For a thread that
    /// has locked the regions.
    pub(super) fn of_region(capacity: usize) -> Span {
        Span { start: 0, len: capacity }
    }

    /// Returns the `len` bytes from the span's byte `from`, or those of them that the span has.
    #[inline]
    pub(crate) fn part(self, from: usize, len: usize) -> Span {
        let from = from.min(self.len);
        Span { start: self.start + from, len: len.min(self.len - from) }
    }

    /// Returns the `len` bytes from the span's byte `from`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] with numbers that count from the start of the span.
    #[inline]
    pub(super) fn within_self(self, call: &'static str, from: usize, len: usize) -> Result<Span> {
        Span::within(call, self.len, from, len).map(|inner| self.part(inner.start, len))
    }

    /// Like [`Span::within_self`], for a range.
    pub(crate) fn range(self, call: &'static str, range: impl RangeBounds<usize>) -> Result<Span> {
        Span::of(call, self.len, range).map(|inner| self.part(inner.start, inner.len))
    }

    /// Returns the rest of the span, from its byte `from`.
    #[inline]
    pub(crate) fn rest(self, from: usize) -> Span {
        self.part(from, usize::MAX)
    }

    /// Returns the span from the lower start to the higher end of both.
    #[inline]
    pub(super) fn union(self, other: Span) -> Span {
        let start = self.start.min(other.start);
        Span { start, len: self.end().max(other.end()) - start }
    }

    #[inline]
    pub(crate) fn start(self) -> usize {
        self.start
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn end(self) -> usize {
        self.start + self.len
    }
}

/// The error of [`Span::of`]. Not inlined, so that the fast path does not prepare its fields.
#[cold]
#[inline(never)]
fn out_of_bounds(
    call: &'static str,
    len: usize,
    start: Option<usize>,
    end: Option<usize>,
) -> Error {
    let (start, end) = (start.unwrap_or(usize::MAX), end.unwrap_or(usize::MAX));
    Error::OutOfBounds { call, start, end, len }
}
