//! The signals of faults, and the signal mask of the thread.

use libc::c_int;
use std::{mem::MaybeUninit, ptr};

/// The signals that the kernel sends for an invalid memory access.
pub(super) const SIGNALS: [c_int; 2] = [libc::SIGBUS, libc::SIGSEGV];

/// Unblocks the signals of faults in this thread. The kernel terminates a process if a thread
/// faults while it blocks the signal.
pub(super) fn unblock() {
    let set = signals();
    // SAFETY: `set` is initialised. The old set is not requested.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
}

fn signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` has the size of a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in SIGNALS {
        // SAFETY: sigemptyset has initialised the set; the signal exists.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: sigemptyset has initialised it.
    unsafe { set.assume_init() }
}

/// Blocks the signals of `set` in addition, and returns the previous mask.
pub(super) fn block(set: &libc::sigset_t) -> libc::sigset_t {
    let mut old = MaybeUninit::zeroed();
    // SAFETY: both point to sets. Only a sandbox can make the call fail.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set, old.as_mut_ptr()) };
    // SAFETY: zeros are a valid set.
    unsafe { old.assume_init() }
}

/// Runs `work` while this thread blocks all signals. Async-signal-safe if `work` is.
pub(in super::super) fn with_all_blocked<R>(work: impl FnOnce() -> R) -> R {
    let mut all = MaybeUninit::uninit();
    // SAFETY: `all` has the size of a set.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: sigfillset has initialised it.
    let mask = block(unsafe { all.assume_init_ref() });
    let result = work();
    restore(&mask);
    result
}

/// Makes `set` the mask of this thread.
pub(super) fn restore(set: &libc::sigset_t) {
    // SAFETY: `set` is a set. The old set is not requested.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set, ptr::null_mut()) };
}
