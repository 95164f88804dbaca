//! The record through which the copies of the crate in a process call each other.
//!
//! The layout is frozen (`docs/design.md`, *Several copies in one process*). A later version may
//! append words.
//!
//! # Safety
//!
//! A record that is ready holds functions of the types of [`Functions`]. Its object stays loaded,
//! because a copy pins its object before it publishes its record.

use libc::{c_int, c_void, siginfo_t};
use std::{
    mem,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

/// A function that takes the arguments of a signal handler, and returns 1 if it handled the signal,
/// or else 0.
pub(super) type Handle = extern "C" fn(c_int, *mut siginfo_t, *mut c_void) -> c_int;

/// The functions that a copy offers. All are async-signal-safe.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    /// Resolves the fault that the signal reports, if it is one of this copy.
    pub(super) resolve: Handle,
    /// Forwards the signal to the first action that this copy replaced, unless it has done so.
    pub(super) forward: Handle,
    /// Returns 1 if the address is that of a handler of this copy, or else 0.
    pub(super) owns: extern "C" fn(usize) -> c_int,
    /// Makes this copy call the functions of another one. Returns 1, or 0 if it has no space.
    pub(super) add: extern "C" fn(&'static Record) -> c_int,
}

#[repr(C)]
pub(super) struct Record {
    /// `READY` after the other words were stored. Zero before.
    state: AtomicUsize,
    /// The number of bytes.
    size: AtomicUsize,
    resolve: AtomicUsize,
    forward: AtomicUsize,
    owns: AtomicUsize,
    add: AtomicUsize,
}

impl Record {
    const READY: usize = 0x5afe_0001;

    /// Makes the functions known. Threads may do so concurrently.
    pub(super) fn publish(&self, functions: &Functions) {
        self.size.store(size_of::<Record>(), SeqCst);
        self.resolve.store(functions.resolve as usize, SeqCst);
        self.forward.store(functions.forward as usize, SeqCst);
        self.owns.store(functions.owns as usize, SeqCst);
        self.add.store(functions.add as usize, SeqCst);
        self.state.store(Record::READY, SeqCst);
    }

    /// Returns the functions, or `None` if the copy has not published them.
    pub(super) fn functions(&self) -> Option<Functions> {
        let is_ready = self.state.load(SeqCst) == Record::READY;
        let is_known = is_ready && self.size.load(SeqCst) >= size_of::<Record>();
        // SAFETY: the record is ready.
        is_known.then(|| unsafe { self.read() })
    }

    /// # Safety
    ///
    /// The record is ready.
    unsafe fn read(&self) -> Functions {
        let [resolve, forward, owns, add] =
            [&self.resolve, &self.forward, &self.owns, &self.add].map(|word| word.load(SeqCst));
        Functions {
            // SAFETY: the word holds a function of this type (`publish`).
            resolve: unsafe { mem::transmute::<usize, Handle>(resolve) },
            // SAFETY: as above.
            forward: unsafe { mem::transmute::<usize, Handle>(forward) },
            // SAFETY: as above.
            owns: unsafe { mem::transmute::<usize, extern "C" fn(usize) -> c_int>(owns) },
            // SAFETY: as above.
            add: unsafe { mem::transmute::<usize, extern "C" fn(&'static Record) -> c_int>(add) },
        }
    }
}
