//! Signals: handlers as a C program installs them, after ours, and stacks for them.

use std::{
    io, mem, ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst},
};

use libc::{c_int, c_void, sigaction, siginfo_t};

use super::process::leave;

pub(crate) const SIGBUS: c_int = libc::SIGBUS;
pub(crate) const SIGSEGV: c_int = libc::SIGSEGV;
pub(crate) const SIGABRT: c_int = libc::SIGABRT;
pub(crate) const SIGXFSZ: c_int = libc::SIGXFSZ;

/// What a process ends with in a handler that is not ours.
pub(crate) const THEIRS: i32 = 77;

/// How often a foreign handler was called.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// What the handler that chains replaced, for SIGBUS and SIGSEGV.
static REPLACED: [AtomicPtr<sigaction>; 2] = [const { AtomicPtr::new(ptr::null_mut()) }; 2];

/// A program's handler of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theirs {
    /// Counts, and calls whom it replaced.
    Chains,
    /// Ends the process with [`THEIRS`].
    Ends,
    /// Nothing happens.
    Ignores,
}

impl Theirs {
    /// Makes it the first of this signal.
    pub(crate) fn install(self, signal: c_int) {
        let handler = match self {
            Theirs::Chains => chains as *const () as usize,
            Theirs::Ends => ends as *const () as usize,
            Theirs::Ignores => libc::SIG_IGN,
        };
        let new = sigaction { sa_sigaction: handler, sa_flags: libc::SA_SIGINFO | libc::SA_ONSTACK, ..nothing() };
        let mut old = nothing();
        // SAFETY: `new` is an action, `old` a place for one.
        unsafe { libc::sigaction(signal, &raw const new, &raw mut old) };
        if self == Theirs::Chains {
            replaced(signal).store(Box::leak(Box::new(old)), SeqCst);
        }
    }

    /// How often one of them was called.
    pub(crate) fn calls() -> usize {
        CALLS.load(SeqCst)
    }
}

fn replaced(signal: c_int) -> &'static AtomicPtr<sigaction> {
    &REPLACED[usize::from(signal == SIGSEGV)]
}

fn nothing() -> sigaction {
    // SAFETY: zeros are the default action.
    unsafe { mem::zeroed() }
}

extern "C" fn ends(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    leave(THEIRS);
}

extern "C" fn chains(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CALLS.fetch_add(1, SeqCst);
    // SAFETY: put there by `install`, for ever.
    let Some(old) = (unsafe { replaced(signal).load(SeqCst).as_ref() }) else { leave(THEIRS) };
    if old.sa_sigaction == libc::SIG_DFL {
        // SAFETY: an action of the system; the instruction is executed again and ends the process.
        unsafe { libc::sigaction(signal, old, ptr::null_mut()) };
        return;
    }
    // SAFETY: whom we replace in these scenarios asked for SA_SIGINFO, and so has this form.
    let old = unsafe { mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(old.sa_sigaction) };
    old(signal, info, context);
}

/// Sends a signal to a process.
pub(crate) fn send(process: i32, signal: c_int) -> io::Result<()> {
    // SAFETY: kill touches no memory.
    match unsafe { libc::kill(process, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives this thread a stack of its own for handlers, of `size` bytes, until it ends.
pub(crate) fn alternate_stack(size: usize) -> io::Result<()> {
    let stack = Box::leak(vec![0_u8; size].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: size };
    // SAFETY: the memory is never freed.
    match unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the stack for handlers away from this thread.
pub(crate) fn no_alternate_stack() -> io::Result<()> {
    let stack = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: handlers run on the thread's own stack then.
    match unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
