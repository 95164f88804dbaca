//! Windows.

mod construct;
mod size;

use std::ffi::c_int;

use safemap::{Error, Flags, fault_status};

use crate::buffer::error_of_status;

/// `ERROR_INVALID_PARAMETER`.
pub(crate) const INVALID: i32 = 87;
/// What `errno` has for a descriptor that is none.
pub(crate) const BAD_DESCRIPTOR: i32 = 9;
/// What `errno` has for memory that is none.
pub(crate) const BAD_ADDRESS: i32 = 14;

// Numbers of our own: nobody else sees them.
pub(crate) const MAP_SHARED: c_int = Flags::SHARED.bits();
pub(crate) const MAP_PRIVATE: c_int = Flags::PRIVATE.bits();
pub(crate) const MAP_ANONYMOUS: c_int = 1 << 16;
/// The system's call has no flags.
pub(crate) const MS_SYNC: c_int = 0;

pub(crate) const FLUSHES_WHOLE_PAGES: bool = false;

/// The arguments of an `OSError` with the system's number, from which Python finds `errno` and the subclass.
pub(crate) fn arguments(code: i32, text: String) -> (i32, String, Option<()>, i32, Option<()>) {
    // CPython takes the full stop off the system's sentences.
    (0, text.trim_end_matches('.').to_owned(), None, code, None)
}

/// The system's number for a fault: for a page of a file what the device or the network said.
pub(crate) fn fault_code(error: &Error) -> i32 {
    let told = fault_status().filter(|_| matches!(error, Error::Fault { .. } | Error::Buffer { .. }));
    told.map(error_of_status).or(error.os_code()).unwrap_or(INVALID)
}
