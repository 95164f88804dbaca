//! The whole pages of a range, for system calls that take pages.

use std::ptr::NonNull;

use super::{RegionsGuard, Span};
use crate::{
    Map,
    sys::{in_use::InUse, pages::Pages},
};

/// What to do with a page that a range covers in part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Include it.
    Outward,
    /// Leave it out.
    Inward,
    /// Leave it out, unless it is the last page of the map and the range ends with the map.
    InwardToEnd,
}

/// A guard that keeps the current region of a map mapped.
pub(crate) trait KeepsMapped {}

impl KeepsMapped for RegionsGuard<'_> {}

impl KeepsMapped for InUse<'_> {}

impl Map {
    /// Returns the pages of `span`, or `None` if there are none.
    ///
    /// A call that changes the state of pages locks the regions, so that it does not change pages
    /// that a resize has just left. A flush may use an [`InUse`] guard, because the old and the new
    /// pages are those of the same file.
    pub(crate) fn pages<'a>(
        &self,
        _guard: &'a impl KeepsMapped,
        span: Span,
        rounding: Rounding,
    ) -> Option<Pages<'a>> {
        let page = self.request.page;
        let (start, end) = (self.memory.lead() + span.start(), self.memory.lead() + span.end());
        let outward = rounding == Rounding::Outward;
        let start = if outward { start - start % page } else { start.next_multiple_of(page) };
        let to_end = rounding == Rounding::InwardToEnd && span.end() == self.len();
        let end = if outward || to_end { end.next_multiple_of(page) } else { end - end % page };
        if span.len() == 0 || start >= end {
            return None;
        }
        // The region starts with a page, the map may not.
        let at = self.base().wrapping_sub(self.memory.lead()).wrapping_add(start);
        // SAFETY: `span` lies in a region, which consists of whole pages and stays mapped while the
        // guard exists.
        Some(unsafe { Pages::new(NonNull::new(at)?, end - start) })
    }
}
