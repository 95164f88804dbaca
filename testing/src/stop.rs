//! A flag that ends the loops of threads, also when one of the threads panics.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A flag that is set once.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Returns whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.0.load(SeqCst)
    }

    /// Sets the flag.
    pub fn set(&self) {
        self.0.store(true, SeqCst);
    }

    /// Returns a guard that sets the flag when it is dropped.
    ///
    /// A thread scope waits for its threads. Without the guard it would wait forever after a panic.
    pub fn set_on_drop(&self) -> impl Drop + '_ {
        Guard { stop: self, always: true }
    }

    /// Returns a guard that sets the flag when it is dropped by a panic.
    pub fn set_on_panic(&self) -> impl Drop + '_ {
        Guard { stop: self, always: false }
    }
}

struct Guard<'a> {
    stop: &'a Stop,
    always: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.always || std::thread::panicking() {
            self.stop.set();
        }
    }
}
