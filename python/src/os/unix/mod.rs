//! Errors and flags on Unix.

mod construct;

use std::{
    ffi::c_int,
    os::fd::{AsRawFd, BorrowedFd},
};

pub(crate) use libc::{
    EACCES as ACCESS_DENIED, EBADF as BAD_DESCRIPTOR, EFAULT as BAD_ADDRESS, EINVAL as INVALID,
    EIO as IO_ERROR, ENODEV as NO_SUCH_DEVICE, ENOMEM as NOT_ENOUGH_MEMORY, MAP_ANONYMOUS,
    MAP_PRIVATE, MAP_SHARED, MS_SYNC,
};
use pyo3::prelude::*;
use safemap::{Error, Map};

use crate::{error::errno, ffi::borrow};

pub(crate) const CAN_REPAIR: bool = true;

/// `msync` requires it, and CPython passes the offset unchanged.
pub(crate) const FLUSH_NEEDS_PAGE_ALIGNMENT: bool = true;

/// Borrows the file of a descriptor.
pub(crate) fn borrow_file(_: Python<'_>, fileno: c_int) -> PyResult<BorrowedFd<'static>> {
    borrow(fileno).ok_or_else(|| errno(BAD_DESCRIPTOR))
}

/// Returns the arguments of an `OSError`. Python selects the subclass by the code.
pub(crate) fn arguments(code: i32, text: String) -> (i32, String) {
    (code, text)
}

/// Returns the error code for a fault.
pub(crate) fn fault_code(error: &Error) -> i32 {
    error.raw_os_error().unwrap_or(BAD_ADDRESS)
}

/// Returns the descriptor of a map.
pub(crate) fn fileno(map: &Map) -> Option<c_int> {
    map.file().map(|file| file.as_raw_fd())
}
