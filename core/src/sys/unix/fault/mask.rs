//! The signals of faults, and the signal mask of the thread.

use libc::{c_int, sigset_t};
use std::{mem::MaybeUninit, ptr};

use super::super::errno;

/// The signals that the kernel sends for an invalid memory access.
pub(super) const SIGNALS: [c_int; 2] = [libc::SIGBUS, libc::SIGSEGV];

/// Signals that an instruction may cause, and SIGABRT. The library's handler runs with all others
/// blocked: if the handler of another signal interrupted it, that one would run on the alternate
/// stack also without SA_ONSTACK, and may need more space.
const NOT_DEFERRED: [c_int; 7] = [
    libc::SIGBUS,
    libc::SIGSEGV,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];

/// Signals have numbers up to 64, on FreeBSD up to 128.
const NUMBERS: std::ops::RangeInclusive<c_int> = 1..=128;

/// The internal signals of musl, which `pthread_sigmask` leaves out of the old set.
#[cfg(target_env = "musl")]
const INTERNAL: std::ops::Range<c_int> = 32..35;
#[cfg(not(target_env = "musl"))]
const INTERNAL: std::ops::Range<c_int> = 0..0;

/// A signal mask, with a bit for each signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask(u128);

impl Mask {
    /// The signals of a set, of which only the part that the kernel knows is read.
    pub(super) fn of(set: &sigset_t) -> Mask {
        // glibc refuses the numbers of its internal signals.
        errno::preserved(|| {
            // SAFETY: `set` is initialised. Other numbers are refused.
            let contains = |&signal: &c_int| unsafe { libc::sigismember(set, signal) == 1 };
            let numbers = NUMBERS.filter(|signal| !INTERNAL.contains(signal));
            Mask(numbers.filter(contains).fold(0, |bits, signal| bits | bit(signal)))
        })
    }

    /// The signals of a number that has bit 0 for signal 1.
    #[cfg(target_os = "openbsd")]
    pub(super) fn of_bits(bits: u32) -> Mask {
        Mask(bits.into())
    }

    fn with(self, other: Mask) -> Mask {
        Mask(self.0 | other.0)
    }

    fn to_set(self) -> sigset_t {
        let mut set = empty();
        let add = |signal| {
            // SAFETY: `set` is initialised. Numbers that do not exist are refused.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        };
        let contains = |&signal: &c_int| self.0 & bit(signal) != 0;
        errno::preserved(|| NUMBERS.filter(contains).for_each(add));
        set
    }
}

fn bit(signal: c_int) -> u128 {
    1 << (signal - 1)
}

/// The signals that are blocked while the library's handler runs.
pub(super) fn of_handler() -> sigset_t {
    let mut set = filled();
    // The kernel blocks neither SIGKILL nor SIGSTOP, and leaves them out of a mask.
    for signal in NOT_DEFERRED.into_iter().chain([libc::SIGKILL, libc::SIGSTOP]) {
        // SAFETY: `set` is initialised; the signal exists.
        unsafe { libc::sigdelset(&raw mut set, signal) };
    }
    set
}

/// All signals. On Linux these include the internal ones of the C library, which `sigfillset`
/// leaves out: they have handlers without SA_ONSTACK.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn filled() -> sigset_t {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: `set` has space for one set.
    unsafe { set.as_mut_ptr().write_bytes(0xff, 1) };
    // SAFETY: a set consists of integers, which are initialised.
    unsafe { set.assume_init() }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn filled() -> sigset_t {
    let mut set = empty();
    // SAFETY: `set` has the size of a set.
    unsafe { libc::sigfillset(&raw mut set) };
    set
}

fn empty() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` has the size of a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: sigemptyset has initialised it.
    unsafe { set.assume_init() }
}

/// Sets the mask with which the kernel would call the handler of an action, if it had interrupted
/// a thread that had the mask `interrupted`. Returns the current mask.
///
/// If another handler has called the library's, its mask stays in effect.
pub(super) fn enter(action: &libc::sigaction, signal: c_int, interrupted: Mask) -> sigset_t {
    let current = block(&empty());
    let before = match Mask::of(&current) {
        mask if mask == interrupted.with(Mask::of(&of_handler())) => interrupted,
        mask => mask,
    };
    let is_deferred = action.sa_flags & libc::SA_NODEFER == 0;
    let own = Mask(if is_deferred { bit(signal) } else { 0 });
    restore(&before.with(Mask::of(&action.sa_mask)).with(own).to_set());
    current
}

/// Unblocks the signals of faults in this thread. The kernel terminates a process if a thread
/// faults while it blocks the signal.
pub(super) fn unblock() {
    let set = signals();
    // SAFETY: `set` is initialised. The old set is not requested.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
}

fn signals() -> sigset_t {
    let mut set = empty();
    for signal in SIGNALS {
        // SAFETY: `set` is initialised; the signal exists.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

/// Blocks the signals of `set` in addition, and returns the previous mask.
pub(super) fn block(set: &sigset_t) -> sigset_t {
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
pub(super) fn restore(set: &sigset_t) {
    // SAFETY: `set` is a set. The old set is not requested.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set, ptr::null_mut()) };
}
