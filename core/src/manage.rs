//! Methods of `Map` that call the operating system for pages: flush, advise, lock, protect, name.

use std::{ffi::CString, io, ops::RangeBounds};

use crate::{
    Advice, Error, Map, Protection, Result,
    access::{RegionsGuard, Rounding, Span},
    map::Origin,
    mode::Sharing,
    sys::{
        self, BorrowedFile, fault,
        pages::{FlushMode, Pages},
    },
};

impl Map {
    /// Writes changed bytes of the map to the storage device, and waits until they are written.
    ///
    /// Does nothing for read-only and private maps, whose bytes are not written to a file.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system cannot write all bytes, for example because the disk is full or
    /// the device failed. Bytes may be lost then. Maps made from one [`File`](std::fs::File) share
    /// its error state: only the first of their flushes reports a loss. [`Error::Damaged`] for a
    /// damaged map.
    ///
    /// # Platforms
    ///
    /// - Linux (`MS_SYNC`): the bytes, and the metadata needed to read them, survive a power
    ///   failure.
    /// - macOS and the BSDs: the bytes have reached the device, which may keep them in a volatile
    ///   cache. [`Map::sync_all`] flushes this cache.
    /// - OpenBSD: processes that read the file see bytes written through a map only after a flush.
    /// - Windows (`FlushViewOfFile` and `FlushFileBuffers`): the bytes survive a power failure. If
    ///   the map is [`untracked`](crate::Options::untracked), they have reached the device only.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(4096).extend().map(&file)?;
    /// map.write_at(b"hello", 0)?;
    /// map.flush()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "msync")]
    #[doc(alias = "FlushViewOfFile")]
    pub fn flush(&self) -> Result<()> {
        self.flush_range(..)
    }

    /// Does what [`Map::flush`] does, for the pages that contain bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], and as [`Map::flush`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(1 << 20).extend().map(&file)?;
    /// map.write_at(b"hello", 5000)?;
    /// map.flush_range(5000..5005)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_pages("flush", range, |pages| pages.flush(FlushMode::Wait, self.file()))
    }

    /// Asks the system to start writing changed bytes to the storage device, and does not wait.
    ///
    /// Does nothing for read-only and private maps.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]; [`Error::Damaged`] for a damaged map.
    ///
    /// # Platforms
    ///
    /// On Linux this has no effect: the kernel writes changed pages in the background anyway
    /// (`MS_ASYNC`, msync(2)). Windows writes the bytes to the device and waits until it has
    /// accepted them, possibly into its cache (`FlushViewOfFile`).
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(4096).extend().map(&file)?;
    /// map.write_at(b"hello", 0)?;
    /// map.flush_async()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_async(&self) -> Result<()> {
        self.flush_async_range(..)
    }

    /// Does what [`Map::flush_async`] does, for the pages that contain bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], and as [`Map::flush_async`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(1 << 20).extend().map(&file)?;
    /// map.write_at(b"hello", 5000)?;
    /// map.flush_async_range(5000..5005)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_async_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_pages("flush_async", range, |pages| pages.flush(FlushMode::Later, self.file()))
    }

    /// Calls `msync` with the given flags, for the pages that contain bytes of `range`.
    ///
    /// Does nothing for read-only and private maps.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`], also for invalid flags; [`Error::Damaged`] for a
    /// damaged map.
    ///
    /// # Platforms
    ///
    /// Windows has no such flags. There they are ignored, and only `FlushViewOfFile` is called.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(4096).extend().map(&file)?;
    /// map.flush_with(.., libc::MS_SYNC | libc::MS_INVALIDATE)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "MS_INVALIDATE")]
    pub fn flush_with(&self, range: impl RangeBounds<usize>, flags: i32) -> Result<()> {
        self.flush_pages("flush", range, |pages| pages.flush_with(flags))
    }

    /// Does what [`Map::flush`] does, then what [`File::sync_all`](std::fs::File::sync_all) does.
    ///
    /// Afterwards all bytes written to the file by any means, and its length, survive a power
    /// failure. This may take much longer than `flush`.
    ///
    /// Does nothing for read-only and private maps.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if the map is [`untracked`](crate::Options::untracked); [`Error::Os`],
    /// also if the file system does not support it; [`Error::Damaged`] for a damaged map.
    ///
    /// # Platforms
    ///
    /// Calls `fsync`; on macOS `fcntl` with `F_FULLFSYNC`, which also flushes the drive's cache; on
    /// Windows `FlushFileBuffers`.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).map(&file)?;
    /// map.resize(4096)?;
    /// map.sync_all()?; // the length is durable too
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Locks the pages that contain bytes of `range` in memory, so that they are not swapped out.
    ///
    /// A resize that moves the map unlocks them.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`] if a limit is reached (`RLIMIT_MEMLOCK`, on Windows
    /// the minimum working set size) or a page cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4096).anonymous()?;
    /// if let Err(error) = map.lock(..) {
    ///     eprintln!("the key may be swapped out: {error}");
    /// }
    /// map.write_at(b"secret key", 0)?;
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "mlock")]
    #[doc(alias = "VirtualLock")]
    pub fn lock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let regions = self.lock_regions();
        let span = self.span("lock", range)?;
        self.pages(&regions, span, Rounding::Outward)
            .map_or(Ok(()), Pages::lock)
            .map_err(Error::os("lock"))
    }

    /// Unlocks the pages that contain bytes of `range`, after [`Map::lock`].
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`], on Windows also if the pages are not locked.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4096).anonymous()?;
    /// if map.lock(..).is_ok() {
    ///     map.unlock(..)?;
    /// }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "munlock")]
    pub fn unlock(&self, range: impl RangeBounds<usize>) -> Result<()> {
        let regions = self.lock_regions();
        let span = self.span("unlock", range)?;
        self.pages(&regions, span, Rounding::Outward)
            .map_or(Ok(()), Pages::unlock)
            .map_err(Error::os("unlock"))
    }

    /// Sets the protection of the pages that contain bytes of `range`.
    ///
    /// Access that the protection forbids fails with [`Error::Fault`]. The result of
    /// [`Map::access`] does not change. A resize that moves the map restores its original
    /// protection.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Unaligned`] if the range does not start at the start of a
    /// page; [`Error::Os`] if the file is not open for that access.
    ///
    /// # Platforms
    ///
    /// On Windows a map of a file never allows more than the [`Access`](crate::Access) that it was
    /// created with.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options, Protection};
    ///
    /// let map = Options::new().len(4096).anonymous()?;
    /// map.set(7, 1)?;
    /// map.protect(.., Protection::READ)?;
    /// assert_eq!(map.get(7)?, 1);
    /// assert!(matches!(map.set(7, 2), Err(Error::Fault { offset: 7 })));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "mprotect")]
    #[doc(alias = "VirtualProtect")]
    pub fn protect(&self, range: impl RangeBounds<usize>, protection: Protection) -> Result<()> {
        let regions = self.lock_regions();
        let span = self.span("protect", range)?;
        let multiple = self.request.page;
        if !(self.memory.lead() + span.start()).is_multiple_of(multiple) {
            return Err(Error::Unaligned {
                call: "protect",
                offset: self.offset() + span.start() as u64,
                multiple,
            });
        }
        fault::ensure_first_for_protection().map_err(Error::os("protect"))?;
        let Some(pages) = self.pages(&regions, span, Rounding::Outward) else { return Ok(()) };
        pages.protect(protection).map_err(Error::os("protect"))?;
        self.record_protection(&regions, span, protection).map_err(Error::os("protect"))
    }

    /// Records the protection of memory that a resize may move, and has to restore if it fails.
    fn record_protection(
        &self,
        regions: &RegionsGuard<'_>,
        span: Span,
        protection: Protection,
    ) -> io::Result<()> {
        let is_moved = self.is_anonymous() && self.sharing() == Sharing::Private;
        let Some(region) = regions.current().filter(|_| is_moved) else { return Ok(()) };
        let lead = self.memory.lead();
        let end = (lead + span.end()).next_multiple_of(self.request.page);
        region.record_protection(lead + span.start()..end, protection, &self.request)
    }

    /// Returns for each page that contains bytes of `range` whether it is in memory.
    ///
    /// Each element stands for [`page_size`](crate::page_size) bytes; the first is the page that
    /// contains the start of the range. The result may be outdated when the method returns.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`], also if the result does not fit into memory. On Linux
    /// also [`Error::Unsupported`] if the kernel does not report the state of the file, and
    /// [`Error::NoFile`] if it reports that all pages are in memory, and the map is
    /// [`untracked`](crate::Options::untracked), so that this cannot be verified.
    ///
    /// # Platforms
    ///
    /// On Unix (`mincore`) a page of a file counts if it is in the page cache. On Windows
    /// (`QueryWorkingSetEx`) it counts if it is in the working set of this process. Linux reports
    /// the state of a file only if the user owns it or may write to it. OpenBSD has no such call.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let pages = map.residency(..)?;
    /// let resident = pages.iter().filter(|&&is_resident| is_resident).count();
    /// println!("{resident} of {} pages are in memory", pages.len());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "mincore")]
    #[doc(alias = "QueryWorkingSetEx")]
    pub fn residency(&self, range: impl RangeBounds<usize>) -> Result<Vec<bool>> {
        let regions = self.lock_regions();
        let span = self.span("residency", range)?;
        let pages = self.pages(&regions, span, Rounding::Outward);
        let resident =
            pages.map_or(Ok(Vec::new()), Pages::resident).map_err(Error::os("residency"))?;
        if !self.is_anonymous() && !resident.is_empty() && resident.iter().all(|&is| is) {
            self.ensure_residency_is_reported()?;
        }
        Ok(resident)
    }

    /// Fails if the system reports every page of the file as resident, whether it is or not.
    fn ensure_residency_is_reported(&self) -> Result<()> {
        let end = self.offset() + self.len() as u64;
        match sys::file::reports_residency(self.file(), end) {
            None => Err(Error::NoFile { call: "residency" }),
            Some(Err(error)) => Err(Error::os("residency")(error)),
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => Err(Error::Unsupported(
                "the kernel does not report to this user which pages of this file are in memory",
            )),
        }
    }

    /// Names anonymous memory. `/proc/PID/maps` shows it as `[anon:name]` or `[anon_shmem:name]`.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a map of a file, and for a name with a zero byte. [`Error::Os`]
    /// if the name is longer than 79 bytes or contains one of ``[ ] \ $ ` ``, or if the kernel was
    /// built without `CONFIG_ANON_VMA_NAME`.
    ///
    /// # Platforms
    ///
    /// Linux 5.17 and later (`PR_SET_VMA_ANON_NAME`). On Windows
    /// [`Options::name`](crate::Options::name) sets a name under which other processes find the
    /// memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4096).anonymous()?;
    /// if let Err(error) = map.set_name("cache") {
    ///     eprintln!("no name: {error}");
    /// }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn set_name(&self, name: &str) -> Result<()> {
        if !self.is_anonymous() {
            return Err(Error::Unsupported("a map of a file cannot be named"));
        }
        let name = CString::new(name)
            .map_err(|_| Error::Unsupported("a name cannot contain a zero byte"))?;
        let regions = self.lock_regions();
        let span = self.span("set_name", ..)?;
        let pages = self.pages(&regions, span, Rounding::Outward);
        pages.map_or(Ok(()), |pages| pages.name(&name)).map_err(Error::os("set_name"))
    }

    /// Returns the current length of the file in bytes, or the length of the map for anonymous
    /// memory.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if the map is [`untracked`](crate::Options::untracked); [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(9).open("Cargo.toml")?;
    /// assert!(map.file_len()? > 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "fstat")]
    pub fn file_len(&self) -> Result<u64> {
        match (self.is_anonymous(), self.file()) {
            (true, _) => Ok(self.len() as u64),
            (false, None) => Err(Error::NoFile { call: "file_len" }),
            (false, Some(file)) => sys::file::status_len(file).map_err(Error::os("file_len")),
        }
    }

    /// Checks that the file is not shorter than the map, by one `fstat`.
    ///
    /// The rest of the page in which a truncated file ends is accessible: it reads as zeros, and
    /// bytes stored there are lost. No other method reports this. The result is what was true
    /// during the call; the file may be truncated at any time after it.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] with the end of the file, relative to the start of the map, if the file is
    /// shorter than the map; 0 if it ends before the map starts. [`Error::Damaged`] for a damaged
    /// map. [`Error::Unsupported`] for devices, and if the map is
    /// [`untracked`](crate::Options::untracked). [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Error, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(100).extend().map(&file)?;
    /// map.fill(7, ..)?;
    /// map.verify()?;
    /// # if cfg!(windows) { return Ok(()); } // Windows refuses to truncate a mapped file.
    /// file.set_len(60)?;
    /// assert_eq!(map.get(80)?, 0); // in the last page, so not a fault
    /// assert!(matches!(map.verify(), Err(Error::Fault { offset: 60 })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<()> {
        self.ensure_intact()?;
        if self.is_anonymous() {
            return Ok(());
        }
        let file = self.file().ok_or(Error::Unsupported("an untracked map cannot be verified"))?;
        let len = self.len();
        let file_len = sys::file::regular_len(file).map_err(Error::os("verify"))?;
        let file_len =
            file_len.ok_or(Error::Unsupported("a map of a device cannot be verified"))?;
        // Another thread may have resized the map before or after the file was examined.
        let len = len.min(self.len());
        match usize::try_from(file_len.saturating_sub(self.offset())) {
            Ok(offset) if offset < len => Err(Error::Fault { offset }),
            _ => Ok(()),
        }
    }

    /// Unmaps the memory, closes the file, and reports errors of both.
    ///
    /// Does not [`flush`](Map::flush). Dropping a map takes the same steps and ignores errors.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] of the first step that failed. The remaining steps are carried out too.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// map.close()?;
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "munmap")]
    pub fn close(self) -> Result<()> {
        let Map { origin, memory, .. } = self;
        let unmapped = memory.unmap();
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
        self.ensure_intact()?;
        let in_use = self.enter(span)?;
        match self.reaches_others().then(|| self.pages(&in_use, span, Rounding::Outward)).flatten()
        {
            Some(pages) => flush(pages).map_err(Error::os("flush")),
            None => Ok(()),
        }
    }

    /// Returns the descriptor that the map keeps.
    fn file(&self) -> Option<BorrowedFile<'_>> {
        match &self.origin {
            Origin::File { file, .. } => file.as_ref().map(sys::borrow),
            Origin::Memory => None,
        }
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
