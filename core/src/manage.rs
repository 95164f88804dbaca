//! The map and the system: flush, advise, lock, protect, name, close.
//!
//! # Safety
//!
//! [`Map::pages`] alone is unsafe; it makes [`Pages`] of a [`Span`], which lies in the map.

#![allow(unsafe_code)]

use std::{ffi::CString, io, ops::RangeBounds, ptr::NonNull};

use crate::{
    Access, Advice, Error, Map, Protection, Result, Sharing,
    map::Origin,
    span::Span,
    sys::{
        self, BorrowedFile, fault,
        pages::{FlushMode as Sync, Pages},
    },
};

/// What to do with a page that a range covers in part.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    /// Take it.
    Outward,
    /// Leave it.
    Inward,
}

impl Map {
    /// Writes the changed bytes of the map to the file's device and waits until they are there.
    ///
    /// Does nothing for read-only and private maps, whose bytes go nowhere.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system cannot: bytes may be lost (the disk is full or failed).
    ///
    /// # Platforms
    ///
    /// On Linux the bytes, and what is needed to find them again, survive a power failure afterwards (`MS_SYNC`). On macOS and
    /// the BSDs they have been handed to the device, which may keep them in a cache of its own: [`Map::sync_all`] empties that.
    /// OpenBSD shows what was written through a map to those who read the file only after this.
    /// On Windows they survive (`FlushViewOfFile` and `FlushFileBuffers`), unless the map was made
    /// [`untracked`](crate::Options::untracked): then they have been handed to the device.
    #[doc(alias = "msync")]
    #[doc(alias = "FlushViewOfFile")]
    pub fn flush(&self) -> Result<()> {
        self.flush_range(..)
    }

    /// As [`Map::flush`], for the pages that hold bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Os`].
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_pages("flush", range, |pages| pages.flush(Sync::Wait, self.file()))
    }

    /// Lets the system begin to write the changed bytes to the device, and does not wait.
    ///
    /// # Errors
    ///
    /// [`Error::Os`].
    ///
    /// # Platforms
    ///
    /// Linux writes changed pages when it sees fit and takes this for granted: nothing happens (`MS_ASYNC`). Windows hands them
    /// to the device and waits until it has them, maybe in its cache (`FlushViewOfFile`).
    pub fn flush_async(&self) -> Result<()> {
        self.flush_async_range(..)
    }

    /// As [`Map::flush_async`], for the pages that hold bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Os`].
    pub fn flush_async_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_pages("flush_async", range, |pages| pages.flush(Sync::Later, self.file()))
    }

    /// As [`Map::flush_range`], with the flags of the system's own call in place of ours.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Os`].
    ///
    /// # Platforms
    ///
    /// The call of Windows has no flags; they are ignored, and what is called is `FlushViewOfFile` alone.
    #[doc(alias = "MS_INVALIDATE")]
    pub fn flush_with(&self, range: impl RangeBounds<usize>, flags: i32) -> Result<()> {
        self.flush_pages("flush", range, |pages| pages.flush_with(flags))
    }

    /// Does what [`Map::flush`] does, and then what [`File::sync_all`](std::fs::File::sync_all) does for the file: afterwards all that was
    /// written to it in whatever way, and its length, survive a power failure. May be much slower.
    ///
    /// Does nothing for maps whose bytes go nowhere.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if the map was made [`untracked`](crate::Options::untracked); [`Error::Os`], also where the file system
    /// cannot promise it.
    ///
    /// # Platforms
    ///
    /// `fsync`; on macOS `F_FULLFSYNC`, which has the drive empty its cache.
    #[doc(alias = "fsync")]
    #[doc(alias = "F_FULLFSYNC")]
    #[doc(alias = "FlushFileBuffers")]
    pub fn sync_all(&self) -> Result<()> {
        let file = match &self.origin {
            Origin::File { file: Some(file), .. } if self.reaches_others() => sys::borrow(file),
            Origin::File { file: None, .. } => return Err(Error::NoFile { call: "sync_all" }),
            Origin::File { .. } | Origin::Memory => return Ok(()),
        };
        self.flush()?;
        sys::file::sync(file).map_err(Error::os("sync_all"))
    }

    /// Tells the system how the pages of `range` will be used.
    ///
    /// Pages that lie in the range in part are included, except where the advice loses bytes. A range that ends with
    /// the map takes its whole last page.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Unsupported`] if the platform does not have this advice; [`Error::Os`] if the
    /// system refuses it for this kind of map.
    #[doc(alias = "madvise")]
    pub fn advise(&self, advice: Advice, range: impl RangeBounds<usize>) -> Result<()> {
        let _held = self.lock_regions();
        let span = self.span("advise", range)?;
        let number = advice.to_raw().ok_or(Error::Unsupported("that advice"))?;
        // By its number: `Advice::Other` may be one of those that the table knows.
        let known = Advice::from_raw(number);
        if known.forbids() {
            fault::ensure_first_for_protection();
        }
        let rounding = if known.drops_bytes() { Rounding::Inward } else { Rounding::Outward };
        match self.pages(span, rounding) {
            Some(pages) => pages.advise(number).map_err(Error::os("advise")),
            None => Ok(()),
        }
    }

    /// Keeps the pages of `range` in memory. A resize that moves the map takes it back, as it does with advice.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`] if the limit is reached (`RLIMIT_MEMLOCK`, on Windows the minimum of the working set)
    /// or a page cannot be had.
    #[doc(alias = "mlock")]
    #[doc(alias = "VirtualLock")]
    pub fn lock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let _held = self.lock_regions();
        let span = self.span("lock", range)?;
        self.pages(span, Rounding::Outward).map_or(Ok(()), Pages::lock).map_err(Error::os("lock"))
    }

    /// Takes [`Map::lock`] back.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], [`Error::Os`].
    #[doc(alias = "munlock")]
    pub fn unlock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let _held = self.lock_regions();
        let span = self.span("unlock", range)?;
        self.pages(span, Rounding::Outward).map_or(Ok(()), Pages::unlock).map_err(Error::os("unlock"))
    }

    /// Changes what may be done with the pages that hold bytes of `range`. What is forbidden is [`Error::Fault`] when
    /// tried; the map's [`Access`] stays as it is. A resize that moves the map takes it back.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Unaligned`] if the range does not start with a page of the file; [`Error::Os`] if the
    /// file was not opened for that.
    ///
    /// # Platforms
    ///
    /// On Windows a map of a file never gets more than its [`Access`] had when it was made.
    #[doc(alias = "mprotect")]
    #[doc(alias = "VirtualProtect")]
    pub fn protect(&self, range: impl RangeBounds<usize>, protection: Protection) -> Result<()> {
        let _held = self.lock_regions();
        let span = self.span("protect", range)?;
        let multiple = self.request.page;
        if !(self.lead + span.start()).is_multiple_of(multiple) {
            return Err(Error::Unaligned { call: "protect", offset: self.offset() + span.start() as u64, multiple });
        }
        fault::ensure_first_for_protection();
        let pages = self.pages(span, Rounding::Outward);
        pages.map_or(Ok(()), |pages| pages.protect(protection)).map_err(Error::os("protect"))
    }

    /// Tells which of the pages that hold bytes of `range` are in memory: one answer for each [`page_size`](crate::page_size), from the page
    /// on in which the range begins. It may be out of date when it arrives.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`], also if there is no memory for so many answers.
    ///
    /// # Platforms
    ///
    /// On Unix a page of a file counts that the system has, for whomever; on Windows one that this process has used of late. Linux tells
    /// it of files only that the user may write to or owns. OpenBSD does not tell.
    #[doc(alias = "mincore")]
    #[doc(alias = "QueryWorkingSetEx")]
    pub fn residency(&self, range: impl RangeBounds<usize>) -> Result<Vec<bool>> {
        let _held = self.lock_regions();
        let span = self.span("residency", range)?;
        let pages = self.pages(span, Rounding::Outward);
        pages.map_or(Ok(Vec::new()), Pages::resident).map_err(Error::os("residency"))
    }

    /// Gives anonymous memory a name, which `/proc/PID/maps` shows as `[anon:name]` or `[anon_shmem:name]`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a file, and for a name with a zero byte; [`Error::Os`] if the name is longer than 79
    /// bytes or has one of `[ ] \ $ `` ` ``, or the system was built without names.
    ///
    /// # Platforms
    ///
    /// Linux 5.17. For a name under which other processes find the memory, on Windows, see [`Options::name`](crate::Options::name).
    pub fn set_name(&self, name: &str) -> Result<()> {
        if !self.is_anonymous() {
            return Err(Error::Unsupported("a name for the map of a file"));
        }
        let name = CString::new(name).map_err(|_| Error::Unsupported("a name with a zero byte"))?;
        let _held = self.lock_regions();
        let span = self.span("set_name", ..)?;
        let pages = self.pages(span, Rounding::Outward);
        pages.map_or(Ok(()), |pages| pages.name(&name)).map_err(Error::os("set_name"))
    }

    /// Returns the length of the file in bytes, as it is now; for anonymous memory that of the map.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if the map was made [`untracked`](crate::Options::untracked); [`Error::Os`].
    #[doc(alias = "fstat")]
    pub fn file_len(&self) -> Result<u64> {
        match (self.is_anonymous(), self.file()) {
            (true, _) => Ok(self.len() as u64),
            (false, None) => Err(Error::NoFile { call: "file_len" }),
            (false, Some(file)) => sys::file::status_len(file).map_err(Error::os("file_len")),
        }
    }

    /// Unmaps and closes the file, and tells what the system says of it. Does not [`flush`](Map::flush).
    ///
    /// # Errors
    ///
    /// [`Error::Os`], of the first step that failed; all are taken.
    #[doc(alias = "munmap")]
    pub fn close(self) -> Result<()> {
        let Map { origin, regions, .. } = self;
        let regions = regions.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unmapped = regions.left.into_iter().chain(regions.current).map(sys::region::Region::unmap);
        let unmapped = unmapped.fold(Ok(()), io::Result::and);
        let closed = match origin {
            Origin::File { file: Some(file), .. } => sys::file::close(file),
            Origin::File { file: None, .. } | Origin::Memory => Ok(()),
        };
        unmapped.and(closed).map_err(Error::os("close"))
    }

    fn flush_pages(
        &self,
        call: &'static str,
        range: impl RangeBounds<usize>,
        flush: impl FnOnce(Pages<'_>) -> io::Result<()>,
    ) -> Result<()> {
        let span = self.span(call, range)?;
        self.intact()?;
        let _in_use = self.enter(span)?;
        match self.reaches_others().then(|| self.pages(span, Rounding::Outward)).flatten() {
            Some(pages) => flush(pages).map_err(Error::os("flush")),
            None => Ok(()),
        }
    }

    /// The file that the map keeps.
    fn file(&self) -> Option<BorrowedFile<'_>> {
        match &self.origin {
            Origin::File { file, .. } => file.as_ref().map(sys::borrow),
            Origin::Memory => None,
        }
    }

    /// Whether what is written here goes anywhere.
    fn reaches_others(&self) -> bool {
        self.access() == Access::Write && self.sharing() == Sharing::Shared
    }

    /// The pages that hold bytes of `span`.
    pub(crate) fn whole_pages(&self, span: Span) -> Option<Pages<'_>> {
        self.pages(span, Rounding::Outward)
    }

    /// The whole pages of `span`; `None` where it has none.
    fn pages(&self, span: Span, rounding: Rounding) -> Option<Pages<'_>> {
        let page = self.request.page;
        let up = |at: usize| at.div_ceil(page) * page;
        let (from, to) = (self.lead + span.start(), self.lead + span.end());
        let from = if rounding == Rounding::Inward { up(from) } else { from - from % page };
        let whole = rounding == Rounding::Outward || span.end() == self.len();
        let to = if whole { up(to) } else { to - to % page };
        if span.len() == 0 || from >= to {
            return None;
        }
        // The region, not the map, starts with a page. Who changes the state of pages holds the regions, so that they are not
        // those of a region which a resize has just left. For a flush, which holds a in_use, both are the file's.
        let at = self.base().wrapping_sub(self.lead).wrapping_add(from);
        // SAFETY: `span` lies in the map, or in its region, so its pages lie there, which stays mapped as long as the map.
        Some(unsafe { Pages::new(NonNull::new(at)?, to - from) })
    }
}
