//! Files in memory (`memfd_create`), which Linux has.
#![allow(unsafe_code)]

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// Creates an empty file in memory that can be sealed. With `huge`, of huge pages.
///
/// # Errors
///
/// The error of `memfd_create`.
pub fn memory_file(huge: bool) -> io::Result<File> {
    let flags = libc::MFD_ALLOW_SEALING | if huge { libc::MFD_HUGETLB } else { 0 };
    // SAFETY: the name is a C string.
    match unsafe { libc::memfd_create(c"safemap test".as_ptr(), flags) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the descriptor is new.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into()),
    }
}

/// Forbids that the file becomes shorter.
///
/// # Errors
///
/// The error of `fcntl`.
pub fn forbid_shrinking(file: &File) -> io::Result<()> {
    add_seals(file, libc::F_SEAL_SHRINK)
}

/// Adds seals to a file.
///
/// # Errors
///
/// The error of `fcntl`.
pub fn add_seals(file: &File, seals: libc::c_int) -> io::Result<()> {
    // SAFETY: the command takes a number.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Puts the first `len` bytes of a file into a pipe, without a copy.
///
/// # Errors
///
/// The error of `splice`.
pub fn splice_to_pipe(file: &File, pipe: BorrowedFd<'_>, len: usize) -> io::Result<()> {
    let (from, to, mut offset) = (file.as_raw_fd(), pipe.as_raw_fd(), 0_i64);
    // SAFETY: the offset is valid during the call.
    match unsafe { libc::splice(from, &raw mut offset, to, std::ptr::null_mut(), len, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
