//! Those who were there before: what our handler replaced, and how it is called for signals that are not ours.
//!
//! Somebody may install a handler of his own after us, which may or may not call ours. When we then come first again, we do it
//! with a new *generation* of our handler: each has an address of its own and remembers what it replaced. So a handler that
//! calls generation 0 ends up where it did when it was installed, and one that is taken out again leaves no trace.

use super::{
    context::{Cause, Context},
    handler,
};
use libc::{c_int, c_void, siginfo_t};
use std::{
    mem::{self, MaybeUninit},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
type Plain = extern "C" fn(c_int);

const GENERATIONS: usize = 8;

static OURS: [Handler; GENERATIONS] =
    [handler::<0>, handler::<1>, handler::<2>, handler::<3>, handler::<4>, handler::<5>, handler::<6>, handler::<7>];

/// What each generation replaced; null as long as it was not needed. What is put here stays for ever.
static REPLACED: [Replaced; 2] = [const { Replaced::new() }; 2];

struct Replaced([AtomicPtr<libc::sigaction>; GENERATIONS]);

impl Replaced {
    const fn new() -> Replaced {
        Replaced([const { AtomicPtr::new(ptr::null_mut()) }; GENERATIONS])
    }

    fn of(signal: c_int) -> &'static Replaced {
        &REPLACED[usize::from(signal == libc::SIGBUS)]
    }

    fn get(&self, generation: usize) -> libc::sigaction {
        let action = self.0[generation].load(Ordering::Acquire);
        // SAFETY: null, or put here by `set` or `claim`, which leak what they put.
        unsafe { action.as_ref() }.copied().unwrap_or_else(default)
    }

    fn set(&self, generation: usize, action: &'static libc::sigaction) {
        self.0[generation].store(ptr::from_ref(action).cast_mut(), Ordering::Release);
    }

    /// Finds the generation that replaced just this action already, or else one that was not needed yet.
    fn claim(&self, action: &libc::sigaction) -> Option<usize> {
        (0..GENERATIONS).find(|&generation| self.takes(generation, action))
    }

    /// Whether a generation replaced just this action, or does from now on.
    fn takes(&self, generation: usize, action: &libc::sigaction) -> bool {
        let slot = &self.0[generation];
        if slot.load(Ordering::Acquire).is_null() {
            let new = Box::into_raw(Box::new(*action));
            match slot.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return true,
                // SAFETY: made above and given to nobody.
                Err(_) => drop(unsafe { Box::from_raw(new) }),
            }
        }
        same(&self.get(generation), action)
    }
}

/// Installs our handler unless it is the first already.
///
/// Threads may do it at once: they claim the same generation.
pub(super) fn come_first(signal: c_int) {
    let current = exchange(signal, None);
    if is_ours(&current) {
        return;
    }
    // Without a generation left others come first, and we are called only as far as they call us.
    let Some(generation) = Replaced::of(signal).claim(&current) else { return };
    let replaced = exchange(signal, Some(&ours(generation)));
    if !is_ours(&replaced) && !same(&replaced, &current) {
        // Somebody came between the question and the exchange.
        Replaced::of(signal).set(generation, Box::leak(Box::new(replaced)));
    }
}

fn ours(generation: usize) -> libc::sigaction {
    let mut action = default();
    action.sa_sigaction = OURS[generation] as usize;
    // SA_NODEFER, so that a fault inside a handler that we call can be recovered as well.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    action
}

fn default() -> libc::sigaction {
    // SAFETY: all zeros is the default action with an empty mask.
    unsafe { mem::zeroed() }
}

fn is_ours(action: &libc::sigaction) -> bool {
    OURS.iter().any(|&handler| action.sa_sigaction == handler as usize)
}

fn same(one: &libc::sigaction, other: &libc::sigaction) -> bool {
    (one.sa_sigaction, one.sa_flags) == (other.sa_sigaction, other.sa_flags)
}

/// Returns the action of a signal, and replaces it by `new` if there is one.
fn exchange(signal: c_int, new: Option<&libc::sigaction>) -> libc::sigaction {
    let mut old = default();
    // SAFETY: both are actions or null, `old` is ours to write; ours() is a handler that may be called at any time.
    unsafe { libc::sigaction(signal, new.map_or(ptr::null(), ptr::from_ref), &raw mut old) };
    old
}

/// Calls whoever the handler of this generation replaced.
///
/// Somebody who notes anew whom to call, while we note him, may have made a circle of us. So whoever comes by a second time
/// with the same signal is sent to the first of all.
pub(super) fn pass_on(generation: usize, context: &mut Context<'_>) {
    let passed = *context.note();
    let generation = if passed & (1 << generation) == 0 { generation } else { 0 };
    if passed & (1 << generation) != 0 {
        return die(generation, context);
    }
    *context.note() = passed | (1 << generation);
    call(generation, context);
    *context.note() = passed;
}

fn call(generation: usize, context: &mut Context<'_>) {
    let replaced = Replaced::of(context.signal());
    let action = replaced.get(generation);
    if action.sa_sigaction == libc::SIG_DFL {
        return die(generation, context);
    }
    if action.sa_sigaction == libc::SIG_IGN {
        // The system does not ignore what an instruction causes.
        if context.cause() != Cause::Other {
            die(generation, context);
        }
        return;
    }
    if action.sa_flags & libc::SA_RESETHAND != 0 {
        replaced.set(generation, &DEFAULT);
    }
    let mask = block(&mask_of(&action, context.signal()));
    enter(&action, context);
    restore(&mask);
    // Rust's own handler gives up by restoring the default, and counts on the instruction to fault again. Nothing does if
    // the signal was sent.
    if context.cause() == Cause::Other && exchange(context.signal(), None).sa_sigaction == libc::SIG_DFL {
        die(generation, context);
    }
}

static DEFAULT: libc::sigaction = {
    // SAFETY: as in `default`.
    unsafe { mem::zeroed() }
};

fn enter(action: &libc::sigaction, context: &mut Context<'_>) {
    let (signal, (info, registers)) = (context.signal(), context.raw());
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: the flag says that whoever installed the action meant such a function.
        let function = unsafe { mem::transmute::<usize, Handler>(action.sa_sigaction) };
        function(signal, info, registers);
    } else {
        // SAFETY: without the flag it is such a function.
        let function = unsafe { mem::transmute::<usize, Plain>(action.sa_sigaction) };
        function(signal);
    }
}

/// The signals that the system would block while the action runs.
fn mask_of(action: &libc::sigaction, signal: c_int) -> libc::sigset_t {
    let mut mask = action.sa_mask;
    if action.sa_flags & libc::SA_NODEFER == 0 {
        // SAFETY: `mask` is a set, the signal exists.
        unsafe { libc::sigaddset(&raw mut mask, signal) };
    }
    mask
}

fn block(set: &libc::sigset_t) -> libc::sigset_t {
    let mut old = MaybeUninit::uninit();
    // SAFETY: both point to sets; the call cannot fail, because the manner is a valid one.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set, old.as_mut_ptr()) };
    // SAFETY: pthread_sigmask has filled it.
    unsafe { old.assume_init() }
}

fn restore(set: &libc::sigset_t) {
    // SAFETY: `set` is a set; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set, ptr::null_mut()) };
}

/// Lets the system do what it does by default: end the process, with the true cause.
fn die(generation: usize, context: &mut Context<'_>) {
    exchange(context.signal(), Some(&DEFAULT));
    if context.cause() != Cause::Other {
        // The instruction is executed again when the handler returns.
        return;
    }
    send_again(context);
    super::unblock();
    // Still here: the system spares the first process of a container. Then nothing has happened.
    exchange(context.signal(), Some(&ours(generation)));
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_again(context: &mut Context<'_>) {
    // SAFETY: gettid has no conditions.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    let (info, _) = context.raw();
    // SAFETY: `info` is what the system told about this signal; one may send anything to oneself.
    unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, std::process::id(), thread, context.signal(), info) };
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send_again(context: &mut Context<'_>) {
    // SAFETY: no conditions.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: this thread exists, and so does the signal.
    unsafe { libc::pthread_kill(thread, context.signal()) };
}
