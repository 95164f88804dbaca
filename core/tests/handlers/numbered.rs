//! Many handlers with distinct addresses. Each calls the handler that it replaced.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use libc::{c_int, c_void, siginfo_t};
use safemap_testing::signal::{Handler, call, install};

/// The number of handlers that the documentation guarantees for each signal.
pub(super) const COUNT: usize = 64;

static REPLACED: [AtomicUsize; COUNT] = [const { AtomicUsize::new(0) }; COUNT];
/// The number of calls of all handlers.
pub(super) static CALLS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handler<const NUMBER: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    CALLS.fetch_add(1, SeqCst);
    // SAFETY: `install_number` replaces handlers with three arguments.
    unsafe { call(REPLACED[NUMBER].load(SeqCst), signal, info, context) };
}

macro_rules! handlers {
    ($($number:literal)+) => { [$(handler::<$number>),+] };
}

static HANDLERS: [Handler; COUNT] = handlers![
     0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
];

/// Installs the handler with this number. Each may be installed once.
pub(super) fn install_number(signal: c_int, number: usize) {
    let replaced = install(signal, HANDLERS[number], libc::SA_NODEFER);
    REPLACED[number].store(replaced.sa_sigaction, SeqCst);
}
