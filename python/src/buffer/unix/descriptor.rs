//! Descriptors that come as numbers.

#![allow(unsafe_code)]

use std::{ffi::c_int, os::fd::BorrowedFd};

/// Borrows the descriptor that the caller named. The number -1 is for anonymous memory and names none.
pub(crate) fn borrow(fileno: c_int) -> Option<BorrowedFd<'static>> {
    match fileno {
        -1 => None,
        // SAFETY: not -1. That it is open and stays so during the call is the Python program's affair, as in all of its
        // `os` module; the system refuses a number that is no open descriptor.
        _ => Some(unsafe { BorrowedFd::borrow_raw(fileno) }),
    }
}
