//! Installs the signal handler, and forwards signals to the handler that it replaced.
//!
//! External code may install a handler after the library, which may or may not call the library's.
//! The library then becomes first again with a new *generation* of its handler. Each generation has
//! its own address and remembers which action it replaced. So a handler that calls generation 0 has
//! the same effect as when it was installed, and a handler that is removed leaves no trace.

use super::{
    context::{Cause, Context},
    mask,
    replaced::{DEFAULT, GENERATIONS, Replaced, is_same},
    resolve::resolve,
};
use libc::{c_int, c_void, siginfo_t};
use std::{mem, ptr};

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
type PlainHandler = extern "C" fn(c_int);

static HANDLERS: [Handler; GENERATIONS] = [
    handler::<0>,
    handler::<1>,
    handler::<2>,
    handler::<3>,
    handler::<4>,
    handler::<5>,
    handler::<6>,
    handler::<7>,
];

/// The signal handler. One instance exists for each generation.
extern "C" fn handler<const GENERATION: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: the kernel passes both for the duration of the signal; nothing else refers to them.
    let mut context = unsafe { Context::new(signal, info, context) };
    if !resolve(&mut context) {
        forward(GENERATION, &mut context);
    }
}

/// Installs the handler for `signal`, unless one of its generations is the first handler already.
///
/// Threads may call this concurrently: they claim the same generation.
pub(super) fn ensure_first(signal: c_int) {
    let current = exchange(signal, None);
    if is_ours(&current) {
        return;
    }
    // If all generations are used, the library's handler runs only if a later handler calls it.
    let Some(generation) = Replaced::of(signal).claim(&current) else { return };
    let replaced = exchange(signal, Some(&action_of(generation)));
    if !is_ours(&replaced) && !is_same(&replaced, &current) {
        // Another handler was installed between the two calls.
        Replaced::of(signal).set(generation, Box::leak(Box::new(replaced)));
    }
}

fn action_of(generation: usize) -> libc::sigaction {
    let mut action = DEFAULT;
    action.sa_sigaction = HANDLERS[generation] as usize;
    // SA_NODEFER: a fault inside a handler that this one calls must be resolved too.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    action
}

fn is_ours(action: &libc::sigaction) -> bool {
    HANDLERS.iter().any(|&handler| action.sa_sigaction == handler as usize)
}

/// Returns the action of a signal, and replaces it by `new` if that is given.
fn exchange(signal: c_int, new: Option<&libc::sigaction>) -> libc::sigaction {
    let mut old = DEFAULT;
    // SAFETY: `new` is null or an action whose handler may run at any time; `old` is a local
    // variable.
    unsafe { libc::sigaction(signal, new.map_or(ptr::null(), ptr::from_ref), &raw mut old) };
    old
}

/// Forwards the signal to the action that this generation replaced.
///
/// Two libraries that save each other as previous handler form a cycle. So a generation that is
/// reached a second time for the same signal forwards to what generation 0 replaced.
fn forward(generation: usize, context: &mut Context<'_>) {
    let visited = *context.visited_generations();
    let generation = if visited & (1 << generation) == 0 { generation } else { 0 };
    if visited & (1 << generation) != 0 {
        return terminate(generation, context);
    }
    *context.visited_generations() = visited | (1 << generation);
    call_replaced(generation, context);
    *context.visited_generations() = visited;
}

fn call_replaced(generation: usize, context: &mut Context<'_>) {
    let replaced = Replaced::of(context.signal());
    let action = replaced.get(generation);
    if action.sa_sigaction == libc::SIG_DFL {
        return terminate(generation, context);
    }
    if action.sa_sigaction == libc::SIG_IGN {
        // The kernel does not ignore a signal that an instruction caused.
        if context.cause() != Cause::Other {
            terminate(generation, context);
        }
        return;
    }
    if action.sa_flags & libc::SA_RESETHAND != 0 {
        replaced.set(generation, &DEFAULT);
    }
    let mask = mask::block(&mask_of(&action, context.signal()));
    call(&action, context);
    mask::restore(&mask);
    // Rust's own handler gives up by restoring the default action and relies on the instruction to
    // fault again. A signal that was sent does not come again.
    if context.cause() == Cause::Other
        && exchange(context.signal(), None).sa_sigaction == libc::SIG_DFL
    {
        terminate(generation, context);
    }
}

fn call(action: &libc::sigaction, context: &mut Context<'_>) {
    let (signal, (info, registers)) = (context.signal(), context.raw());
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: SA_SIGINFO says that the action's handler has this type.
        let function = unsafe { mem::transmute::<usize, Handler>(action.sa_sigaction) };
        function(signal, info, registers);
    } else {
        // SAFETY: without SA_SIGINFO the handler has this type.
        let function = unsafe { mem::transmute::<usize, PlainHandler>(action.sa_sigaction) };
        function(signal);
    }
}

/// The signals that the kernel would block while the action runs.
fn mask_of(action: &libc::sigaction, signal: c_int) -> libc::sigset_t {
    let mut mask = action.sa_mask;
    if action.sa_flags & libc::SA_NODEFER == 0 {
        // SAFETY: `mask` is a set, the signal exists.
        unsafe { libc::sigaddset(&raw mut mask, signal) };
    }
    mask
}

/// Takes the default action, which terminates the process and reports the true cause.
fn terminate(generation: usize, context: &mut Context<'_>) {
    exchange(context.signal(), Some(&DEFAULT));
    if context.cause() != Cause::Other {
        // The instruction is executed again when the handler returns.
        return;
    }
    send_again(context);
    mask::unblock();
    // This point is reached in the first process of a container, which the kernel does not
    // terminate. The signal is then ignored.
    exchange(context.signal(), Some(&action_of(generation)));
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_again(context: &mut Context<'_>) {
    // SAFETY: gettid has no preconditions.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    let (info, _) = context.raw();
    // SAFETY: `info` is the kernel's for this signal. A process may send itself any `siginfo_t`.
    unsafe {
        libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            std::process::id(),
            thread,
            context.signal(),
            info,
        )
    };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send_again(context: &mut Context<'_>) {
    // SAFETY: pthread_self has no preconditions.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: this thread exists, and so does the signal.
    unsafe { libc::pthread_kill(thread, context.signal()) };
}
