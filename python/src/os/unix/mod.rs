//! Unix.

mod construct;

pub(crate) use libc::{
    EBADF as BAD_DESCRIPTOR, EFAULT as BAD_ADDRESS, EINVAL as INVALID, MAP_ANONYMOUS, MAP_PRIVATE, MS_SYNC,
};
use safemap::Error;

/// The system wants whole pages, and CPython hands it what it was given.
pub(crate) const FLUSHES_WHOLE_PAGES: bool = true;

/// The arguments of an `OSError` with the system's number and text, from which Python finds the subclass.
pub(crate) fn arguments(code: i32, text: String) -> (i32, String) {
    (code, text)
}

/// The system's number for a fault.
pub(crate) fn fault_code(error: &Error) -> i32 {
    error.os_code().unwrap_or(BAD_ADDRESS)
}
