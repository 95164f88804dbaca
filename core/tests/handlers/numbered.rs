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

macro_rules! eight_handlers {
    ($($first:literal)+) => {
        [$([
            handler::<{ $first }>,
            handler::<{ $first + 1 }>,
            handler::<{ $first + 2 }>,
            handler::<{ $first + 3 }>,
            handler::<{ $first + 4 }>,
            handler::<{ $first + 5 }>,
            handler::<{ $first + 6 }>,
            handler::<{ $first + 7 }>,
        ]),+]
    };
}

static HANDLERS: [[Handler; 8]; COUNT / 8] = eight_handlers![0 8 16 24 32 40 48 56];

/// Installs the handler with this number. Each may be installed once.
pub(super) fn install_number(signal: c_int, number: usize) {
    let replaced = install(signal, HANDLERS[number / 8][number % 8], libc::SA_NODEFER);
    REPLACED[number].store(replaced.sa_sigaction, SeqCst);
}
