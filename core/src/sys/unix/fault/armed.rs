//! Which threads have been found fit to take a fault.
//!
//! A flag of the thread's own would do, and there is one. But in a library that is loaded at run time, as a Python extension
//! is, a call of the loader stands before every look at such a flag, which short calls would feel: `read_byte` took a quarter longer.
//! So a table notes the addresses of the threads' control blocks, which the processor has at hand, and only threads that it
//! does not know look at their flag.

use std::{
    cell::Cell,
    sync::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Relaxed},
    },
};

/// Threads that meet in a place of the table push each other out, and pay for a look at their flags.
const PLACES: usize = 256;

static TABLE: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static NOTE: Note = const { Note };
}

/// Takes the thread out of the table when it ends: another one may get its address.
struct Note;

impl Drop for Note {
    fn drop(&mut self) {
        if let Some(thread) = this_thread() {
            let _ = place(thread).compare_exchange(thread, 0, AcqRel, Relaxed);
        }
    }
}

/// Whether this thread is known to be fit.
#[inline]
pub(super) fn is_armed() -> bool {
    match this_thread() {
        Some(thread) if place(thread).load(Relaxed) == thread => true,
        _ => remember(),
    }
}

/// Notes that this thread is fit.
pub(super) fn set() {
    ARMED.set(true);
    remember();
}

/// Looks at the thread's flag, and notes the thread in the table again if it is set.
#[cold]
fn remember() -> bool {
    let armed = ARMED.get();
    // A thread that is ending has no note any more, and must not leave its address behind.
    if let (true, Some(thread), Ok(())) = (armed, this_thread(), NOTE.try_with(|_| ())) {
        place(thread).store(thread, Relaxed);
    }
    armed
}

/// Control blocks lie at the ends of stacks, or on the heap: the lowest bits and the highest tell little.
#[inline]
fn place(thread: usize) -> &'static AtomicUsize {
    &TABLE[((thread >> 6) ^ (thread >> 12) ^ (thread >> 20)) % PLACES]
}

/// The address of this thread's control block, where it takes one instruction to learn.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[inline]
fn this_thread() -> Option<usize> {
    let thread: usize;
    // SAFETY: the word at fs:0 is the address of the block itself (System V ABI for x86-64, thread-local storage).
    unsafe { std::arch::asm!("mov {}, fs:[0]", out(reg) thread, options(pure, readonly, nostack, preserves_flags)) };
    Some(thread)
}

#[cfg(all(target_os = "linux", target_arch = "aarch64"))]
#[inline]
fn this_thread() -> Option<usize> {
    let thread: usize;
    // SAFETY: a register that every program may read.
    unsafe { std::arch::asm!("mrs {}, tpidr_el0", out(reg) thread, options(pure, nomem, nostack, preserves_flags)) };
    Some(thread)
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline]
fn this_thread() -> Option<usize> {
    None
}
