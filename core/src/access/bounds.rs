//! The bounds checks: the methods of `Map` that construct spans.

use std::ops::RangeBounds;

use super::{Span, Strided};
use crate::{Map, Result};

/// Bounds checks. Each fails with [`Error::OutOfBounds`], or returns `None`.
impl Map {
    /// Checks `range`; an open end is the map's end.
    #[inline]
    pub(crate) fn span(&self, call: &'static str, range: impl RangeBounds<usize>) -> Result<Span> {
        Span::of(call, self.len(), range)
    }

    /// Checks the `len` bytes from `start`.
    #[inline]
    pub(crate) fn span_at(&self, call: &'static str, start: usize, len: usize) -> Result<Span> {
        Span::within(call, self.len(), start, len)
    }

    /// Returns the bytes from `start` to the map's end, or `None` if `start` lies beyond it.
    #[inline]
    pub(crate) fn span_from(&self, start: usize) -> Option<Span> {
        Span::to_end(self.len(), start)
    }

    /// Checks the `len` bytes from `start`, and as many from `other`, against the same length of
    /// the map.
    #[inline]
    pub(crate) fn two_spans(
        &self,
        call: &'static str,
        range: impl RangeBounds<usize>,
        other: usize,
    ) -> Result<(Span, Span)> {
        let map_len = self.len();
        let span = Span::of(call, map_len, range)?;
        Ok((span, Span::within(call, map_len, other, span.len())?))
    }

    /// Checks `count` bytes, `step` apart, the first of them at `start`.
    #[inline]
    pub(crate) fn strided(
        &self,
        call: &'static str,
        start: usize,
        step: isize,
        count: usize,
    ) -> Result<Strided> {
        let span = Span::around(call, self.len(), start, step, count)?;
        Ok(Strided { span, start, step, count })
    }
}
