//! The number of faults that this copy of the library has repaired.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

static FAULTS: AtomicUsize = AtomicUsize::new(0);

/// The number of faults that were counted in this process, and in its ancestors before the fork.
pub(crate) fn damages() -> usize {
    FAULTS.load(SeqCst)
}

/// Counts a fault, before its page is replaced, and returns its number. Async-signal-safe.
pub(super) fn increment() -> usize {
    FAULTS.fetch_add(1, SeqCst).wrapping_add(1)
}
