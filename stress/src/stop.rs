//! Stop: what tells threads that it is over, also where somebody panics, so that nobody waits for ever.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Threads ask it; it starts as "not yet".
#[derive(Debug, Default)]
pub(crate) struct Stop(AtomicBool);

/// Says "now" when it is dropped.
#[derive(Debug)]
pub(crate) struct AtEnd<'a>(&'a Stop);

impl Stop {
    pub(crate) fn now(&self) -> bool {
        self.0.load(SeqCst)
    }

    pub(crate) fn at_end(&self) -> AtEnd<'_> {
        AtEnd(self)
    }

    /// The same, but only if this thread panics.
    pub(crate) fn at_panic(&self) -> impl Drop + '_ {
        AtPanic(self)
    }
}

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, SeqCst);
    }
}

struct AtPanic<'a>(&'a Stop);

impl Drop for AtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.0.store(true, SeqCst);
        }
    }
}
