//! A pair of memory barriers, of which one costs nothing (membarrier(2)).

#![allow(unsafe_code)]

use std::sync::atomic::{Ordering::SeqCst, compiler_fence, fence};

/// A barrier in two parts. Of two threads that each store, then pass a part, and then load what the
/// other one has stored, one finds the store, if one of the parts is the heavy one.
#[derive(Debug)]
pub(crate) struct Barrier {
    is_heavy: bool,
}

impl Barrier {
    /// Registers the process with the kernel.
    pub(crate) fn new() -> Barrier {
        Barrier { is_heavy: membarrier::register() }
    }

    /// Returns whether the heavy part makes the light one free. Otherwise both are fences.
    pub(crate) fn is_heavy(&self) -> bool {
        self.is_heavy
    }

    /// The part for frequent use. Threads call it only if [`Barrier::is_heavy`].
    #[inline]
    pub(crate) fn light(&self) {
        compiler_fence(SeqCst);
    }

    /// A part for threads that have none of the others.
    pub(crate) fn full(&self) {
        fence(SeqCst);
    }

    /// The part that has the kernel execute a fence on each processor that runs a thread of this
    /// process. Returns whether it does.
    #[must_use]
    pub(crate) fn heavy(&self) -> bool {
        fence(SeqCst);
        !self.is_heavy || membarrier::run()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod membarrier {
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    /// Returns whether the kernel has the call (Linux 4.14), and no filter refuses it.
    pub(super) fn register() -> bool {
        call(REGISTER_PRIVATE_EXPEDITED) && call(PRIVATE_EXPEDITED)
    }

    /// Does not fail after it was registered, unless a filter was installed since.
    pub(super) fn run() -> bool {
        call(PRIVATE_EXPEDITED)
    }

    fn call(command: libc::c_int) -> bool {
        // SAFETY: the call has no preconditions.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod membarrier {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn run() -> bool {
        false
    }
}
