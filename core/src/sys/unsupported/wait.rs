//! Waiting until a word is changed.

use std::{io, time::Duration};

use crate::sys::{place::Place, polled, sleep::Sleep};

/// Whether a thread that sleeps compares the word itself.
pub(crate) const COMPARES: bool = false;

/// A thread that is going to sleep.
pub(crate) struct Sleeper;

impl Sleeper {
    pub(crate) fn new<'a>(_: impl FnOnce() -> Place<'a>) -> Sleeper {
        Sleeper
    }

    /// Sleeps for a step.
    ///
    /// # Safety
    ///
    /// None.
    pub(crate) unsafe fn sleep(
        &self,
        word: *const u32,
        expected: u32,
        timeout: Option<Duration>,
        round: u32,
    ) -> io::Result<Sleep> {
        // SAFETY: no conditions.
        unsafe { polled::sleep(word, expected, timeout, round) }
    }
}

/// Does nothing: sleeping threads look by themselves.
///
/// # Safety
///
/// None.
pub(crate) unsafe fn wake<'a>(
    word: *const u32,
    count: u32,
    _: impl FnOnce() -> Place<'a>,
) -> io::Result<()> {
    // SAFETY: no conditions.
    unsafe { polled::wake(word, count) }
}
