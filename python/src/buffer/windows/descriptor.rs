//! Descriptors that come as numbers.

#![allow(unsafe_code)]

use std::{ffi::c_int, os::windows::io::BorrowedHandle, ptr};

use pyo3::prelude::*;

/// Borrows the handle behind the descriptor that the caller named, and moves the file's position to its start, as CPython
/// does. The numbers -1 and 0 are for anonymous memory and name none.
///
/// Each C library has descriptors of its own, so the interpreter is asked for those of its own.
pub(crate) fn borrow(py: Python<'_>, fileno: c_int) -> PyResult<Option<BorrowedHandle<'static>>> {
    if matches!(fileno, -1 | 0) {
        return Ok(None);
    }
    let handle: isize = py.import("msvcrt")?.call_method1("get_osfhandle", (fileno,))?.extract()?;
    // What has no position can perhaps be mapped all the same.
    let _ = py.import("os")?.call_method1("lseek", (fileno, 0, 0));
    let handle = ptr::with_exposed_provenance_mut(handle.cast_unsigned());
    // SAFETY: the C library gave it, and does not give the one that is none. That it is open and stays so during the call is
    // the Python program's affair, as in all of its `os` module; the system refuses a number that is no open handle.
    Ok(Some(unsafe { BorrowedHandle::borrow_raw(handle) }))
}
