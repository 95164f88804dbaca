//! A region: address space from `mmap` to `munmap`.

mod private;

use std::{
    ffi::OsStr,
    io,
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    sync::Arc,
};

use super::{
    check, fault, fork,
    mmap::{MapCall, map_call, offset_of, protect_call},
    not_inherited, page_size,
    repair::{Mark, Watch},
};
use crate::{
    flags::{Flags, Protection},
    sys::{pages::Pages, protections::Protections, request::MapRequest, size},
};

/// Whether a mapping may extend beyond the end of its file, and the file may shrink while it is
/// mapped.
pub(crate) const OUTGROWS_FILES: bool = true;

/// Whether memory can have a name by which other processes map it.
pub(crate) const HAS_NAMES: bool = false;

impl MapRequest {
    /// Returns the request for a region that is larger than needed at present; `None` if unused
    /// space would cost memory.
    pub(crate) fn spacious(&self) -> Option<MapRequest> {
        let flags = self.flags | Flags::NORESERVE;
        (!super::flags::are_eager(self.flags.0) && self.page == page_size())
            .then_some(MapRequest { flags, ..*self })
    }
}

/// What [`Region::guards`] has for a page that is not a guard.
const NO_GUARD: Protection = Protection::WRITE;

/// Mapped pages. They are unmapped on drop.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    /// In bytes, whole pages.
    size: usize,
    /// How the pages were mapped.
    request: MapRequest,
    protections: Protections,
    guards: Protections,
    watch: Option<Watch>,
}

// SAFETY: a region is an address and a length. The accessors allow concurrent access to its pages.
unsafe impl Send for Region {}
// SAFETY: as above; no method changes the region through a shared reference.
unsafe impl Sync for Region {}

impl Region {
    /// Maps at least `len` bytes: of a file from an offset on, or of new memory.
    pub(crate) fn new(
        request: &MapRequest,
        len: usize,
        file: Option<(BorrowedFd<'_>, u64)>,
    ) -> io::Result<Region> {
        // `MAP_FIXED` would replace existing mappings.
        if request.flags.0 & super::flags::FIXED != 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let size =
            size::round_up(len, request.page).ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
        let (fd, offset) = match file {
            Some((file, offset)) => (file.as_raw_fd(), offset_of(offset)?),
            None => (-1, 0),
        };
        // For a file the length is passed unrounded: some device drivers check it.
        let len = if file.is_some() { len } else { size };
        let call = MapCall { at: ptr::null_mut(), len, flags: request.flags.0, fd, offset };
        // SAFETY: without MAP_FIXED the kernel chooses a free address range.
        let base = unsafe { map_call(request.protection, &call) }?;
        let (protections, guards) = Default::default();
        Ok(Region { base, size, request: *request, protections, guards, watch: None })
    }

    /// Like [`Region::new`], with a name by which other processes map the same memory.
    pub(crate) fn named(
        _: &MapRequest,
        _: usize,
        _: Option<(BorrowedFd<'_>, u64)>,
        _: &OsStr,
    ) -> io::Result<Region> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Releases the name of this region.
    pub(crate) fn leave_name(&mut self, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Commits memory for the first `len` bytes. The kernel does that when a page is first
    /// accessed.
    pub(crate) fn commit(&self, _: &MapRequest, _: usize) -> io::Result<()> {
        Ok(())
    }

    /// Commits memory for `range`. The kernel does that when a page is first accessed.
    pub(crate) fn commit_range(&self, _: &MapRequest, _: Range<usize>) -> io::Result<()> {
        Ok(())
    }

    /// Asks for large pages, or for none. The kernel may do otherwise.
    pub(crate) fn advise_large_pages(&self, wanted: bool) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            let advice = if wanted { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
            // SAFETY: the region owns the pages. Their content does not change.
            unsafe { libc::madvise(self.base.as_ptr().cast(), self.size, advice) };
        }
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let _ = wanted;
    }

    /// Watches the region: pages that external code cannot access are replaced by zeros from now
    /// on, and `mark` records the damage.
    pub(crate) fn watch(
        &mut self,
        request: &MapRequest,
        lead: usize,
        mark: Arc<Mark>,
    ) -> io::Result<()> {
        // Also for portable accessors, which need no handler themselves.
        fault::install_all()?;
        self.watch = Some(Watch::new(self.base.addr().get(), self.size, lead, *request, mark)?);
        Ok(())
    }

    /// Maps the file again where pages were replaced. `offset` is the file offset of the region.
    pub(crate) fn restore(&self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.restore(file, offset))
    }

    /// Maps the file at the same addresses for reading only, so that no writable mapping of it is
    /// left here. The mapping is private: a shared one could be made writable, and would keep the
    /// file from being sealed.
    ///
    /// On failure the addresses may not belong to the region any more; see `elsewhere`.
    pub(crate) fn show_for_reading(&mut self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        not_inherited::forget(self.base.addr().get(), self.size);
        self.replace(Protection::READ, libc::MAP_PRIVATE, file, offset)
    }

    /// Maps the file at the same addresses as it was mapped first.
    ///
    /// On failure the addresses may not belong to the region any more; see `elsewhere`.
    pub(crate) fn show_again(&mut self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        self.replace(self.request.protection, self.request.flags.0, file, offset)
    }

    /// Maps the file at other addresses, if that is possible. The old ones are not unmapped: a
    /// replacement failed, after which other code may use them.
    pub(crate) fn elsewhere(self, file: BorrowedFd<'_>, offset: u64) -> Option<Region> {
        let region = Region::new(&self.request, self.size, Some((file, offset)));
        std::mem::forget(self);
        region.ok()
    }

    fn replace(
        &mut self,
        protection: Protection,
        flags: i32,
        file: BorrowedFd<'_>,
        offset: u64,
    ) -> io::Result<()> {
        let (at, flags) = (self.base.as_ptr().cast(), flags | libc::MAP_FIXED);
        let (fd, offset) = (file.as_raw_fd(), offset_of(offset)?);
        let call = MapCall { at, len: self.size, flags, fd, offset };
        // SAFETY: the region owns the pages, and is borrowed exclusively. Only accessors access
        // them, none of which runs now.
        unsafe { map_call(protection, &call) }.map(drop)
    }

    /// Records for repairs that all pages of the map have another protection.
    pub(crate) fn protect_repairs(&self, protection: Protection) {
        if let Some(watch) = &self.watch {
            watch.set_protection(protection);
        }
    }

    /// Changes the size of the region to `len` bytes. Its bytes stay, at another address if
    /// `may_move` allows that and they need it. Ends the watch, also on failure.
    #[cfg(target_os = "linux")]
    pub(crate) fn remap(&mut self, len: usize, may_move: bool) -> io::Result<()> {
        let size = size::round_up(len, self.request.page)
            .ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
        let flags = if may_move { libc::MREMAP_MAYMOVE } else { 0 };
        // The signal handler must not map pages at an address that the region leaves.
        self.watch = None;
        not_inherited::forget(self.base.addr().get(), self.size);
        // SAFETY: the region owns the pages. The caller of `Map::remap` has the only reference to
        // the map, so no access to them is in progress.
        let start = unsafe { libc::mremap(self.base.as_ptr().cast(), self.size, size, flags) };
        let base = NonNull::new(start.cast::<u8>()).filter(|_| start != libc::MAP_FAILED);
        self.base = base.ok_or_else(io::Error::last_os_error)?;
        // New pages have the protection of the last one, and are no guards.
        self.protections.fit(self.size, size);
        self.guards.fit(size, size);
        self.size = size;
        Ok(())
    }

    /// Whether this process did not inherit all pages from its parent.
    pub(crate) fn is_missing_pages(&self) -> bool {
        not_inherited::is_missing(self.base.addr().get(), self.size)
    }

    /// The first byte of `range`, which counts from the region's start, in a page that is replaced
    /// by zeros.
    pub(crate) fn first_replaced(&self, range: Range<usize>) -> Option<usize> {
        self.watch.as_ref()?.first_in(range)
    }

    /// Whether no page is replaced by zeros.
    pub(crate) fn is_intact(&self) -> bool {
        self.watch.as_ref().is_none_or(Watch::is_intact)
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Unmaps the region and returns the error of `munmap`.
    pub(crate) fn unmap(mut self) -> io::Result<()> {
        let done = self.release();
        std::mem::forget(self);
        done
    }

    fn release(&mut self) -> io::Result<()> {
        // From here on the signal handler must not map pages here.
        self.watch = None;
        (self.protections, self.guards) = Default::default();
        not_inherited::forget(self.base.addr().get(), self.size);
        // SAFETY: the region owns the pages and ends here. No reference into them exists.
        check(unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) })
    }

    /// Moves the `parts` of private memory from `old` to this region, and makes `old` inaccessible.
    /// On failure `old` may be inaccessible; [`Region::allow_access`] undoes that.
    ///
    /// The first step makes `old` read-only, so no concurrent write is lost. `old` keeps its bytes
    /// until [`Region::forget_pages`]: a forked child may find that it is still the current region.
    ///
    /// The bytes are copied. `mremap` would avoid the copy, but it unmaps the target before it
    /// checks whether it can move. It cannot move a source with different kinds of pages (up to
    /// Linux 6.16). On failure a part of this region would then be unmapped, and another thread
    /// could map it.
    pub(crate) fn take_over(
        &self,
        old: &Region,
        parts: &[Range<usize>],
        _: &MapRequest,
    ) -> io::Result<()> {
        old.set_protection(Protection::READ)?;
        fork::step();
        for part in parts {
            let to = self.base.as_ptr().wrapping_add(part.start);
            let from = old.base.as_ptr().wrapping_add(part.start);
            // SAFETY: the part lies in both regions, which do not overlap.
            let copied = unsafe { crate::accessor::copy(to, from, part.len()) };
            if copied.fault != 0 {
                return Err(io::Error::from_raw_os_error(libc::EFAULT));
            }
        }
        fork::step();
        old.set_protection(Protection::NONE)?;
        fork::step();
        Ok(())
    }

    /// Records the protection of pages: of private memory for a move that fails, of a map that
    /// changes a file for [`Region::first_unwritable`]. Only the thread that has locked the regions
    /// calls this.
    pub(crate) fn record_protection(
        &self,
        range: Range<usize>,
        protection: Protection,
        request: &MapRequest,
    ) -> io::Result<()> {
        self.protections.set(range, protection, request.protection)
    }

    /// Records whether pages of the region are guards, which forbid access also if the protection
    /// allows it.
    pub(crate) fn record_guards(&self, pages: Pages<'_>, has_guards: bool) -> io::Result<()> {
        let start = pages.start().addr() - self.base.addr().get();
        let protection = if has_guards { Protection::NONE } else { NO_GUARD };
        self.guards.set(start..start + pages.len(), protection, NO_GUARD)
    }

    /// Returns the first byte of `range`, in bytes from the start of the region, that a protection
    /// or a guard does not allow to write.
    pub(crate) fn first_unwritable(
        &self,
        range: Range<usize>,
        request: &MapRequest,
    ) -> Option<usize> {
        let needed = Protection::WRITE;
        let guard = self.guards.first_without(needed, range.clone(), NO_GUARD);
        let protected = self.protections.first_without(needed, range, request.protection);
        guard.into_iter().chain(protected).min()
    }

    /// Gives the pages their protection again, after a move that was not completed.
    pub(crate) fn allow_access(&self) -> io::Result<()> {
        let protect = |range, protection| self.protect_part(range, protection);
        self.protections.apply(self.size, self.request.protection, protect)?;
        not_inherited::protect(self.base.addr().get(), self.size);
        Ok(())
    }

    /// Gives all pages another protection, also those behind the end of the map: it may grow into
    /// them.
    pub(crate) fn set_base_protection(
        &mut self,
        _used: usize,
        protection: Protection,
    ) -> io::Result<()> {
        self.set_protection(protection)?;
        self.request.protection = protection;
        self.protections = Protections::default();
        self.protect_repairs(protection);
        Ok(())
    }

    fn set_protection(&self, protection: Protection) -> io::Result<()> {
        self.protect_part(0..self.size, protection)
    }

    /// Sets the protection of the pages in `range`, which lies in the region.
    pub(crate) fn protect_part(
        &self,
        range: Range<usize>,
        protection: Protection,
    ) -> io::Result<()> {
        let start = self.base.as_ptr().wrapping_add(range.start);
        // SAFETY: the region owns the pages. Only accessors access them, which can take a fault.
        unsafe { protect_call(start.cast(), range.len(), protection) }
    }

    /// Releases page tables and private pages of a region that the map has left. The address space
    /// stays reserved.
    pub(crate) fn forget_pages(&self) {
        // Locked pages would not be released.
        // SAFETY: the region owns the pages.
        unsafe { libc::munlock(self.base.as_ptr().cast(), self.size) };
        self.release_pages();
    }

    /// An error (locked pages) is ignored: it costs memory but loses no bytes. The bytes of a file
    /// are in the file, and those of private memory were moved before.
    fn release_pages(&self) {
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        if self.request.flags.0 & libc::MAP_ANON != 0 && !self.request.flags.is_shared() {
            // `madvise` does not guarantee that the memory is released here.
            let flags = self.request.flags.0 | libc::MAP_FIXED;
            let call =
                MapCall { at: self.base.as_ptr().cast(), len: self.size, flags, fd: -1, offset: 0 };
            // SAFETY: the region owns the pages. Only accessors access them, which can take a
            // fault.
            let _ = unsafe { map_call(Protection::NONE, &call) };
            return;
        }
        // SAFETY: the region owns the pages, and no bytes are lost.
        unsafe { libc::madvise(self.base.as_ptr().cast(), self.size, libc::MADV_DONTNEED) };
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // Errors are ignored here; `unmap` returns them.
        let _ = self.release();
    }
}

/// Returns whether a private mapping may succeed where a shared one has failed with `error`: the
/// file system then has no way to keep maps and the file the same. FUSE with `direct_io` returns
/// `ENODEV`, 9p without a cache `EINVAL` (fs/fuse/file.c, mm/filemap.c).
pub(crate) fn may_refuse_sharing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EINVAL))
}

/// Returns the page size that `flags` request.
pub(crate) fn page_of(flags: Flags) -> usize {
    super::flags::huge_page_size(flags).unwrap_or_else(page_size)
}
