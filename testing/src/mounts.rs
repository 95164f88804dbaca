//! File systems that only one thread sees.
#![allow(unsafe_code)]

use std::{ffi::CString, io, ptr};

/// Mounts an empty file system in memory, of `size` bytes, that only the calling thread sees.
///
/// # Errors
///
/// The error of `unshare` or `mount`, which need privileges.
pub fn mount_memory(folder: &str, size: usize) -> io::Result<()> {
    // SAFETY: the call accesses no memory.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the path is a C string; the call needs no others.
    check(unsafe { libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null()) })?;
    let (folder, options) = (CString::new(folder)?, CString::new(format!("size={size}"))?);
    let (kind, options) = (c"tmpfs".as_ptr(), options.as_ptr().cast());
    // SAFETY: all are C strings.
    check(unsafe { libc::mount(kind, folder.as_ptr(), kind, 0, options) })
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
