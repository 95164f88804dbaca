//! Conversion of timeouts and results.

use std::io;
#[cfg(not(target_os = "macos"))]
use std::time::Duration;

use crate::sys::sleep::Sleep;

/// Converts a timeout; one that is too long for the type becomes its longest.
#[cfg(not(target_os = "macos"))]
pub(super) fn timespec(timeout: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: (timeout.subsec_nanos() as i32).into(),
    }
}

/// Converts the result of a call that sleeps while a word is the expected one.
pub(super) fn outcome(result: io::Result<()>) -> io::Result<Sleep> {
    match result {
        Ok(()) => Ok(Sleep::Woken),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN) => Ok(Sleep::Changed),
            Some(libc::ETIMEDOUT) => Ok(Sleep::TimedOut),
            // OpenBSD: ECANCELED if the handler of the signal restarts system calls.
            Some(libc::EINTR | libc::ECANCELED) => Ok(Sleep::Woken),
            _ => Err(error),
        },
    }
}
