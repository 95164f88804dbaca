//! The fork guard. After `fork` the child has one thread, so a lock that another thread of the
//! parent held stays locked in the child.
//!
//! A thread that changes or inspects the regions of a map therefore holds a [`ForkGuard`]. `fork`
//! waits until all guards are dropped and blocks new ones while it runs. The child finds every map
//! in a consistent state.

use std::{
    sync::{
        Once,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    thread,
};

/// The number of guards; in the upper half the number of forks that wait or run.
static STATE: AtomicUsize = AtomicUsize::new(0);
const FORK: usize = 1 << (usize::BITS / 2);

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Returns how often this process and its ancestors forked since the first map was made.
#[inline]
pub(crate) fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// Blocks `fork` until it is dropped.
#[derive(Debug)]
pub(crate) struct ForkGuard;

impl ForkGuard {
    /// Waits while a fork runs, which takes a short time.
    pub(crate) fn new() -> ForkGuard {
        loop {
            let state = STATE.load(Acquire);
            if state < FORK
                && STATE.compare_exchange_weak(state, state + 1, AcqRel, Acquire).is_ok()
            {
                return ForkGuard;
            }
            if state >= FORK {
                thread::yield_now();
            }
        }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        STATE.fetch_sub(1, AcqRel);
    }
}

/// Installs the fork handlers of the process. Called when a map is made.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the functions use only atomics, and stay loaded as long as this crate.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

extern "C" fn before() {
    STATE.fetch_add(FORK, AcqRel);
    while !STATE.load(Acquire).is_multiple_of(FORK) {
        thread::yield_now();
    }
}

extern "C" fn in_parent() {
    STATE.fetch_sub(FORK, AcqRel);
}

extern "C" fn in_child() {
    // Other forks that wait belong to the parent.
    STATE.store(0, Release);
    COUNT.fetch_add(1, Relaxed);
    super::repair::forget_handlers();
}
