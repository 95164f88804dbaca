//! What [`gate`](super::gate) needs of the system; models have others.

use std::{
    cell::Cell,
    sync::atomic::{Ordering::SeqCst, compiler_fence},
    thread,
    time::Duration,
};

pub(super) use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) use crate::sys::{barrier::Barrier, repair::Mark, this_thread::number as this_thread};

thread_local! {
    /// How many stores of this thread without a slot are in progress, to any map. More than one if
    /// signal handlers store.
    static OTHER_STORES: Cell<usize> = const { Cell::new(0) };
}

/// Records a store without a slot, before it is announced.
pub(super) fn begin_other_store() {
    OTHER_STORES.set(OTHER_STORES.get() + 1);
    // A signal handler of this thread finds the number, if it finds the announcement.
    compiler_fence(SeqCst);
}

/// Ends what [`begin_other_store`] has begun, after the store is no longer announced.
pub(super) fn end_other_store() {
    compiler_fence(SeqCst);
    OTHER_STORES.set(OTHER_STORES.get() - 1);
}

/// Returns whether a store of this thread without a slot is in progress.
pub(super) fn has_other_store() -> bool {
    OTHER_STORES.get() > 0
}

/// Waits for another thread, for the time of a short call.
pub(super) fn pause(round: u32) {
    match round {
        0..100 => thread::yield_now(),
        _ => thread::sleep(Duration::from_micros(50)),
    }
}
