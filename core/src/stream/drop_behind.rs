//! Releasing the pages behind a forward read, for files that are larger than memory.
//!
//! No position is stored. A read that advances from one offset to another releases the pieces whose
//! end has now fallen so many bytes behind. So it does not matter into how many calls a program
//! divides its reads.

use crate::{Advice, Map, Result, access::Span};

/// Pages are released in pieces of this size, which begin at a multiple of it in the region. A call
/// of the system for each page would cost more than the page fault.
const PIECE: usize = 2 << 20;

/// The number of offsets that one call examines, or of bytes that it copies, before it releases
/// pages.
pub(super) const PART: usize = 8 << 20;

impl Map {
    /// Releases pages that a forward read leaves behind when it advances from one offset to
    /// another, if [`Options::drop_behind`](crate::Options::drop_behind) is set.
    #[inline]
    pub(crate) fn release_passed(&self, from: usize, to: usize) {
        if let Some(distance) = self.drop_behind {
            self.release_behind(from, to, distance);
        }
    }

    /// As [`Map::release_passed`], for the Python package, whose reads have their own positions.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[inline]
    pub fn passed(&self, from: usize, to: usize) {
        self.release_passed(from, to);
    }

    #[cold]
    #[inline(never)]
    fn release_behind(&self, from: usize, to: usize, distance: usize) {
        let lead = self.memory.lead();
        let pieces = |at: usize| (lead + at).saturating_sub(distance) / PIECE * PIECE;
        let (start, end) = (pieces(from), pieces(to));
        if start < end {
            // A hint: the pages may be locked, or the map may be shorter now.
            let _ = self.advise(Advice::DontNeed, start.saturating_sub(lead)..end - lead);
        }
    }

    /// Searches `span` with `search`, which gets a part of it in each call, and finds what begins
    /// in this part without its last `overlap` bytes. Releases pages between the parts.
    pub(crate) fn search_in_parts(
        &self,
        span: Span,
        overlap: usize,
        mut search: impl FnMut(Span) -> Result<Option<usize>>,
    ) -> Result<Option<usize>> {
        let mut at = 0;
        loop {
            let part = span.part(at, PART.saturating_add(overlap));
            let found = search(part)?;
            let end = part.end().min(part.start() + PART);
            // The next search may begin behind the match.
            self.release_passed(part.start(), found.map_or(end, |at| at + overlap + 1));
            if found.is_some() || part.end() == span.end() {
                return Ok(found);
            }
            at += PART;
        }
    }

    /// Whether a search for more than a few bytes has to be divided.
    #[inline(always)]
    pub(crate) fn drops_behind(&self) -> bool {
        self.drop_behind.is_some()
    }
}
