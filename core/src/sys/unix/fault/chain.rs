//! Installs the signal handler, and forwards signals to the handler that it replaced.
//!
//! External code may install a handler after the library, which may or may not call the library's.
//! The library then becomes first again with a new *generation* of its handler. Each generation has
//! its own address and remembers which action it replaced. So a handler that calls generation 0 has
//! the same effect as when it was installed, and a handler that is removed leaves no trace.
//!
//! Several copies of the crate may be in the process. The handler of any of them serves them all.

use super::{
    super::check,
    context::{Cause, Context},
    copies, mask,
    record::{Functions, Handle},
    replaced::{DEFAULT, GENERATIONS, Replaced, is_same},
    resolve::resolve,
    visits,
};
use libc::{c_int, c_void, siginfo_t};
use std::{io, mem, ptr};

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
type PlainHandler = extern "C" fn(c_int);

/// Eight generations of the handler for each first one.
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

static HANDLERS: [[Handler; 8]; GENERATIONS / 8] =
    eight_handlers![0 8 16 24 32 40 48 56 64 72 80 88 96 104 112 120];

/// What other copies of the crate may call.
const FUNCTIONS: Functions = Functions {
    resolve: resolve_for_another,
    forward: forward_for_another,
    owns: is_handler,
    add: copies::add,
};

/// The signal handler. One instance exists for each generation.
extern "C" fn handler<const GENERATION: usize>(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    // SAFETY: the kernel passes both for the duration of the signal; nothing else refers to them.
    handle(GENERATION, &mut unsafe { Context::new(signal, info, context) });
}

fn handle(generation: usize, context: &mut Context<'_>) {
    if !resolve(context) && !ask_copies(context, |copy| copy.resolve) {
        forward(generation, context);
    }
}

/// Passes the signal to the other copies until one of them has handled it.
fn ask_copies(context: &mut Context<'_>, function: impl Fn(&Functions) -> Handle) -> bool {
    let (signal, (info, registers)) = (context.signal(), context.raw());
    copies::others().any(|copy| function(&copy)(signal, info, registers) != 0)
}

/// Resolves the fault that the signal reports, for the handler of another copy. Returns 0 if it is
/// none of this copy.
extern "C" fn resolve_for_another(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the other copy passes what the kernel has passed to it, and waits.
    resolve(&mut unsafe { Context::new(signal, info, context) }).into()
}

/// Forwards the signal to what generation 0 replaced. Returns 0 if that has been done, or if there
/// is no generation 0.
extern "C" fn forward_for_another(
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the other copy passes what the kernel has passed to it, and waits.
    let mut context = unsafe { Context::new(signal, info, context) };
    let possible = Replaced::of(signal).get(0).is_some() && !visits::has(0, &mut context);
    if possible {
        visits::during(0, &mut context, |context| call_replaced(0, context));
    }
    possible.into()
}

extern "C" fn is_handler(address: usize) -> c_int {
    HANDLERS.as_flattened().iter().any(|&handler| address == handler as usize).into()
}

/// Installs the handler for `signal`, unless a handler of this or of another copy is the first one
/// already.
///
/// Threads may call this concurrently: they claim the same generation.
///
/// It fails if the system refuses the first handler, as a sandbox may.
pub(super) fn ensure_first(signal: c_int) -> io::Result<()> {
    copies::find(&FUNCTIONS);
    let generations = Replaced::of(signal);
    let current = match try_exchange(signal, None) {
        // The sandbox began after the library's handler was installed.
        Err(_) if generations.get(0).is_some() => return Ok(()),
        result => result?,
    };
    if is_ours(&current) {
        return Ok(());
    }
    // If all generations are used, the library's handler runs only if a later handler calls it.
    let Some(generation) = generations.claim(&current) else { return Ok(()) };
    let replaced = try_exchange(signal, Some(&action_of(generation, &current)))?;
    if !is_ours(&replaced) && !is_same(&replaced, &current) {
        // Another handler was installed between the two calls.
        generations.set(generation, Box::leak(Box::new(replaced)));
    }
    Ok(())
}

/// The action of this generation, which replaces `replaced`.
///
/// A signal that is sent interrupts system calls if the replaced handler asked for that.
fn action_of(generation: usize, replaced: &libc::sigaction) -> libc::sigaction {
    let mut action = DEFAULT;
    action.sa_sigaction = HANDLERS.as_flattened()[generation] as usize;
    action.sa_mask = mask::of_handler();
    // SA_NODEFER: a fault inside a handler that this one calls must be resolved too.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    let is_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&replaced.sa_sigaction);
    let restarts = !is_handler || replaced.sa_flags & libc::SA_RESTART != 0;
    action.sa_flags |= if restarts { libc::SA_RESTART } else { 0 };
    action
}

/// Whether the action is a handler of this or of another copy. Both serve all copies.
fn is_ours(action: &libc::sigaction) -> bool {
    let address = action.sa_sigaction;
    is_handler(address) != 0 || copies::others().any(|copy| (copy.owns)(address) != 0)
}

/// Returns the action of a signal, and replaces it by `new` if that is given. The default action if
/// the call fails.
fn exchange(signal: c_int, new: Option<&libc::sigaction>) -> libc::sigaction {
    try_exchange(signal, new).unwrap_or(DEFAULT)
}

fn try_exchange(signal: c_int, new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut old = DEFAULT;
    let new = new.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `new` is null or an action whose handler may run at any time; `old` is a local
    // variable.
    check(unsafe { libc::sigaction(signal, new, &raw mut old) })?;
    Ok(old)
}

/// Forwards the signal to the action that this generation replaced.
///
/// Two libraries that save each other as previous handler form a cycle. So a generation that is
/// reached a second time for the same signal forwards to what generation 0 replaced. If that has
/// been reached too, the other copies try theirs.
fn forward(generation: usize, context: &mut Context<'_>) {
    match [generation, 0].into_iter().find(|&generation| !visits::has(generation, context)) {
        Some(unused) => visits::during(unused, context, |context| call_replaced(unused, context)),
        None if ask_copies(context, |copy| copy.forward) => {}
        None => terminate(generation, context),
    }
}

fn call_replaced(generation: usize, context: &mut Context<'_>) {
    let replaced = Replaced::of(context.signal());
    let action = replaced.get(generation).unwrap_or(&DEFAULT);
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
    let mask = enter_mask(action, context);
    call(action, context);
    mask::restore(&mask);
    // Rust's own handler gives up by restoring the default action and relies on the instruction to
    // fault again. A signal that was sent does not come again.
    if context.cause() == Cause::Other && is_default(context.signal()) {
        terminate(generation, context);
    }
}

// These two are not inlined, because their large variables would stay on the stack while the action
// runs. Alternate signal stacks are small, and handlers may be nested in a long chain.

#[inline(never)]
fn is_default(signal: c_int) -> bool {
    exchange(signal, None).sa_sigaction == libc::SIG_DFL
}

/// Sets the mask that the kernel would set for the action. Returns the current mask.
#[inline(never)]
fn enter_mask(action: &libc::sigaction, context: &mut Context<'_>) -> libc::sigset_t {
    mask::enter(action, context.signal(), context.mask())
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

/// Takes the default action, which terminates the process and reports the true cause.
#[inline(never)]
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
    exchange(context.signal(), Some(&action_of(generation, &DEFAULT)));
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
