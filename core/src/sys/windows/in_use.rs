//! InUseCount: who is inside a view of a file, which cannot be replaced meanwhile.
//!
//! A file that is mapped cannot be cut, and a view grows no further than its file. So a resize unmaps the view and maps
//! another one, and what was the view's may be somebody else's at once. Nobody may be in there then: a call holds a
//! pin while its kernel runs, which is one addition and one subtraction, and a resize shuts the door and waits until
//! the last is out. A kernel waits for nothing, so that is not long.
//!
//! Maps whose views never move do not count.

use std::{
    sync::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire, Release},
    },
    thread,
    time::Duration,
};

/// Whether a region is there only while somebody holds a pin.
pub(crate) const COUNTED: bool = true;

/// The door is shut: set beside the number of in_use.
const SHUT: usize = 1 << (usize::BITS - 1);

/// The in_use of a map.
#[derive(Debug)]
pub(crate) struct InUseCount {
    needed: bool,
    state: AtomicUsize,
}

/// While it lives the region stays. Given back when dropped.
#[derive(Debug)]
pub(crate) struct InUse<'a>(Option<&'a AtomicUsize>);

/// While it lives nobody is inside, and nobody comes.
#[derive(Debug)]
pub(crate) struct Shut<'a>(&'a AtomicUsize);

impl InUseCount {
    pub(crate) fn new(needed: bool) -> InUseCount {
        InUseCount { needed, state: AtomicUsize::new(0) }
    }

    /// Waits while the door is shut. A thread that holds a pin must not ask for another one of the same map.
    #[inline]
    pub(crate) fn enter(&self) -> InUse<'_> {
        if !self.needed {
            return InUse(None);
        }
        // Acquire: what the last resize published is seen.
        if self.state.fetch_add(1, Acquire) & SHUT != 0 {
            self.enter_late();
        }
        InUse(Some(&self.state))
    }

    #[cold]
    fn enter_late(&self) {
        loop {
            self.state.fetch_sub(1, Release);
            wait_until(|| self.state.load(Acquire) & SHUT == 0);
            if self.state.fetch_add(1, Acquire) & SHUT == 0 {
                return;
            }
        }
    }

    /// Shuts the door and waits until nobody is inside. For whoever holds the regions: one at a time.
    pub(crate) fn shut(&self) -> Shut<'_> {
        self.state.fetch_or(SHUT, AcqRel);
        wait_until(|| self.state.load(Acquire) == SHUT);
        Shut(&self.state)
    }
}

impl Drop for InUse<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            // Release: whoever waits for this sees all that was done inside.
            state.fetch_sub(1, Release);
        }
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.fetch_and(!SHUT, Release);
    }
}

fn wait_until(done: impl Fn() -> bool) {
    for round in 0_u32.. {
        if done() {
            return;
        }
        match round {
            0..100 => thread::yield_now(),
            // A flush may take its time.
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
}
