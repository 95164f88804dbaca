//! File descriptors passed as numbers.

#![allow(unsafe_code)]

use std::{ffi::c_int, os::windows::io::BorrowedHandle, ptr};

use pyo3::prelude::*;

/// Borrows the handle of a file descriptor, and moves the file's position to its start as CPython
/// does. Returns `None` for -1 and 0, which stand for anonymous memory.
///
/// Calls the interpreter's `msvcrt` module, because each C library has its own descriptors.
pub(crate) fn borrow(py: Python<'_>, fileno: c_int) -> PyResult<Option<BorrowedHandle<'static>>> {
    if matches!(fileno, -1 | 0) {
        return Ok(None);
    }
    let handle: isize = py.import("msvcrt")?.call_method1("get_osfhandle", (fileno,))?.extract()?;
    // A file without a position may still be mappable.
    let _ = py.import("os")?.call_method1("lseek", (fileno, 0, 0));
    let handle = ptr::with_exposed_provenance_mut(handle as usize);
    // SAFETY: the C library returned the handle, and raises for an invalid one. As in the `os`
    // module, the Python program is responsible for it staying open during the call. The operating
    // system rejects a number that is not an open handle.
    Ok(Some(unsafe { BorrowedHandle::borrow_raw(handle) }))
}
