//! The whole pages of a range, for calls that tell the operating system about pages.

use std::ptr::NonNull;

use super::Span;
use crate::{Map, sys::pages::Pages};

/// What to do with a page that a range covers in part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    /// Include it.
    Outward,
    /// Leave it out.
    Inward,
}

impl Map {
    /// Returns the pages of `span`, or `None` if there are none. A range that ends with the map includes the whole last
    /// page.
    ///
    /// The caller has locked the regions, or holds an [`InUse`](crate::sys::in_use::InUse) guard and only flushes: a resize
    /// may just have left the region then, but both show the same pages of the file.
    pub(crate) fn pages(&self, span: Span, rounding: Rounding) -> Option<Pages<'_>> {
        let page = self.request.page;
        let (start, end) = (self.memory.lead() + span.start(), self.memory.lead() + span.end());
        let outward = rounding == Rounding::Outward;
        let start = if outward { start - start % page } else { start.next_multiple_of(page) };
        let end = if outward || span.end() == self.len() { end.next_multiple_of(page) } else { end - end % page };
        if span.len() == 0 || start >= end {
            return None;
        }
        // The region starts with a page, the map may not.
        let at = self.base().wrapping_sub(self.memory.lead()).wrapping_add(start);
        // SAFETY: `span` lies in a region, which consists of whole pages and stays mapped as the callers above guarantee.
        Some(unsafe { Pages::new(NonNull::new(at)?, end - start) })
    }
}
