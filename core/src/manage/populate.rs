//! `Map::populate`: pages that are present before they are used.

use std::{mem::MaybeUninit, ops::RangeBounds};

#[cfg(doc)]
use crate::Error;
use crate::{Access, Advice, Map, Result, access::Span, sys};

/// How many pages are touched with one call of an accessor.
const TOUCHED: usize = 1024;

impl Map {
    /// Makes the pages that contain bytes of `range` present, so that later accesses wait for no
    /// storage.
    ///
    /// Private pages that can be written are copied or allocated, too. Those of a shared map are
    /// only read, so that they need not be written back. The system may evict pages later;
    /// [`Map::lock`] prevents that.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Fault`] with a byte that cannot be read.
    ///
    /// # Platforms
    ///
    /// Linux 5.14 and later (`MADV_POPULATE_READ`, `MADV_POPULATE_WRITE`). Elsewhere a byte of each
    /// page is read.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// map.populate(..)?;
    /// assert_eq!(map.get(0)?, b'[');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "MADV_POPULATE_READ")]
    pub fn populate(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.ensure_no_changes()?;
        let span = self.span("populate", range)?;
        let advice = match self.access() {
            Access::Read => Advice::PopulateRead,
            _ if self.request.flags.is_shared() => Advice::PopulateRead,
            Access::Write | Access::Copy => Advice::PopulateWrite,
        };
        match self.advise(advice, span.start()..span.end()) {
            Ok(()) => Ok(()),
            // Not known, or a page that the loop finds.
            Err(_) => self.touch(span),
        }
    }

    /// Reads a byte of each page of `span`.
    fn touch(&self, span: Span) -> Result<()> {
        let mut bytes = [MaybeUninit::uninit(); TOUCHED];
        let page = sys::page_size();
        let mut at = span.start();
        while at < span.end() {
            let pages = (span.end() - at).div_ceil(page).min(TOUCHED);
            self.gather(&mut bytes[..pages], at, page as isize)?;
            at = at.saturating_add(pages * page);
        }
        // The last page may begin behind the last byte that was read.
        span.len().checked_sub(1).map_or(Ok(()), |last| self.load_byte(span, last).map(drop))
    }
}
