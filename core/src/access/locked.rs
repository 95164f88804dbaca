//! Accesses of a thread that has locked the regions of a map: the memory cannot move.

use super::{RegionsGuard, Span};
use crate::{
    Error, Map, Result,
    accessor::{self, Outcome},
    sys::fault,
};

impl Map {
    /// Sets every byte of `span` to zero, for the thread that has locked the regions. The memory
    /// cannot move then.
    pub(crate) fn zero_locked(&self, _regions: &RegionsGuard<'_>, span: Span) -> Result<()> {
        fault::ensure_ready();
        let at = self.base().wrapping_add(span.start());
        // SAFETY: `span` lies in the current region, which stays mapped while the regions are
        // locked.
        completed(span, unsafe { accessor::fill(at, 0, span.len()) })
    }
}

#[cfg(unix)]
impl Map {
    /// Returns a range of the current region, of which the map may be shorter, as far as it lies in
    /// the region.
    pub(crate) fn region_span(&self, regions: &RegionsGuard<'_>, start: usize, end: usize) -> Span {
        let all = Span::of_region(regions.capacity());
        all.part(start, end.saturating_sub(start))
    }

    /// Copies the bytes of `span` to `buffer`, as many as fit, for the thread that has locked the
    /// regions.
    pub(crate) fn copy_out_locked(
        &self,
        _regions: &RegionsGuard<'_>,
        span: Span,
        buffer: &mut [u8],
    ) -> Result<()> {
        fault::ensure_ready();
        let (span, from) = (span.part(0, buffer.len()), self.base().wrapping_add(span.start()));
        // SAFETY: `span` lies in the current region, which stays mapped while the regions are
        // locked. `buffer` is borrowed exclusively, and as long.
        completed(span, unsafe { accessor::copy(buffer.as_mut_ptr(), from, span.len()) })
    }

    /// Copies `bytes` to `span`, as many as fit, for the thread that has locked the regions.
    pub(crate) fn copy_in_locked(
        &self,
        _regions: &RegionsGuard<'_>,
        span: Span,
        bytes: &[u8],
    ) -> Result<()> {
        fault::ensure_ready();
        let (span, to) = (span.part(0, bytes.len()), self.base().wrapping_add(span.start()));
        // SAFETY: `span` lies in the current region, which stays mapped while the regions are
        // locked. `bytes` is as long.
        completed(span, unsafe { accessor::copy(to, bytes.as_ptr(), span.len()) })
    }
}

fn completed(span: Span, outcome: Outcome) -> Result<()> {
    match outcome.fault {
        0 => Ok(()),
        _ => Err(Error::Fault { offset: span.start() + outcome.done }),
    }
}
