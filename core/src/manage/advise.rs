//! `Map::advise`, and what becomes of bytes beside the range if the advice discards bytes.

use std::{io, ops::RangeBounds};

use crate::{
    Advice, Error, Map, Result,
    access::{RegionsGuard, Rounding, Span},
    mode::Sharing,
    sys::{self, fault},
};

impl Map {
    /// Advises the system how the pages of `range` will be used.
    ///
    /// Pages that the range covers in part are included. If the advice can discard bytes, they are
    /// left out instead, except for the last page of the map in a range that ends with the map.
    ///
    /// Bytes of the file outside the range never change. [`Advice::Remove`] frees the pages that
    /// lie in the range as a whole, and writes zeros to the rest of the range.
    ///
    /// A resize that moves the map cancels the advice.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Unsupported`] if the platform lacks the advice;
    /// [`Error::Os`] if the system refuses it for this kind of map.
    ///
    /// # Platforms
    ///
    /// Calls `madvise`. [`Advice`] lists the advice of each platform.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Advice, Map};
    ///
    /// let map = Map::open("Cargo.toml")?;
    /// map.advise(Advice::WillNeed, ..100)?; // starts to read the first page
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "madvise")]
    pub fn advise(&self, advice: Advice, range: impl RangeBounds<usize>) -> Result<()> {
        let regions = self.lock_regions();
        let span = self.span("advise", range)?;
        let unsupported = Error::Unsupported("this advice is not supported on this platform");
        let number = advice.to_raw().ok_or(unsupported)?;
        // `Advice::Other` may hold the number of a variant.
        let known = Advice::from_raw(number);
        if known.forbids() {
            fault::ensure_first_for_protection().map_err(Error::os("advise"))?;
        }
        if known == Advice::Remove {
            return self.remove(&regions, span, number);
        }
        match self.pages(&regions, span, rounding(known)) {
            Some(pages) => pages.advise(number).map_err(Error::os("advise")),
            None => Ok(()),
        }
    }

    /// Frees the whole pages of `span`, and writes zeros to its other bytes.
    ///
    /// A read-only map cannot write them. The kernel frees its pages if the file is open for
    /// writing, so they are freed if no byte outside `span` is lost.
    fn remove(&self, regions: &RegionsGuard<'_>, span: Span, number: i32) -> Result<()> {
        self.ensure_intact()?;
        let (before, after) = self.edges(span);
        let writes_edges = self.reaches_others();
        let is_private = self.sharing() == Sharing::Private;
        let has_edges = before.len() > 0 || (after.len() > 0 && !self.is_end_of_file(span));
        if !is_private && !writes_edges && has_edges {
            let denied = io::Error::from_raw_os_error(sys::ACCESS_DENIED);
            return Err(Error::os("advise")(denied));
        }
        // madvise(2) refuses private maps, so bytes outside the range are safe.
        let rounding = if writes_edges { Rounding::Inward } else { Rounding::Outward };
        let pages = self.pages(regions, span, rounding);
        pages.map_or(Ok(()), |pages| pages.advise(number)).map_err(Error::os("advise"))?;
        if !writes_edges {
            return Ok(());
        }
        self.zero_locked(regions, before)?;
        self.zero_locked(regions, after)
    }

    /// Whether neither the map nor the file continues behind `span`.
    fn is_end_of_file(&self, span: Span) -> bool {
        let end = self.offset() + span.end() as u64;
        span.end() == self.len() && self.file_len().is_ok_and(|file_len| file_len <= end)
    }

    /// The bytes of `span` before its first whole page, and those behind its last one.
    fn edges(&self, span: Span) -> (Span, Span) {
        let (lead, page) = (self.memory.lead(), self.request.page);
        let start = (lead + span.start()).next_multiple_of(page) - lead - span.start();
        let end = (lead + span.end()) / page * page;
        let end = end.saturating_sub(lead + span.start()).max(start);
        (span.part(0, start), span.rest(end))
    }
}

/// Returns what becomes of pages that the range of an advice covers in part.
fn rounding(advice: Advice) -> Rounding {
    if advice.drops_file_bytes() {
        Rounding::Inward
    } else if advice.drops_bytes() {
        Rounding::InwardToEnd
    } else {
        Rounding::Outward
    }
}
