//! Unix: mmap and its family.

pub(crate) mod advice;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod flags;
pub(crate) mod fork;
pub(crate) mod in_use;
pub(crate) mod limit;
pub(crate) mod pages;
pub(crate) mod region;
pub(crate) mod repair;
pub(crate) mod transfer;

pub(crate) use std::os::fd::{AsFd as AsFile, BorrowedFd as BorrowedFile, OwnedFd as OwnedFile};
use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering},
};

pub(crate) const BAD_ADDRESS: i32 = libc::EFAULT;
pub(crate) const INVALID: i32 = libc::EINVAL;

/// Lends the descriptor that `file` holds.
pub(crate) fn borrow(file: &impl AsFile) -> BorrowedFile<'_> {
    file.as_fd()
}

/// Returns the size of a page in bytes.
#[inline]
pub(crate) fn page_size() -> usize {
    static SIZE: AtomicUsize = AtomicUsize::new(0);
    match SIZE.load(Ordering::Relaxed) {
        0 => {
            // SAFETY: sysconf has no preconditions.
            let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let size = usize::try_from(size).unwrap_or(4096);
            SIZE.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

/// Returns what offsets into files must be a multiple of, in bytes.
pub(crate) fn granularity() -> usize {
    page_size()
}

/// Turns the C convention, -1 and errno, into a result.
fn check(answer: libc::c_int) -> io::Result<()> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
