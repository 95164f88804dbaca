//! Copies of memory. No access faults where no memory is mapped.

use std::ptr;

use crate::sys::inaccessible::Inaccessible;

/// Copies `n` bytes.
///
/// # Safety
///
/// `dst` and `src` begin ranges of `n` bytes that the caller may access.
#[allow(clippy::unnecessary_wraps)] // Other systems fail.
pub(crate) unsafe fn piece(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Inaccessible> {
    // SAFETY: the caller's obligation.
    unsafe { ptr::copy(src, dst, n) };
    Ok(())
}
