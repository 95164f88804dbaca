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
    /// Has the pages of `range`, in bytes from the region's start, show the file again, which is
    /// mapped from its first byte. Their changes are lost.
    ///
    /// madvise(2): the kernel drops no pages that the program has locked (mlock(2), mlockall(2)).
    /// They are mapped again.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn drop_changes(&self, range: Range<usize>, file: BorrowedFd<'_>) -> io::Result<()> {
        let start = self.base.as_ptr().wrapping_add(range.start).cast();
        // SAFETY: the region owns the pages, and no reference exists whose bytes could change.
        let done = unsafe { libc::madvise(start, range.len(), libc::MADV_DONTNEED) };
        super::check(done).or_else(|_| self.show_file(range, file))
    }

    /// Has the pages of `range`, in bytes from the region's start, show the file again, which is
    /// mapped from its first byte. Their changes are lost.
    ///
    /// `madvise` may keep them here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn drop_changes(&self, range: Range<usize>, file: BorrowedFd<'_>) -> io::Result<()> {
        self.show_file(range, file)
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
