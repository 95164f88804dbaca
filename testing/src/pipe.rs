//! Pipes. The standard library has them from Rust 1.87 on.
#![allow(unsafe_code)]

use std::{
    fs::File,
    io,
    os::fd::{FromRawFd, OwnedFd},
};

/// Opens a pipe, which programs inherit that are started later: the end to read from, and the end
/// to write to.
///
/// # Errors
///
/// The error of `pipe`.
pub fn pipe() -> io::Result<(File, File)> {
    let mut ends = [-1; 2];
    // SAFETY: the kernel stores two numbers.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has opened both, and only this function knows them.
    let [reader, writer] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    Ok((reader.into(), writer.into()))
}
