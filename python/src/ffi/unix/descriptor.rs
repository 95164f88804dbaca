//! File descriptors passed as numbers.

#![allow(unsafe_code)]

use std::{ffi::c_int, os::fd::BorrowedFd};

/// Borrows a file descriptor. Returns `None` for -1, which stands for anonymous memory.
pub(crate) fn borrow(fileno: c_int) -> Option<BorrowedFd<'static>> {
    match fileno {
        -1 => None,
        // SAFETY: not -1. As in the `os` module, the Python program is responsible for the
        // descriptor staying open during the call. The operating system rejects a number that is
        // not an open descriptor.
        _ => Some(unsafe { BorrowedFd::borrow_raw(fileno) }),
    }
}
