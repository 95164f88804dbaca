//! A lock that threads may hold while they are detached from the interpreter.

#![allow(unsafe_code)]

use std::{
    cell::UnsafeCell,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use pyo3::prelude::*;
use safemap::{forks, try_forks};

use super::wait::wait_while;

/// A value that one thread uses at a time. A fork releases the lock in the child.
pub(crate) struct Lock<T> {
    value: UnsafeCell<T>,
    /// 0 if unlocked, else the number of forks plus one at the time of locking. After a fork the
    /// owner does not exist in the child, and the number there no longer matches.
    owner: AtomicU64,
}

// SAFETY: the value moves between threads, and only the thread that holds the lock accesses it.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock { value: UnsafeCell::new(value), owner: AtomicU64::new(0) }
    }

    /// Runs `call` on the value, or returns `None` if the lock is held.
    #[inline]
    pub(crate) fn try_with<R>(&self, _py: Python<'_>, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        let (owner, locked) = (self.owner.load(Relaxed), try_forks() + 1);
        if owner == locked || !self.try_lock(owner, locked) {
            return None;
        }
        let _guard = Guard(&self.owner);
        // SAFETY: this call holds the lock until `_guard` is dropped.
        Some(call(unsafe { &mut *self.value.get() }))
    }

    /// Waits for the lock and runs `call` on the value. Returns `None` if the interpreter is
    /// finalized before the lock is free.
    ///
    /// `call` must not run Python code, which could wait for a lock that this thread holds.
    /// Exceptions are therefore created by the caller, afterwards.
    pub(crate) fn with<R>(&self, py: Python<'_>, mut call: impl FnMut(&mut T) -> R) -> Option<R> {
        loop {
            let result = self.try_with(py, &mut call);
            if result.is_some() {
                return result;
            }
            let owner = &self.owner;
            if !py.detach(|| wait_while(|| owner.load(Relaxed) == forks() + 1)) {
                return None;
            }
        }
    }

    /// With the GIL, no other thread can lock between the load in `try_with` and this store.
    #[inline]
    fn try_lock(&self, owner: u64, locked: u64) -> bool {
        if cfg!(Py_GIL_DISABLED) {
            return self.owner.compare_exchange(owner, locked, Acquire, Relaxed).is_ok();
        }
        self.owner.store(locked, Relaxed);
        true
    }
}

/// Releases the lock when dropped.
struct Guard<'a>(&'a AtomicU64);

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}
