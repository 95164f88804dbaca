//! The state of a map's pages: locked, protected, resident, named.

use std::{ffi::CString, io, ops::RangeBounds};

use crate::{
    Error, Map, Protection, Result,
    access::{RegionsGuard, Rounding, Span},
    mode::Sharing,
    sys::{self, fault, pages::Pages},
};

impl Map {
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
        self.ensure_no_changes()?;
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
    /// [`Error::OutOfBounds`]; [`Error::Unaligned`] if the range starts neither with a page nor
    /// with the map; [`Error::Os`] if the file is not open for that access.
    ///
    /// # Platforms
    ///
    /// - On Windows a map of a file never allows more than the [`Access`](crate::Access) that it
    ///   was created with.
    /// - On systems other than Linux, a resize that shortens private memory restores the original
    ///   protection of the pages behind the new end.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Options, Protection};
    ///
    /// let map = Options::new().len(4096).anonymous()?;
    /// map.set(1, 7)?;
    /// map.protect(Protection::READ, ..)?;
    /// assert_eq!(map.get(7)?, 1);
    /// assert!(matches!(map.set(2, 7), Err(Error::Fault { offset: 7 })));
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "mprotect")]
    #[doc(alias = "VirtualProtect")]
    pub fn protect(&self, protection: Protection, range: impl RangeBounds<usize>) -> Result<()> {
        self.ensure_no_changes()?;
        let regions = self.lock_regions();
        let span = self.span("protect", range)?;
        let multiple = self.request.page;
        if span.start() > 0 && (self.memory.lead() + span.start()) % multiple != 0 {
            return Err(Error::Unaligned {
                call: "protect",
                offset: self.offset() + span.start() as u64,
                multiple,
            });
        }
        fault::ensure_first_for_protection().map_err(Error::os("protect"))?;
        let Some(pages) = self.pages(&regions, span, Rounding::Outward) else { return Ok(()) };
        pages.protect(protection).map_err(Error::os("protect"))?;
        if span.len() == self.len() {
            regions.all().for_each(|region| region.protect_repairs(protection));
        }
        self.record_protection(&regions, span, protection).map_err(Error::os("protect"))
    }

    /// Records the protection of memory that a resize may move, and has to restore if it fails;
    /// and of maps that change a file, of which `Advice::Remove` removes writable pages only.
    pub(crate) fn record_protection(
        &self,
        regions: &RegionsGuard<'_>,
        span: Span,
        protection: Protection,
    ) -> io::Result<()> {
        let is_moved = self.is_anonymous() && self.sharing() == Sharing::Private;
        let is_recorded = is_moved || self.reaches_others();
        let Some(region) = regions.current().filter(|_| is_recorded) else { return Ok(()) };
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
        self.ensure_usable()?;
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
}
