//! Pages: what the system can do with a range of them while they are mapped.

use std::{ffi::CStr, io, os::fd::BorrowedFd};

use super::check;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::mmap::{MapCall, map_call};
use crate::{
    flags::Protection,
    sys::{
        pages::{FlushMode, Pages},
        request::MapRequest,
    },
};

impl Pages<'_> {
    /// Writes changed pages to the file, which the map may keep.
    pub(crate) fn flush(self, mode: FlushMode, _: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let how = match mode {
            FlushMode::Wait => libc::MS_SYNC,
            FlushMode::Later => libc::MS_ASYNC,
        };
        self.flush_with(how)
    }

    /// Flushes with the system's own flags.
    pub(crate) fn flush_with(self, flags: i32) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { libc::msync(self.start(), self.len(), flags) })
    }

    pub(crate) fn advise(self, number: i32) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages) and no reference into them exists that could see bytes vanish.
        check(unsafe { libc::madvise(self.start(), self.len(), number) })
    }

    pub(crate) fn lock(self) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { libc::mlock(self.start(), self.len()) })
    }

    pub(crate) fn unlock(self) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages).
        check(unsafe { libc::munlock(self.start(), self.len()) })
    }

    pub(crate) fn protect(self, protection: Protection) -> io::Result<()> {
        // SAFETY: the pages are mapped (Pages) and touched by kernels only, which can take a refusal.
        check(unsafe { libc::mprotect(self.start(), self.len(), protection.0) })
    }

    /// Makes zeros of pages of private memory, as `request` maps them, and gives back what they took.
    ///
    /// On Linux they keep a protection of their own.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn renew(self, _: &MapRequest) -> io::Result<()> {
        self.advise(libc::MADV_DONTNEED)
    }

    /// Makes zeros of pages of private memory, as `request` maps them, and gives back what they took.
    ///
    /// `madvise` promises no zeros here, so that fresh pages take their place.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn renew(self, request: &MapRequest) -> io::Result<()> {
        let flags = request.flags.0 | libc::MAP_FIXED;
        let call = MapCall { at: self.start(), len: self.len(), flags, fd: -1, offset: 0 };
        // SAFETY: the pages lie in a region (Pages), and no reference into them exists that could see bytes vanish.
        unsafe { map_call(request.protection, &call) }.map(drop)
    }

    /// Whether each of the pages is in memory.
    #[cfg(not(target_os = "openbsd"))]
    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        let count = self.len().div_ceil(super::page_size());
        let mut answers = Vec::new();
        answers.try_reserve_exact(count)?;
        answers.resize(count, 0_u8);
        // SAFETY: the pages are mapped (Pages), and there is room for an answer each.
        check(unsafe { libc::mincore(self.start(), self.len(), answers.as_mut_ptr().cast()) })?;
        Ok(answers.into_iter().map(|answer| answer & 1 == 1).collect())
    }

    #[cfg(target_os = "openbsd")]
    pub(crate) fn resident(self) -> io::Result<Vec<bool>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Gives anonymous pages a name in `/proc/PID/maps` (Linux 5.17).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn name(self, name: &CStr) -> io::Result<()> {
        const PR_SET_VMA: libc::c_int = 0x5356_4d41;
        const PR_SET_VMA_ANON_NAME: libc::c_ulong = 0;
        // SAFETY: the pages are mapped (Pages); the system copies the name.
        check(unsafe { libc::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, self.start(), self.len(), name.as_ptr()) })
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn name(self, _: &CStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
