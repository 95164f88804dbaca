//! Faults: SIGBUS and SIGSEGV inside a kernel end the accessor, anywhere else they go to whoever was there before.
//!
//! The handler looks at the program counter alone. It takes no lock, allocates nothing and touches nothing that belongs to
//! the thread, so it serves any number of threads at once, and a call that does not fault pays nothing for it.
//!
//! # Safety
//!
//! Everything here is unsafe for one reason: it talks to the system about signals. What the handler relies on is that the
//! system hands it a `siginfo_t` and a `ucontext_t` of the signal it reports, which stay valid until it returns.

#![allow(unsafe_code)]

mod chain;
mod context;
mod errno;
#[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
mod raised;
mod thread_ready;
mod ucontext;

use crate::accessor;
use context::{Cause, Context};
use libc::{c_int, c_void, siginfo_t};
use std::{mem::MaybeUninit, ptr};
pub(super) use ucontext::Attempt;

const _: () = assert!(ucontext::KNOWN || !accessor::FAULTS, "build for this system with --cfg safemap_portable");

const SIGNALS: [c_int; 2] = [libc::SIGBUS, libc::SIGSEGV];

/// How a page is missed that a file or a device does not give. To ask after a handler is a system call, and each map asks.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MISSING: &[c_int] = &[libc::SIGBUS];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MISSING: &[c_int] = &SIGNALS;

/// Makes sure that a fault of this thread inside a kernel ends the accessor, not the process.
#[inline]
pub(crate) fn ensure_ready() {
    if !is_ready() {
        ensure_first();
    }
}

/// Whether a fault of this thread is known to end no more than the kernel. Who hears no has to call [`ensure_ready`].
#[inline]
pub(crate) fn is_ready() -> bool {
    !accessor::FAULTS || thread_ready::is_ready()
}

/// Makes sure that our handler comes first for a page that is missing, and that this thread blocks no signal of a fault when it uses a
/// map for the first time.
///
/// A handler that was installed since the last time becomes the one that is called for foreign faults.
#[cold]
pub(crate) fn ensure_first() {
    if accessor::FAULTS {
        install(if thread_ready::is_ready() { MISSING } else { &SIGNALS });
    }
}

/// Keeps what the system said of the last fault: nothing.
pub(crate) fn note() {}

/// As [`ensure_first`], also for pages that are there and forbidden.
#[cold]
pub(crate) fn ensure_first_for_protection() {
    if accessor::FAULTS {
        install(&SIGNALS);
    }
}

/// Does what [`ensure_first_for_protection`] does, for kernels that fault and for those that do not.
pub(super) fn install_all() {
    install(&SIGNALS);
}

fn install(signals: &[c_int]) {
    signals.iter().for_each(|&signal| chain::come_first(signal));
    if !thread_ready::is_ready() {
        unblock();
        thread_ready::set();
    }
}

/// The system kills a process at once whose thread faults while it blocks the signal.
fn unblock() {
    let set = signals();
    // SAFETY: `set` is initialised (signals); the old set is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, ptr::null_mut()) };
}

fn signals() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` has room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in SIGNALS {
        // SAFETY: sigemptyset has initialised the set; the signal exists.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: sigemptyset has initialised it.
    unsafe { set.assume_init() }
}

/// What the system calls. There are several, so that each knows what it replaced (`chain`).
extern "C" fn handler<const GENERATION: usize>(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the system hands both over for the duration of the signal, and nobody else looks at them meanwhile.
    let mut context = unsafe { Context::new(signal, info, context) };
    if !recover(&mut context) && !repair(&mut context) && !raised::recover(&mut context) {
        chain::pass_on(GENERATION, &mut context);
    }
}

/// Puts zeros where foreign code met a page that a watched map could not get; it then reads them.
fn repair(context: &mut Context<'_>) -> bool {
    context.cause() == Cause::Access
        && context.may_be_missing()
        // Near the limit of mappings the system refuses before it agrees.
        && errno::kept(|| super::repair::repair(context.address(), context.attempt()))
}

#[cfg(not(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod raised {
    /// Nobody has told yet what the frame of a signal looks like here.
    pub(super) fn recover(_: &mut super::Context<'_>) -> bool {
        false
    }
}

/// Continues a kernel at its recovery, if it was one that was interrupted by its own access.
fn recover(context: &mut Context<'_>) -> bool {
    let recovery = match context.cause() {
        Cause::Access if accessor::FAULTS => accessor::fixup(context.program_counter()),
        _ => None,
    };
    recovery.inspect(|&at| context.resume(at)).is_some()
}
