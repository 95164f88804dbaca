//! `Map::advise`, and what becomes of bytes beside the range if the advice discards bytes.

use std::ops::RangeBounds;

use crate::{
    Advice, Error, Map, Result,
    access::{RegionsGuard, Rounding, Span},
    sys::{fault, pages::Pages},
};

impl Map {
    /// Advises the system how the pages of `range` will be used.
    ///
    /// Advice applies to whole pages, and must not discard bytes outside the range. The advice
    /// determines what happens to pages that the range covers in part:
    ///
    /// | advice | pages that the range covers in part |
    /// |---|---|
    /// | [`DontNeed`](Advice::DontNeed), [`DontNeedLocked`](Advice::DontNeedLocked), [`Free`](Advice::Free), [`WipeOnFork`](Advice::WipeOnFork), [`GuardInstall`](Advice::GuardInstall) | are left out, except for the last page of the map if the range ends with the map |
    /// | [`Remove`](Advice::Remove) | keep their other bytes: zeros are written to those of the range |
    /// | [`HwPoison`](Advice::HwPoison) | are left out |
    /// | any other, also [`DontFork`](Advice::DontFork) and [`Other`](Advice::Other) | are included |
    ///
    /// If no page is left, the call does nothing and returns `Ok`.
    ///
    /// A resize that moves the map cancels the advice.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Unsupported`] if the platform lacks the advice;
    /// [`Error::Os`] if the system refuses it for this kind of map.
    ///
    /// Of [`Advice::Remove`] also: [`Error::ReadOnly`]; [`Error::Damaged`] for a damaged map;
    /// [`Error::Fault`] with the first byte of the range whose page forbids writing
    /// ([`Map::protect`], [`Advice::GuardInstall`]). No byte has changed then. If a page that the
    /// range covers in part cannot be written for another reason, such as a truncated file,
    /// [`Error::Fault`] comes after the other bytes have changed.
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
        self.ensure_usable()?;
        let regions = self.lock_regions();
        let span = self.span("advise", range)?;
        let unsupported = Error::Unsupported("this advice is not supported on this platform");
        let number = advice.to_raw().ok_or(unsupported)?;
        // `Advice::Other` may hold the number of a variant.
        let known = Advice::from_raw(number);
        if !known.keeps_private_bytes() {
            self.ensure_no_changes()?;
        }
        if known.forbids() {
            fault::ensure_first_for_protection().map_err(Error::os("advise"))?;
        }
        if known == Advice::Remove {
            return self.remove(&regions, span, number);
        }
        let Some(pages) = self.pages(&regions, span, rounding(known)) else { return Ok(()) };
        pages.advise(number).map_err(Error::os("advise"))?;
        self.record_guards(&regions, pages, known)
    }

    /// Records guards in maps whose bytes can be removed. The kernel would remove those under a
    /// guard as well.
    fn record_guards(
        &self,
        regions: &RegionsGuard<'_>,
        pages: Pages<'_>,
        known: Advice,
    ) -> Result<()> {
        let has_guards = match known {
            Advice::GuardInstall => true,
            Advice::GuardRemove => false,
            _ => return Ok(()),
        };
        let Some(region) = regions.current().filter(|_| self.reaches_others()) else {
            return Ok(());
        };
        region.record_guards(pages, has_guards).map_err(Error::os("advise"))
    }

    /// Frees the whole pages of `span`, and writes zeros to its other bytes.
    fn remove(&self, regions: &RegionsGuard<'_>, span: Span, number: i32) -> Result<()> {
        self.ensure_writable("advise")?;
        self.ensure_intact()?;
        if !self.reaches_others() {
            // madvise(2) refuses private maps, so bytes outside the range are safe.
            let pages = self.pages(regions, span, Rounding::Outward);
            return pages.map_or(Ok(()), |pages| pages.advise(number)).map_err(Error::os("advise"));
        }
        self.ensure_pages_writable(regions, span)?;
        let pages = self.pages(regions, span, Rounding::Inward);
        pages.map_or(Ok(()), |pages| pages.advise(number)).map_err(Error::os("advise"))?;
        let (before, after) = self.edges(span);
        self.zero_locked(regions, before)?;
        self.zero_locked(regions, after)
    }

    /// Fails if a page of `span` forbids writing. The kernel would remove its bytes if the file is
    /// open for writing.
    fn ensure_pages_writable(&self, regions: &RegionsGuard<'_>, span: Span) -> Result<()> {
        let lead = self.memory.lead();
        let range = lead + span.start()..lead + span.end();
        let first =
            regions.current().and_then(|region| region.first_unwritable(range, &self.request));
        first.map_or(Ok(()), |at| Err(Error::Fault { offset: at - lead }))
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
