//! Whether a fork may have copied what a thread had for a moment: a descriptor, a mapping.
//!
//! A child notices a fork by itself; its parent does not. So handlers count the forks of this
//! process, before they begin and after they have ended. Calls that run no handlers (`_Fork`, raw
//! `clone`) are not counted.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

static BEGUN: AtomicU64 = AtomicU64::new(0);
static RUNNING: AtomicU64 = AtomicU64::new(0);

/// The time since [`Window::open`].
#[derive(Debug)]
pub(in crate::sys::unix) struct Window {
    begun: u64,
    is_alone: bool,
}

impl Window {
    pub(in crate::sys::unix) fn open() -> Window {
        // In this order: a fork that begins after the second load has not counted itself at the
        // first.
        let begun = BEGUN.load(SeqCst);
        Window { begun, is_alone: RUNNING.load(SeqCst) == 0 }
    }

    /// Whether no fork copied what this process had in the meantime.
    pub(in crate::sys::unix) fn was_undisturbed(&self) -> bool {
        self.is_alone && BEGUN.load(SeqCst) == self.begun
    }
}

pub(super) extern "C" fn before_fork() {
    RUNNING.fetch_add(1, SeqCst);
    BEGUN.fetch_add(1, SeqCst);
}

pub(super) extern "C" fn in_parent() {
    // A fork that began before the handlers were registered was not counted.
    let _ = RUNNING.fetch_update(SeqCst, SeqCst, |running| running.checked_sub(1));
}

/// The forks of the parent's threads are not this process's.
pub(super) fn in_child() {
    RUNNING.store(0, SeqCst);
}
