//! Room on the disk that is set aside before the bytes come.

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly"
))]
use std::os::fd::AsRawFd;
use std::{io, os::fd::BorrowedFd};

use super::off_t;

/// Sets room aside for `count` bytes behind the end of a file of `from` bytes, and leaves the length alone.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set_aside(file: BorrowedFd<'_>, from: off_t, count: off_t) -> io::Result<()> {
    loop {
        // SAFETY: fallocate touches no memory.
        match super::check(unsafe { libc::fallocate64(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, from, count) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// fcntl(2) of macOS: the room is counted from the end of what the file has on the disk.
#[cfg(target_vendor = "apple")]
pub(super) fn set_aside(file: BorrowedFd<'_>, _: off_t, count: off_t) -> io::Result<()> {
    let mut store = libc::fstore_t {
        fst_flags: libc::F_ALLOCATEALL,
        fst_posmode: libc::F_PEOFPOSMODE,
        fst_offset: 0,
        fst_length: count,
        fst_bytesalloc: 0,
    };
    // SAFETY: the command takes such a structure, which the system fills in.
    super::check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_PREALLOCATE, &raw mut store) })
}

/// posix_fallocate(2) moves the end of the file, step by step if the file system cannot do better, and leaves it where it failed.
#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
pub(super) fn set_aside(file: BorrowedFd<'_>, from: off_t, count: off_t) -> io::Result<()> {
    loop {
        // SAFETY: the call touches no memory. It returns the error's number.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), from, count) } {
            0 => return Ok(()),
            libc::EINTR => {}
            number => {
                // The first error is the one to tell.
                let _ = super::set_len(file, from as u64);
                return Err(io::Error::from_raw_os_error(number));
            }
        }
    }
}

/// No call for it that the file systems here answer.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly"
)))]
pub(super) fn set_aside(_: BorrowedFd<'_>, _: off_t, _: off_t) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
