//! Locks of one byte, as those by which the library sees which processes exist.
#![allow(unsafe_code)]

use std::{fs::File, io, os::fd::AsRawFd};

/// Locks a byte of the file exclusively, until its description is closed.
///
/// # Errors
///
/// The error of `fcntl`, for example that another description has locked the byte. On 32-bit
/// systems the offset may be too large.
pub fn lock_byte(file: &File, at: u64) -> io::Result<()> {
    // SAFETY: a `flock` has only integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_start = at.try_into().map_err(io::Error::other)?;
    lock.l_len = 1;
    // SAFETY: the command takes a `flock`.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
