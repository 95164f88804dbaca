//! Copies bytes by system calls, which report inaccessible memory as an error instead of an
//! exception.

// Only the portable accessors use it.
#![allow(dead_code)]

use std::{ffi::c_void, ptr};

use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;

use super::this_process;
use crate::sys::inaccessible::{Inaccessible, PIECE};

/// Copies at most `PIECE` bytes: all or none if neither range crosses a page boundary.
///
/// # Safety
///
/// `dst` and `src` begin ranges of `n` bytes in address space that is reserved for a map, or in
/// memory that the caller may access in the same way.
pub(crate) unsafe fn piece(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Inaccessible> {
    let mut buffer = [0_u8; PIECE];
    // SAFETY: the kernel reads `n` bytes or fails; `buffer` has the length of a piece.
    let read = unsafe { copied(buffer.as_mut_ptr(), src, n) };
    if !read {
        return Err(Inaccessible::Source);
    }
    // Not WriteProcessMemory, which writes to protected pages.
    // SAFETY: the kernel writes `n` bytes or fails.
    let written = unsafe { copied(dst, buffer.as_ptr(), n) };
    if written { Ok(()) } else { Err(Inaccessible::Destination) }
}

/// # Safety
///
/// See `piece`.
unsafe fn copied(dst: *mut u8, src: *const u8, n: usize) -> bool {
    let (to, from) = (dst.cast::<c_void>(), src.cast::<c_void>());
    // SAFETY: the ranges are those of the caller; the handle is of this process.
    unsafe { ReadProcessMemory(this_process(), from, to, n, ptr::null_mut()) != 0 }
}
