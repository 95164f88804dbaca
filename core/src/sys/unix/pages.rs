//! The system calls on a range of mapped pages: flush, advise, lock, protect, name.

use std::{ffi::CStr, io, os::fd::BorrowedFd};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::mmap::{MapCall, map_call};
use super::{check, mmap::protect_call, not_inherited};
use crate::{
    Advice,
    flags::Protection,
    sys::{
        pages::{FlushMode, Pages},
        request::MapRequest,
    },
};

impl Pages<'_> {
    /// Whether `renew` gives the pages the protection of the request.
    pub(crate) const RENEWING_RESETS_PROTECTION: bool =
        !cfg!(any(target_os = "linux", target_os = "android"));

    /// Fails with `EFAULT` for pages that this process did not inherit from its parent.
    fn ensure_inherited(self) -> io::Result<()> {
        match not_inherited::is_missing(self.start().addr(), self.len()) {
            true => Err(io::Error::from_raw_os_error(libc::EFAULT)),
            false => Ok(()),
        }
    }

    /// Writes changed pages to the file.
    pub(crate) fn flush(self, mode: FlushMode, _: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let flags = match mode {
            FlushMode::Wait => libc::MS_SYNC,
            FlushMode::Later => libc::MS_ASYNC,
        };
        self.flush_with(flags)
    }

    /// Writes changed pages to the file with these flags of `msync`.
    pub(crate) fn flush_with(self, flags: i32) -> io::Result<()> {
        self.ensure_inherited()?;
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { libc::msync(self.start(), self.len(), flags) })
    }

    /// Calls `madvise`, or records what the library does itself in a forked child.
    pub(crate) fn advise(self, number: i32) -> io::Result<()> {
        self.ensure_inherited()?;
        match Advice::from_raw(number) {
            Advice::DontFork => return not_inherited::exclude(self.start().addr(), self.len()),
            Advice::DoFork => return not_inherited::include(self.start().addr(), self.len()),
            _ => {}
        }
        // SAFETY: the pages are mapped (Pages), and no reference exists whose bytes could change.
        check(unsafe { libc::madvise(self.start(), self.len(), number) })
    }

    pub(crate) fn lock(self) -> io::Result<()> {
        self.ensure_inherited()?;
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { libc::mlock(self.start(), self.len()) })
    }

    pub(crate) fn unlock(self) -> io::Result<()> {
        self.ensure_inherited()?;
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { libc::munlock(self.start(), self.len()) })
    }

    pub(crate) fn protect(self, protection: Protection) -> io::Result<()> {
        self.ensure_inherited()?;
        // SAFETY: the pages are mapped (Pages). Only accessors access them, which can take a fault.
        unsafe { protect_call(self.start(), self.len(), protection) }
    }

    /// Replaces pages of private memory by zeros and releases their memory.
    ///
    /// On Linux the pages keep their protection.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn renew(self, _: &MapRequest) -> io::Result<()> {
        self.advise(libc::MADV_DONTNEED)
    }

    /// Replaces pages of private memory by zeros and releases their memory.
    ///
    /// `madvise` does not guarantee zeros here, so new pages are mapped as `request` says.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn renew(self, request: &MapRequest) -> io::Result<()> {
        let flags = request.flags.0 | libc::MAP_FIXED;
        let call = MapCall { at: self.start(), len: self.len(), flags, fd: -1, offset: 0 };
        // SAFETY: the pages lie in a region (Pages), and no reference exists whose bytes could
        // change.
        unsafe { map_call(request.protection, &call) }.map(drop)
    }

    /// Returns for each page whether it is in memory.
    #[cfg(not(target_os = "openbsd"))]
    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        self.ensure_inherited()?;
        let count = self.len().div_ceil(super::page_size());
        let mut statuses = Vec::new();
        statuses.try_reserve_exact(count)?;
        statuses.resize(count, 0_u8);
        // SAFETY: the pages are mapped (Pages), and `statuses` has a byte for each.
        check(unsafe { libc::mincore(self.start(), self.len(), statuses.as_mut_ptr().cast()) })?;
        Ok(statuses.into_iter().map(|status| status & 1 == 1).collect())
    }

    #[cfg(target_os = "openbsd")]
    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives anonymous pages a name in `/proc/PID/maps` (Linux 5.17).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn name(self, name: &CStr) -> io::Result<()> {
        self.ensure_inherited()?;
        const PR_SET_VMA: libc::c_int = 0x5356_4d41;
        const PR_SET_VMA_ANON_NAME: libc::c_ulong = 0;
        // SAFETY: the pages are mapped (Pages); the kernel copies the name.
        check(unsafe {
            libc::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, self.start(), self.len(), name.as_ptr())
        })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn name(self, _: &CStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
