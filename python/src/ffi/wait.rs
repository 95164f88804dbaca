//! Waiting for another thread.

#![allow(unsafe_code)]

use std::{thread, time::Duration};

use pyo3::ffi;

/// Waits while `busy` returns true, and returns true. Returns false if the interpreter is finalized
/// first: a daemon thread that was detached at that moment never returns from its call.
///
/// Polls with short sleeps. Waiting is rare, and a fork could copy a mutex in its locked state.
pub(super) fn wait_while(busy: impl Fn() -> bool) -> bool {
    let mut pause = Duration::from_micros(10);
    while busy() {
        if is_finalized() {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
    true
}

/// Whether the interpreter is finalized or being finalized.
fn is_finalized() -> bool {
    // SAFETY: may be called at any time, by attached and detached threads.
    unsafe { ffi::Py_IsInitialized() == 0 }
}
