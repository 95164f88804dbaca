//! Spans: ranges that are known to lie in a map. The one bounds check of the crate.

use std::ops::{Bound, RangeBounds};

use crate::{Error, Result};

/// `len` bytes from `start` on, which lie in the map that was asked (see [`Span::within`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    call: &'static str,
    start: usize,
    len: usize,
}

impl Span {
    /// Checks that `len` bytes from `start` on lie in a map of `map_len` bytes.
    #[inline]
    pub(crate) fn within(call: &'static str, map_len: usize, start: usize, len: usize) -> Result<Span> {
        match map_len.checked_sub(start) {
            Some(room) if len <= room => Ok(Span { call, start, len }),
            _ => Err(Error::OutOfBounds { call, start, end: start.saturating_add(len), len: map_len }),
        }
    }

    /// Checks that `start` lies in a map of `map_len` bytes, or at its end, and reaches from there to the end.
    #[inline]
    pub(crate) fn from(call: &'static str, map_len: usize, start: usize) -> Result<Span> {
        match map_len.checked_sub(start) {
            Some(len) => Ok(Span { call, start, len }),
            None => Err(Error::OutOfBounds { call, start, end: map_len, len: map_len }),
        }
    }

    /// Checks that `count` places from `at` on, `step` apart, lie in a map of `map_len` bytes; they are the first and the last byte of
    /// the span and some in between.
    #[inline]
    pub(crate) fn of_places(call: &'static str, map_len: usize, at: usize, step: isize, count: usize) -> Result<Span> {
        let Some(more) = count.checked_sub(1) else { return Span::within(call, map_len, at, 0) };
        let reach = more.checked_mul(step.unsigned_abs()).filter(|&reach| reach < map_len);
        let first = if step < 0 { reach.and_then(|reach| at.checked_sub(reach)) } else { Some(at) };
        match (reach, first) {
            (Some(reach), Some(first)) => Span::within(call, map_len, first, reach + 1),
            _ => Err(Error::OutOfBounds { call, start: at, end: usize::MAX, len: map_len }),
        }
    }

    /// Checks that `range` lies in a map of `map_len` bytes; an open end is the map's end.
    #[inline]
    pub(crate) fn of(call: &'static str, map_len: usize, range: impl RangeBounds<usize>) -> Result<Span> {
        let start = match range.start_bound() {
            Bound::Included(&at) => Some(at),
            Bound::Excluded(&at) => at.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let end = match range.end_bound() {
            Bound::Included(&at) => at.checked_add(1),
            Bound::Excluded(&at) => Some(at),
            Bound::Unbounded => Some(map_len),
        };
        match (start, end) {
            (Some(start), Some(end)) if start <= end && end <= map_len => Ok(Span { call, start, len: end - start }),
            _ => Err(Error::OutOfBounds {
                call,
                start: start.unwrap_or(usize::MAX),
                end: end.unwrap_or(usize::MAX),
                len: map_len,
            }),
        }
    }

    /// Checks once more, against the present length of the map.
    #[inline]
    pub(crate) fn again(self, map_len: usize) -> Result<()> {
        Span::within(self.call, map_len, self.start, self.len).map(drop)
    }

    /// The `len` bytes from the span's byte `from` on; at most what there is.
    #[inline]
    pub(crate) fn part(self, from: usize, len: usize) -> Span {
        let from = from.min(self.len);
        Span { start: self.start + from, len: len.min(self.len - from), ..self }
    }

    /// The span from the start of the first to the end of the last of both.
    #[inline]
    pub(crate) fn with(self, other: Span) -> Span {
        let start = self.start.min(other.start);
        Span { start, len: self.end().max(other.end()) - start, ..self }
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
