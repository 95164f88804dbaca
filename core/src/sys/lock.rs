//! A lock that a fork releases in the child.

use std::{
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    thread,
    time::Duration,
};

use super::fork;

/// 0 if unlocked, else the number of forks plus one at the time of locking. After a fork the owner
/// does not exist in the child, and the number there no longer matches: the lock is void.
#[derive(Debug)]
pub(crate) struct Lock(AtomicU64);

/// Releases the lock when dropped.
#[derive(Debug)]
pub(crate) struct Locked<'a>(&'a AtomicU64);

impl Lock {
    pub(crate) const fn new() -> Lock {
        Lock(AtomicU64::new(0))
    }

    /// Waits for the lock. Polls with short sleeps: the kernel would wake no thread of a child.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let locked = fork::current() + 1;
        for round in 0_u32.. {
            let owner = self.0.load(Relaxed);
            if owner != locked && self.0.compare_exchange(owner, locked, Acquire, Relaxed).is_ok() {
                break;
            }
            match round {
                0..100 => thread::yield_now(),
                // A call that holds the lock may wait for storage.
                _ => thread::sleep(Duration::from_micros(u64::from(round.min(1000)))),
            }
        }
        Locked(&self.0)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}
