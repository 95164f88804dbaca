//! Waiting for another thread.

#![allow(unsafe_code)]

use std::{thread, time::Duration};

use pyo3::ffi;

/// Waits while `busy`, and returns true; false if the interpreter ends. Whoever is waited for may be a daemon thread, which never comes
/// back from a call in which it let go of the interpreter.
///
/// Sleeps in short pieces: rare enough not to deserve a lock, which a fork could leave locked in the child.
pub(super) fn wait_while(busy: impl Fn() -> bool) -> bool {
    let mut pause = Duration::from_micros(10);
    while busy() {
        if is_ending() {
            return false;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
    true
}

/// Whether the interpreter ends.
fn is_ending() -> bool {
    // SAFETY: may be called at any time, by threads that are attached and by those that are not.
    unsafe { ffi::Py_IsInitialized() == 0 }
}
