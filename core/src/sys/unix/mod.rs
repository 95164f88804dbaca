//! Unix: `mmap` and related calls.

mod access_kind;
pub(crate) mod advice;
pub(crate) mod barrier;
pub(crate) mod boot;
pub(crate) mod canary;
pub(crate) mod clock;
mod errno;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod file_lock;
pub(crate) mod flags;
pub(crate) mod folder;
pub(crate) mod fork;
mod growing_list;
mod large_file;
mod mmap;
mod not_inherited;
pub(crate) mod own_maps;
mod pages;
mod pin;
mod private_descriptors;
pub(crate) mod private_file;
pub(crate) mod private_pages;
pub(crate) mod random;
pub(crate) mod region;
pub(crate) mod repair;
pub(crate) mod rlimit;
pub(crate) mod segments;
pub(crate) mod this_thread;
pub(crate) mod token;
pub(crate) mod transfer;
pub(crate) mod wait;
pub(crate) mod zeroed;

pub(crate) use std::os::fd::{AsFd as AsFile, BorrowedFd as BorrowedFile, OwnedFd as OwnedFile};
use std::{
    io,
    os::fd::AsRawFd,
    sync::atomic::{AtomicUsize, Ordering},
};

pub(crate) use crate::sys::uncounted as in_use;

pub(crate) const BAD_ADDRESS: i32 = libc::EFAULT;
pub(crate) const INVALID: i32 = libc::EINVAL;
pub(crate) const IS_DIRECTORY: i32 = libc::EISDIR;
pub(crate) const NO_SPACE: i32 = libc::ENOSPC;

/// Borrows the descriptor of `file`.
pub(crate) fn borrow(file: &impl AsFile) -> BorrowedFile<'_> {
    file.as_fd()
}

/// Returns the number of the descriptor, for `Debug`.
pub(crate) fn number(file: BorrowedFile<'_>) -> i32 {
    file.as_raw_fd()
}

/// Returns the page size in bytes.
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

/// Returns the number of bytes of which file offsets must be a multiple.
pub(crate) fn granularity() -> usize {
    page_size()
}

/// Converts the C convention, -1 and errno, to a result.
fn check(status: libc::c_int) -> io::Result<()> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Repeats a system call while signals interrupt it.
fn retry_interrupted(call: impl Fn() -> io::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
