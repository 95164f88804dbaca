//! Memory that is zero, of which the system allocates what is used.

#![allow(unsafe_code)]

use std::sync::atomic::AtomicU8;

/// Returns `count` zeros. Pages of a large allocation exist after the first store to them.
pub(crate) fn bytes(count: usize) -> Box<[AtomicU8]> {
    let zeros = Box::into_raw(vec![0_u8; count].into_boxed_slice());
    // SAFETY: the box was made above, and an `AtomicU8` has the layout of a byte.
    unsafe { Box::from_raw(zeros as *mut [AtomicU8]) }
}
