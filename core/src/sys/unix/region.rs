//! Regions: address space that is ours from `mmap` to `munmap`.

use std::{
    ffi::OsStr,
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    sync::Arc,
};

use super::{
    check, fault,
    mmap::{MapCall, map_call, offset_of},
    page_size,
    repair::{Mark, Watch},
};
use crate::{
    flags::{Flags, Protection},
    sys::{request::MapRequest, size},
};

/// Whether a file can be mapped further than it reaches, and cut while it is mapped.
pub(crate) const OUTGROWS_FILES: bool = true;

/// Whether memory can have a name under which other processes find it.
pub(crate) const HAS_NAMES: bool = false;

impl MapRequest {
    /// The same with more room than is needed at once; `None` where room costs memory.
    pub(crate) fn spacious(&self) -> Option<MapRequest> {
        let flags = self.flags | Flags::NORESERVE;
        (self.flags.0 & super::flags::EAGER == 0 && self.page == page_size()).then_some(MapRequest { flags, ..*self })
    }
}

/// Pages that are mapped until they are dropped.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    /// In bytes, whole pages.
    size: usize,
    watch: Option<Watch>,
}

// SAFETY: a region is an address and a length; what other threads may do with its pages is the kernels' affair.
unsafe impl Send for Region {}
// SAFETY: as above; no method changes the region through a shared reference.
unsafe impl Sync for Region {}

impl Region {
    /// Maps at least `len` bytes, of `file` from its byte `.1` on or of fresh memory.
    pub(crate) fn new(request: &MapRequest, len: usize, file: Option<(BorrowedFd<'_>, u64)>) -> io::Result<Region> {
        // MAP_FIXED would tear other people's memory out of their hands.
        if request.flags.0 & super::flags::FIXED != 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let size = size::round_up(len, request.page).ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
        let (fd, offset) = match file {
            Some((file, offset)) => (file.as_raw_fd(), offset_of(offset)?),
            None => (-1, 0),
        };
        // A file is asked for exactly as much as the caller wants: some devices judge the length themselves.
        let asked = if file.is_some() { len } else { size };
        let call = MapCall { at: ptr::null_mut(), len: asked, flags: request.flags.0, fd, offset };
        // SAFETY: without MAP_FIXED the system chooses a free place, so that no memory in use is touched.
        let base = unsafe { map_call(request.protection, &call) }?;
        Ok(Region { base, size, watch: None })
    }

    /// As [`Region::new`], with a name under which other processes get the same memory.
    pub(crate) fn named(_: &MapRequest, _: usize, _: Option<(BorrowedFd<'_>, u64)>, _: &OsStr) -> io::Result<Region> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives up the name that this region has.
    pub(crate) fn leave_name(&mut self, _: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Makes sure of memory for the first `len` bytes. The system does that by itself when a page is touched.
    pub(crate) fn commit(&self, _: &MapRequest, _: usize) -> io::Result<()> {
        Ok(())
    }

    /// Has pages that foreign code cannot get replaced from now on, and noted in `mark`.
    pub(crate) fn watch(&mut self, request: &MapRequest, lead: usize, mark: Arc<Mark>) -> io::Result<()> {
        // Also for portable accessors, which need no handler themselves.
        fault::install_all();
        self.watch = Some(Watch::new(self.base.addr().get(), self.size, lead, *request, mark)?);
        Ok(())
    }

    /// Maps the file again where pages of it were replaced; `offset` is the region's.
    pub(crate) fn restore(&self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        self.watch.as_ref().map_or(Ok(()), |watch| watch.restore(file, offset))
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Unmaps, and reports what the system says of it.
    pub(crate) fn unmap(mut self) -> io::Result<()> {
        let done = self.release();
        std::mem::forget(self);
        done
    }

    fn release(&mut self) -> io::Result<()> {
        // The handler of signals must not put anything here any more.
        self.watch = None;
        // SAFETY: the pages are this region's, which ends here; no reference into them exists.
        check(unsafe { libc::munmap(self.base.as_ptr().cast(), self.size) })
    }

    /// Moves the first `len` bytes of private memory from `old` to here, and leaves `old` inaccessible.
    ///
    /// Nobody can write to `old` from the first step on, so that no write is lost there; on failure it can be accessed again. Both
    /// are regions of the same `request`.
    ///
    /// The bytes are copied. `mremap` would save that, but unmaps the target before it looks whether it can
    /// move, which it cannot as soon as the source has different kinds of pages (up to Linux 6.16): on failure a
    /// part of this region would belong to nobody, and soon to somebody else.
    pub(crate) fn take_over(&self, old: &Region, len: usize, request: &MapRequest) -> io::Result<()> {
        old.set_protection(Protection::READ)?;
        // SAFETY: `len` bytes lie in both regions, which do not overlap.
        let copied = unsafe { crate::accessor::copy(self.base.as_ptr(), old.base.as_ptr(), len) };
        let moved = match copied.fault {
            0 => old.shut(request),
            _ => Err(io::Error::from_raw_os_error(libc::EFAULT)),
        };
        if moved.is_err() {
            old.set_protection(request.protection)?;
        }
        moved
    }

    /// Makes private memory that was moved away inaccessible. `forget_pages` gives it back.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn shut(&self, _: &MapRequest) -> io::Result<()> {
        self.set_protection(Protection::NONE)
    }

    /// Makes private memory that was moved away inaccessible and gives it back, which `madvise` does not promise here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn shut(&self, request: &MapRequest) -> io::Result<()> {
        let flags = request.flags.0 | libc::MAP_FIXED;
        let call = MapCall { at: self.base.as_ptr().cast(), len: self.size, flags, fd: -1, offset: 0 };
        // SAFETY: the pages are this region's; code that meets the new ones is a kernel and can take it.
        unsafe { map_call(Protection::NONE, &call) }.map(drop)
    }

    fn set_protection(&self, protection: Protection) -> io::Result<()> {
        // SAFETY: the pages are this region's; code that meets the new protection is a kernel and can take it.
        check(unsafe { libc::mprotect(self.base.as_ptr().cast(), self.size, protection.0) })
    }

    /// Gives the page tables and private pages back, the addresses stay ours. For a region that is left behind.
    pub(crate) fn forget_pages(&self) {
        // SAFETY: as below. Locked pages would be kept.
        unsafe { libc::munlock(self.base.as_ptr().cast(), self.size) };
        // SAFETY: for a file the bytes are the file's; private memory was moved away before.
        // A refusal (locked pages) costs memory, no bytes, and there is nobody to tell.
        unsafe { libc::madvise(self.base.as_ptr().cast(), self.size, libc::MADV_DONTNEED) };
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // Whoever wants to hear of a failure calls `unmap`.
        let _ = self.release();
    }
}

/// The size of pages that `flags` ask for.
pub(crate) fn page_of(flags: Flags) -> usize {
    super::flags::huge_page_size(flags).unwrap_or_else(page_size)
}
