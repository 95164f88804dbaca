//! Turns: something that one thread uses at a time.

#![allow(unsafe_code)]

use std::{
    cell::UnsafeCell,
    sync::atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use pyo3::prelude::*;
use safemap::forks;

use super::wait::wait_while;

/// A value that threads take in turn, also if whoever has it lets go of the interpreter meanwhile.
pub(crate) struct Turn<T> {
    value: UnsafeCell<T>,
    /// 0 while nobody has it, else one more than the number of forks: who had it before a fork is not in the child.
    taken: AtomicU64,
}

// SAFETY: the value goes from thread to thread, and one has it at a time (`attempt`).
unsafe impl<T: Send> Sync for Turn<T> {}

impl<T> Turn<T> {
    pub(crate) fn new(value: T) -> Turn<T> {
        Turn { value: UnsafeCell::new(value), taken: AtomicU64::new(0) }
    }

    /// Runs `call` on the value unless somebody has it.
    #[inline]
    pub(crate) fn attempt<R>(&self, _py: Python<'_>, call: impl FnOnce(&mut T) -> R) -> Option<R> {
        let (seen, mine) = (self.taken.load(Relaxed), forks() + 1);
        if seen == mine || !self.take(seen, mine) {
            return None;
        }
        let _end = End(&self.taken);
        // SAFETY: taken by this call until `_end`, and everybody else asks first.
        Some(call(unsafe { &mut *self.value.get() }))
    }

    /// Runs `call` on the value, when whoever has it is done; `None` if the interpreter ends before.
    ///
    /// `call` runs no Python code, which could ask for another turn: exceptions are made later (`error.rs`).
    pub(crate) fn run<R>(&self, py: Python<'_>, mut call: impl FnMut(&mut T) -> R) -> Option<R> {
        loop {
            let result = self.attempt(py, &mut call);
            if result.is_some() {
                return result;
            }
            let taken = &self.taken;
            if !py.detach(|| wait_while(|| taken.load(Relaxed) == forks() + 1)) {
                return None;
            }
        }
    }

    /// With an interpreter lock nobody comes between the look and the store.
    #[inline]
    fn take(&self, seen: u64, mine: u64) -> bool {
        if cfg!(Py_GIL_DISABLED) {
            return self.taken.compare_exchange(seen, mine, Acquire, Relaxed).is_ok();
        }
        self.taken.store(mine, Relaxed);
        true
    }
}

/// Ends a turn when dropped.
struct End<'a>(&'a AtomicU64);

impl Drop for End<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(0, Release);
    }
}
