//! Waiting until a word is changed. `WaitOnAddress` reaches the threads of one process only. So a
//! thread waits for a semaphore that has the name of the word.
//!
//! The semaphore exists as long as a thread waits: the system closes the handles of a process that
//! ends. So [`wake`] does nothing if no thread waits, and nothing is left behind. A thread creates
//! the semaphore, checks the word, and then waits; another one changes the word, and then opens the
//! semaphore.
//!
//! A wake-up is a hint. It may be lost, because a thread that begins to wait takes it, or because
//! the notifying process may not open the semaphore; or be needless, because other objects have the
//! same name. Therefore each wait is limited.

mod name;
mod semaphore;

use std::{
    io,
    sync::atomic::{Ordering, fence},
    time::Duration,
};

use crate::sys::{place::Place, polled, sleep::Sleep};
use semaphore::Semaphore;

/// Whether a thread that sleeps compares the word itself.
pub(crate) const COMPARES: bool = false;

/// The first interval between two checks of the word. It is doubled three times.
const FIRST: Duration = Duration::from_millis(5);

/// How many threads a call wakes. A thread that waits again at once counts again, so there must be
/// a limit.
const MOST: u32 = 1000;

/// A thread that is going to sleep, and will be found by [`wake`].
pub(crate) struct Sleeper(Option<Semaphore>);

impl Sleeper {
    /// Announces a thread that is going to sleep. The caller then checks the word.
    pub(crate) fn new<'a>(place: impl FnOnce() -> Place<'a>) -> Sleeper {
        let semaphore = place().name().and_then(|name| Semaphore::create(&name));
        // Either the caller finds the changed word, or `wake` finds the semaphore.
        fence(Ordering::SeqCst);
        Sleeper(semaphore)
    }

    /// Sleeps for a step, at most for `timeout`, or until it is woken. Later rounds take longer.
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
        let step = FIRST * (1 << round.min(3));
        let step = timeout.map_or(step, |timeout| timeout.min(step));
        match self.0.as_ref().and_then(|semaphore| semaphore.wait(step)) {
            Some(true) => Ok(Sleep::Woken),
            Some(false) => Ok(Sleep::Elapsed),
            // SAFETY: no conditions.
            None => unsafe { polled::sleep(word, expected, timeout, round) },
        }
    }
}

/// Wakes up to `count` threads that sleep on the word.
///
/// # Safety
///
/// None.
#[allow(clippy::unnecessary_wraps)] // Other systems fail.
pub(crate) unsafe fn wake<'a>(
    _word: *const u32,
    count: u32,
    place: impl FnOnce() -> Place<'a>,
) -> io::Result<()> {
    fence(Ordering::SeqCst);
    if let Some(semaphore) = place().name().and_then(|name| Semaphore::open(&name)) {
        // It holds one wake-up. If it is full, all threads that sleep have been woken.
        let mut wakes = (0..count.min(MOST)).map(|_| semaphore.release());
        wakes.all(|was_taken| was_taken);
    }
    Ok(())
}
