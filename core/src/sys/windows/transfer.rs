//! Moving bytes through the system, which says where memory cannot be accessed instead of raising an exception.

// Only the portable kernels need it.
#![allow(dead_code)]

use std::{ffi::c_void, ptr};

use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;

use super::this_process;
use crate::sys::inaccessible::{Inaccessible, PIECE};

/// Moves at most `PIECE` bytes, all or none if neither range crosses a page.
///
/// # Safety
///
/// `dst` and `src` begin ranges of `n` bytes in address space that is reserved for a map, or in memory that the caller may
/// access in this way.
pub(crate) unsafe fn piece(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Inaccessible> {
    let mut between = [0_u8; PIECE];
    // SAFETY: the system reads `n` bytes, or says that it cannot; there is room for a piece.
    let read = unsafe { moved(between.as_mut_ptr(), src, n) };
    if !read {
        return Err(Inaccessible::Source);
    }
    // Not WriteProcessMemory, which opens what is protected.
    // SAFETY: the system writes `n` bytes, or says that it cannot.
    let written = unsafe { moved(dst, between.as_ptr(), n) };
    if written { Ok(()) } else { Err(Inaccessible::Destination) }
}

/// # Safety
///
/// As `piece`.
unsafe fn moved(dst: *mut u8, src: *const u8, n: usize) -> bool {
    let (to, from) = (dst.cast::<c_void>(), src.cast::<c_void>());
    // SAFETY: the caller's promise; this process is its own.
    unsafe { ReadProcessMemory(this_process(), from, to, n, ptr::null_mut()) != 0 }
}
