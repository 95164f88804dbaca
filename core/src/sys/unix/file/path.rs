//! The path of an open file.

use std::{os::fd::BorrowedFd, path::PathBuf};

/// Returns the path under which the file was opened, or its present one, if the system knows it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn path(file: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;

    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

/// Returns the path under which the file was opened, or its present one, if the system knows it.
#[cfg(target_vendor = "apple")]
pub(crate) fn path(file: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::{
        ffi::{CStr, OsStr},
        os::{fd::AsRawFd, unix::ffi::OsStrExt},
    };

    let mut path = [0_u8; libc::PATH_MAX as usize];
    // SAFETY: `F_GETPATH` writes at most PATH_MAX bytes, with a zero at the end.
    let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETPATH, path.as_mut_ptr()) };
    let path = CStr::from_bytes_until_nul(&path).ok().filter(|_| status != -1)?;
    Some(OsStr::from_bytes(path.to_bytes()).into())
}

/// The other systems are not asked.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) fn path(_: BorrowedFd<'_>) -> Option<PathBuf> {
    None
}
