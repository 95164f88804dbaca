//! The pages of a private region of a file that a transactional map uses: copies of the file's
//! pages, and zeros behind its end.

use std::{
    io,
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::Region;
use crate::sys::unix::mmap::{MapCall, map_call, offset_of};

impl Region {
    /// Has the pages of `ranges`, in bytes from the region's start, show the file again, which is
    /// mapped from its first byte. Their changes are lost. Passes each range that it could not drop
    /// to `failed`.
    pub(crate) fn drop_changes(
        &self,
        ranges: &[Range<usize>],
        file: BorrowedFd<'_>,
        mut failed: impl FnMut(&Range<usize>, io::Error),
    ) {
        for range in &ranges[self.drop_at_once(ranges)..] {
            let dropped = self.drop_range(range).or_else(|_| self.show_file(range.clone(), file));
            if let Err(error) = dropped {
                failed(range, error);
            }
        }
    }

    /// Drops the pages of ranges from the first one on, many by one system call. Returns how many
    /// ranges: none if the kernel cannot do that.
    #[cfg(target_os = "linux")]
    fn drop_at_once(&self, ranges: &[Range<usize>]) -> usize {
        /// `IOV_MAX` of readv(2).
        const MOST: usize = 1024;
        let mut dropped = 0;
        for some in ranges.chunks(MOST).take_while(|some| some.len() > 1) {
            let complete = self.drop_some(some);
            dropped += complete;
            if complete < some.len() {
                break;
            }
        }
        dropped
    }

    /// Drops the pages of ranges by one system call, up to the first range that has locked pages.
    /// Returns how many ranges.
    ///
    /// Since Linux 6.16 the kernel interrupts other processors once for all of them.
    #[cfg(target_os = "linux")]
    fn drop_some(&self, ranges: &[Range<usize>]) -> usize {
        /// `PIDFD_SELF` of `<linux/pidfd.h>`: this process, Linux 6.15.
        const THIS_PROCESS: libc::c_int = -10_000;
        let part = |range: &Range<usize>| libc::iovec {
            iov_base: self.base.as_ptr().wrapping_add(range.start).cast(),
            iov_len: range.len(),
        };
        let parts: Vec<_> = ranges.iter().map(part).collect();
        let (call, start, count) = (libc::SYS_process_madvise, parts.as_ptr(), parts.len());
        // SAFETY: the region owns the pages, and no reference exists whose bytes could change.
        let done =
            unsafe { libc::syscall(call, THIS_PROCESS, start, count, libc::MADV_DONTNEED, 0) };
        let mut rest = usize::try_from(done).unwrap_or(0);
        let is_dropped = |range: &&Range<usize>| {
            let left = rest.checked_sub(range.len());
            rest = left.unwrap_or(0);
            left.is_some()
        };
        ranges.iter().take_while(is_dropped).count()
    }

    #[cfg(not(target_os = "linux"))]
    fn drop_at_once(&self, _: &[Range<usize>]) -> usize {
        0
    }

    /// Drops the pages of a range.
    ///
    /// madvise(2): the kernel drops no pages that the program has locked (mlock(2), mlockall(2)).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn drop_range(&self, range: &Range<usize>) -> io::Result<()> {
        let start = self.base.as_ptr().wrapping_add(range.start).cast();
        // SAFETY: the region owns the pages, and no reference exists whose bytes could change.
        super::check(unsafe { libc::madvise(start, range.len(), libc::MADV_DONTNEED) })
    }

    /// `madvise` may keep the pages here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn drop_range(&self, _: &Range<usize>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Has the pages of `range` show the file, which is mapped from its first byte.
    pub(crate) fn show_file(&self, range: Range<usize>, file: BorrowedFd<'_>) -> io::Result<()> {
        let offset = offset_of(range.start as u64)?;
        self.map_over(range, 0, file.as_raw_fd(), offset)
    }

    /// Has the pages of `range` be zeros, which belong to no file.
    pub(crate) fn show_zeros(&self, range: Range<usize>) -> io::Result<()> {
        self.map_over(range, libc::MAP_ANON, -1, 0)
    }

    fn map_over(
        &self,
        range: Range<usize>,
        flags: i32,
        fd: i32,
        offset: super::super::large_file::off_t,
    ) -> io::Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        debug_assert!(range.end <= self.size, "{range:?} leaves the region");
        let at = self.base.as_ptr().wrapping_add(range.start).cast();
        let flags = self.request.flags.0 | libc::MAP_FIXED | flags;
        let call = MapCall { at, len: range.len(), flags, fd, offset };
        // SAFETY: the region owns the pages. Only accessors access them, which can take a fault.
        unsafe { map_call(self.request.protection, &call) }.map(drop)
    }
}
