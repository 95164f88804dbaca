//! Signals and handlers, as a C program uses them.
//!
//! A handler may call async-signal-safe functions only.
#![allow(unsafe_code)]

use std::{io, mem, ptr};

#[cfg(not(target_os = "linux"))]
use libc::setitimer;
use libc::{c_int, c_void, sigaction, siginfo_t};

/// A handler for `SA_SIGINFO`.
pub type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Installs a handler that takes three arguments. Returns the previous action.
pub fn install(signal: c_int, handler: Handler, flags: c_int) -> sigaction {
    set(signal, handler as *const () as usize, flags | libc::SA_SIGINFO)
}

/// Installs a handler that takes the signal only. Returns the previous action.
pub fn install_plain(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) -> sigaction {
    set(signal, handler as *const () as usize, flags)
}

/// Sets the address of a handler, `SIG_DFL` or `SIG_IGN`. Returns the previous action.
pub fn set(signal: c_int, handler: usize, flags: c_int) -> sigaction {
    // SAFETY: a `sigaction` of zeros is valid.
    let mut new: sigaction = unsafe { mem::zeroed() };
    (new.sa_sigaction, new.sa_flags) = (handler, flags);
    replace(signal, Some(&new))
}

/// Sets an action if there is one. Returns the previous action.
pub fn replace(signal: c_int, action: Option<&sigaction>) -> sigaction {
    // SAFETY: a `sigaction` of zeros is valid.
    let mut old: sigaction = unsafe { mem::zeroed() };
    let new = action.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is a reference or null, and `old` is valid for writes.
    assert_eq!(unsafe { libc::sigaction(signal, new, &raw mut old) }, 0);
    old
}

/// Calls the handler at an address, as handlers do that chain.
///
/// # Safety
///
/// `handler` is the address of a [`Handler`]. The other arguments are those of the calling handler.
pub unsafe fn call(handler: usize, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: `handler` is the address of a `Handler`, which the caller guarantees.
    let handler = unsafe { mem::transmute::<usize, Handler>(handler) };
    handler(signal, info, context);
}

/// Raises a signal in the calling thread.
pub fn raise(signal: c_int) {
    // SAFETY: `raise` has no preconditions.
    unsafe { libc::raise(signal) };
}

/// Sends a signal to a process.
///
/// # Errors
///
/// The error of `kill`.
pub fn send(process: libc::pid_t, signal: c_int) -> io::Result<()> {
    // SAFETY: `kill` has no preconditions.
    match unsafe { libc::kill(process, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives this thread an alternate signal stack of `size` bytes, or takes it away.
pub fn alternate_stack(size: Option<usize>) {
    let stack = Box::leak(vec![0_u8; size.unwrap_or(0)].into_boxed_slice());
    let flags = if size.is_some() { 0 } else { libc::SS_DISABLE };
    let stack =
        libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: flags, ss_size: stack.len() };
    // SAFETY: the memory is never freed.
    assert_eq!(unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) }, 0);
}

/// Ends the process at once. Handlers and forked children may call it.
pub fn exit(status: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(status) }
}

/// The same number on each system. The crate lacks it for Android.
const ITIMER_REAL: c_int = 0;

#[cfg(target_os = "linux")]
unsafe extern "C" {
    // The lowest version of libc that the crate permits lacks it on Linux.
    fn setitimer(which: c_int, new: *const libc::itimerval, old: *mut libc::itimerval) -> c_int;
}

/// Sends SIGALRM to this process after so many microseconds, and then every `interval`; 0 is never.
///
/// Async-signal-safe.
pub fn set_timer(first: libc::suseconds_t, interval: libc::suseconds_t) {
    let time = |microseconds| libc::timeval { tv_sec: 0, tv_usec: microseconds };
    let timer = libc::itimerval { it_interval: time(interval), it_value: time(first) };
    // SAFETY: `timer` is initialised. The previous one is not requested.
    assert_eq!(unsafe { setitimer(ITIMER_REAL, &raw const timer, ptr::null_mut()) }, 0);
}
