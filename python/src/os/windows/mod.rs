//! Errors and flags on Windows.

mod construct;
mod size;

use std::{ffi::c_int, os::windows::io::BorrowedHandle};

use pyo3::{exceptions::PyOSError, prelude::*};
use safemap::{Error, Flags, Map, fault_status};

use crate::ffi::{borrow, error_of_status};

/// `ERROR_INVALID_PARAMETER`.
pub(crate) const INVALID: i32 = 87;
/// `ERROR_ACCESS_DENIED`.
pub(crate) const ACCESS_DENIED: i32 = 5;
/// `ERROR_NOT_ENOUGH_MEMORY`.
pub(crate) const NOT_ENOUGH_MEMORY: i32 = 8;
/// `ERROR_IO_DEVICE`.
pub(crate) const IO_ERROR: i32 = 1117;
/// No file system on Windows refuses all maps with one code.
pub(crate) const NO_SUCH_DEVICE: i32 = -1;
/// `EBADF` of the C library.
pub(crate) const BAD_DESCRIPTOR: i32 = 9;
/// `EFAULT` of the C library.
pub(crate) const BAD_ADDRESS: i32 = 14;

// Only stored in the object; Windows has no such flags.
pub(crate) const MAP_SHARED: c_int = Flags::SHARED.bits();
pub(crate) const MAP_PRIVATE: c_int = Flags::PRIVATE.bits();
pub(crate) const MAP_ANONYMOUS: c_int = 1 << 16;
/// `FlushViewOfFile` has no flags.
pub(crate) const MS_SYNC: c_int = 0;

/// A page of a view cannot be replaced by another page.
pub(crate) const CAN_REPAIR: bool = false;

/// `FlushViewOfFile` accepts any range.
pub(crate) const FLUSH_NEEDS_PAGE_ALIGNMENT: bool = false;

/// Borrows the file of a descriptor.
pub(crate) fn borrow_file(py: Python<'_>, fileno: c_int) -> PyResult<BorrowedHandle<'static>> {
    let file = borrow(py, fileno)?;
    file.ok_or_else(|| PyOSError::new_err((BAD_DESCRIPTOR, "Bad file descriptor")))
}

/// Returns the arguments of an `OSError`. Python derives `errno` and the subclass from the code.
pub(crate) fn arguments(code: i32, text: String) -> (i32, String, Option<()>, i32, Option<()>) {
    // CPython removes the full stop of the system's messages.
    (0, text.trim_end_matches('.').to_owned(), None, code, None)
}

/// Returns the error code for a fault. For a page of a file, it is the one that the device or the
/// network reported.
pub(crate) fn fault_code(error: &Error) -> i32 {
    let status =
        fault_status().filter(|_| matches!(error, Error::Fault { .. } | Error::Buffer { .. }));
    status.map(error_of_status).or(error.raw_os_error()).unwrap_or(INVALID)
}

/// There are no descriptors.
pub(crate) fn fileno(_: &Map) -> Option<c_int> {
    None
}
