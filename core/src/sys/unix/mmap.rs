//! The raw `mmap` call.

use std::{io, ptr::NonNull};

use libc::{c_int, c_long, c_void};

use super::large_file::{mmap, off_t};
use crate::flags::Protection;

/// The arguments of `mmap`, without the protection.
pub(super) struct MapCall {
    pub(super) at: *mut c_void,
    pub(super) len: usize,
    pub(super) flags: i32,
    pub(super) fd: i32,
    pub(super) offset: off_t,
}

/// Calls `mmap`.
///
/// # Safety
///
/// With `MAP_FIXED`, the caller owns what is mapped at the address and may replace it.
pub(super) unsafe fn map_call(protection: Protection, call: &MapCall) -> io::Result<NonNull<u8>> {
    // SAFETY: with MAP_FIXED the caller may replace these pages; otherwise the kernel chooses a
    // free address range.
    let start = unsafe { mmap(call.at, call.len, protection.0, call.flags, call.fd, call.offset) };
    match NonNull::new(start.cast::<u8>()) {
        Some(base) if start != libc::MAP_FAILED => Ok(base),
        _ => Err(io::Error::last_os_error()),
    }
}

unsafe extern "C" {
    /// The protection is an `int` in C, and calling conventions leave the rest of its register
    /// undefined. glibc does not clear it, and Linux refuses unknown bits there.
    fn mprotect(start: *mut c_void, len: usize, protection: c_long) -> c_int;
}

/// Calls `mprotect`.
///
/// # Safety
///
/// The caller owns the pages, and nothing relies on their protection.
pub(super) unsafe fn protect_call(
    start: *mut c_void,
    len: usize,
    protection: Protection,
) -> io::Result<()> {
    // SAFETY: the caller owns the pages.
    super::check(unsafe { mprotect(start, len, c_long::from(protection.0)) })
}

/// Converts a file offset to the type of `mmap`; fails with `EOVERFLOW`.
pub(super) fn offset_of(offset: u64) -> io::Result<off_t> {
    off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))
}
