//! File systems that only one thread sees.
#![allow(unsafe_code)]

use std::{ffi::CString, io, ptr};

/// Gives the calling thread an own `/dev/shm` of `size` bytes.
///
/// # Errors
///
/// The error of `unshare` or `mount`, which need privileges.
pub fn mount_shared_memory(size: usize) -> io::Result<()> {
    // SAFETY: the call accesses no memory.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the path is a C string; the call needs no others.
    check(unsafe { libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), private, ptr::null()) })?;
    let options = CString::new(format!("size={size}"))?;
    let (kind, folder, options) = (c"tmpfs".as_ptr(), c"/dev/shm".as_ptr(), options.as_ptr());
    // SAFETY: all are C strings.
    check(unsafe { libc::mount(kind, folder, kind, 0, options.cast()) })
}

fn check(status: libc::c_int) -> io::Result<()> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
