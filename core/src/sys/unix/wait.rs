//! Sleeping until a word is changed, between processes.

use std::{io, time::Duration};

use crate::sys::{place::Place, sleep::Sleep};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "freebsd")]
use freebsd as system;

#[cfg(target_os = "openbsd")]
mod openbsd;
#[cfg(target_os = "openbsd")]
use openbsd as system;

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    target_os = "openbsd"
)))]
use crate::sys::polled as system;

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "freebsd",
    target_os = "openbsd"
))]
mod convert;

/// Whether a thread that sleeps compares the word itself.
pub(crate) const COMPARES: bool = true;

/// A thread that is going to sleep. The kernel finds it by the word.
pub(crate) struct Sleeper;

impl Sleeper {
    pub(crate) fn new<'a>(_: impl FnOnce() -> Place<'a>) -> Sleeper {
        Sleeper
    }

    /// Sleeps while the word is `expected`, at most for `timeout`.
    ///
    /// # Safety
    ///
    /// The word is aligned, and lies in address space that is reserved for a map.
    pub(crate) unsafe fn sleep(
        &self,
        word: *const u32,
        expected: u32,
        timeout: Option<Duration>,
        round: u32,
    ) -> io::Result<Sleep> {
        // SAFETY: the same conditions.
        unsafe { system::sleep(word, expected, timeout, round) }
    }
}

/// Wakes up to `count` threads that sleep on the word.
///
/// # Safety
///
/// As for [`Sleeper::sleep`].
pub(crate) unsafe fn wake<'a>(
    word: *const u32,
    count: u32,
    _: impl FnOnce() -> Place<'a>,
) -> io::Result<()> {
    // SAFETY: the same conditions.
    unsafe { system::wake(word, count) }
}
