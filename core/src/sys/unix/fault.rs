//! Faults: a SIGBUS or SIGSEGV inside an accessor ends the accessor; any other is repaired, or
//! forwarded to the handler that was installed before.
//!
//! The handler looks at the program counter first. It takes no lock, allocates nothing and uses no
//! thread-local state, so any number of threads may fault at once, and a call that does not fault
//! costs nothing. `chain` installs the handlers, `resolve` decides what happens to a signal.
//!
//! # Safety
//!
//! The unsafe blocks here and below are calls about signals. The handler relies on one fact: the
//! kernel passes it a `siginfo_t` and a `ucontext_t` that stay valid until it returns.

mod chain;
mod context;
mod copies;
pub(super) mod mask;
mod notes;
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod raised;
mod record;
mod replaced;
mod resolve;
mod thread_ready;
mod ucontext;
mod visits;

use super::{pin, this_thread};
use crate::accessor;
use libc::c_int;
use mask::SIGNALS;
use std::io;

const _: () = assert!(
    ucontext::KNOWN || !accessor::FAULTS,
    "build for this system with --cfg safemap_portable"
);

/// The signals that report a page that the file or the device cannot provide. Each map that is made
/// asks for the handlers of these only, because each takes a system call.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MISSING_PAGE: &[c_int] = &[libc::SIGBUS];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MISSING_PAGE: &[c_int] = &SIGNALS;

/// Ensures that this thread can take a fault: a fault in an accessor then ends the accessor and
/// does not terminate the process.
#[inline]
pub(crate) fn ensure_ready() {
    if !is_ready() {
        make_ready();
    }
}

/// Out of line, so that it finds the flag of the object that contains the crate.
#[cold]
#[inline(never)]
fn make_ready() {
    if !is_ready() {
        // The map exists, so that its handler was installed.
        let _ = ensure_first();
    }
}

/// Whether this thread can take a fault, and this code may contain inlined accesses
/// (`accessor::inline`). If not, code that is not inlined may still find the thread ready.
#[inline]
pub(crate) fn can_inline() -> bool {
    !accessor::FAULTS || thread_ready::inlining_number() != 0
}

/// The number of this thread ([`this_thread::number`]) if [`can_inline`] is true, else 0.
#[inline]
pub(crate) fn inlining_thread() -> usize {
    if accessor::FAULTS { thread_ready::inlining_number() } else { this_thread::number() }
}

/// Whether this thread is known to be able to take a fault. If not, call [`ensure_ready`].
#[inline]
pub(crate) fn is_ready() -> bool {
    !accessor::FAULTS || thread_ready::number() != 0
}

/// Ensures that the library's handler is first for missing pages. The first call in a thread also
/// unblocks the signals of faults.
///
/// A handler that external code installed since the last call receives the faults that are not the
/// library's. The object that contains this code is never unloaded from now on.
#[cold]
pub(crate) fn ensure_first() -> io::Result<()> {
    prepare();
    if accessor::FAULTS {
        install(if thread_ready::number() != 0 { MISSING_PAGE } else { &SIGNALS })?;
    }
    Ok(())
}

/// Does nothing: only Windows reports a status of the last fault.
pub(crate) fn note() {}

/// Like [`ensure_first`], also for pages that are mapped and protected.
#[cold]
pub(crate) fn ensure_first_for_protection() -> io::Result<()> {
    prepare();
    if accessor::FAULTS {
        install_all()?;
    }
    Ok(())
}

fn prepare() {
    pin::this_object();
    accessor::build_index();
}

/// Installs the handler for both signals, also if the accessors of this build never fault.
pub(super) fn install_all() -> io::Result<()> {
    install(&SIGNALS)
}

fn install(signals: &[c_int]) -> io::Result<()> {
    signals.iter().try_for_each(|&signal| chain::ensure_first(signal))?;
    if thread_ready::number() == 0 {
        mask::unblock();
        thread_ready::set();
    }
    Ok(())
}
