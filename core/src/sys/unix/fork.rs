//! Forks: a child has one thread, and whatever the others had locked stays locked there.
//!
//! So who changes the regions of a map, or looks at them, holds a [`ForkGuard`], and a fork waits until all passes are given back, and gives
//! out none meanwhile. A child finds every map whole.

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

/// Passes that are out, and in the upper half the forks that wait or take place.
static GATE: AtomicUsize = AtomicUsize::new(0);
const FORK: usize = 1 << (usize::BITS / 2);

static COUNT: AtomicU64 = AtomicU64::new(0);

/// How often this process and its forebears forked since the first map was made.
#[inline]
pub(crate) fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// Leave to change regions, given back when dropped.
#[derive(Debug)]
pub(crate) struct ForkGuard;

impl ForkGuard {
    /// Waits while a fork takes place, which is not long.
    pub(crate) fn new() -> ForkGuard {
        loop {
            let seen = GATE.load(Acquire);
            if seen < FORK && GATE.compare_exchange_weak(seen, seen + 1, AcqRel, Acquire).is_ok() {
                return ForkGuard;
            }
            if seen >= FORK {
                thread::yield_now();
            }
        }
    }
}

impl Drop for ForkGuard {
    fn drop(&mut self) {
        GATE.fetch_sub(1, AcqRel);
    }
}

/// Has the system tell us of forks, from the first map on.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the functions touch atomics only, and stay loaded as long as this crate.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
    });
}

extern "C" fn before() {
    GATE.fetch_add(FORK, AcqRel);
    while !GATE.load(Acquire).is_multiple_of(FORK) {
        thread::yield_now();
    }
}

extern "C" fn in_parent() {
    GATE.fetch_sub(FORK, AcqRel);
}

extern "C" fn in_child() {
    // Other forks that wait are the parent's.
    GATE.store(0, Release);
    COUNT.fetch_add(1, Relaxed);
    super::repair::forget_handlers();
}
