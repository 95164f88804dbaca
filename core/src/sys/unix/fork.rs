//! Forks: how a child finds out that it is one, and how often it and its ancestors forked.
//!
//! After `fork` the child has one thread. A lock that another thread of the parent held is void in
//! the child: each lock records the number of forks at the time of locking.
//!
//! `pthread_atfork` alone cannot provide that number. A fork may have begun before the handlers
//! were registered and end afterwards, and some calls that fork skip the handlers (`_Fork`). The
//! child therefore checks by itself: on Linux by a word that the kernel clears in a child
//! (`MADV_WIPEONFORK`, Linux 4.14), elsewhere by the process id.

mod window;

use std::{
    ptr,
    sync::{
        OnceLock,
        atomic::{
            AtomicBool, AtomicPtr, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread,
};

pub(super) use window::Window;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Returns the number of forks that this process and its ancestors have noticed since the first map
/// was made. Fast path of [`current`].
#[inline]
pub(crate) fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// Like [`count`], and notices a fork that the handlers have missed.
#[inline]
pub(crate) fn current() -> u64 {
    if STATE.load(Acquire) != NOTICED || is_unnoticed() {
        notice();
    }
    count()
}

/// The id of this process when it last noticed a fork; 0 before the first map.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// A word that is `KNOWN` in a process that has noticed its fork, and 0 in a child until then. Null
/// if the kernel does not clear memory.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(ptr::null_mut());
const KNOWN: u32 = 1;

/// Whether a thread is noticing a fork.
static STATE: AtomicU32 = AtomicU32::new(NOTICED);
const NOTICED: u32 = 0;

#[inline]
fn is_unnoticed() -> bool {
    match word() {
        Some(word) => word.load(Acquire) != KNOWN,
        None => PROCESS.load(Acquire) != std::process::id(),
    }
}

fn word() -> Option<&'static AtomicU32> {
    // SAFETY: null, or a page that is never unmapped.
    unsafe { WORD.load(Acquire).as_ref() }
}

/// Starts the new process: once, whichever thread of it comes first.
#[cold]
fn notice() {
    let process = std::process::id();
    loop {
        // The state is the id of the process whose thread is noticing. Another id was copied by a
        // fork, and its thread does not exist here.
        let state = STATE.load(Acquire);
        if state == process {
            thread::yield_now();
        } else if state == NOTICED && !is_unnoticed() {
            return;
        } else if STATE.compare_exchange(state, process, Acquire, Relaxed).is_ok() {
            break;
        }
    }
    if is_unnoticed() {
        start(process);
    }
    STATE.store(NOTICED, Release);
}

fn start(process: u32) {
    super::repair::forget_handlers();
    super::not_inherited::table::replace_in_child();
    super::private_descriptors::close_in_child();
    super::own_maps::end_in_child();
    window::in_child();
    COUNT.fetch_add(1, Release);
    PROCESS.store(process, Release);
    if let Some(word) = word() {
        word.store(KNOWN, Release);
    }
}

/// Registers what a child needs in order to notice that it is one. Called when a map is made.
///
/// Not a `Once`, which a fork may copy while it runs. Two threads may register the handler at the
/// same time: it has no effect when it is called again.
pub(crate) fn watch() {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if PROCESS.load(Acquire) == 0 {
        PROCESS.store(std::process::id(), Release);
    }
    if WORD.load(Acquire).is_null() && !REGISTERED.load(Acquire) {
        add_word();
    }
    current();
    if !REGISTERED.load(Acquire) {
        super::pin::this_object();
        let (before, in_parent) = (Some(window::before_fork as _), Some(window::in_parent as _));
        // SAFETY: the functions use only atomics and system calls, and stay loaded as long as this
        // crate.
        unsafe { libc::pthread_atfork(before, in_parent, Some(in_child)) };
        REGISTERED.store(true, Release);
    }
}

extern "C" fn in_child() {
    // An emulator may not clear the word.
    if let Some(word) = word() {
        if PROCESS.load(Acquire) != std::process::id() {
            word.store(0, Release);
        }
    }
    current();
    if let Some(work) = CHILD_WORK.get() {
        work();
    }
}

/// What a child does before `fork` returns in it. Not called in children of `_Fork` and `clone`.
static CHILD_WORK: OnceLock<fn()> = OnceLock::new();

/// Has `work` called in children that are forked from now on. There is one such function.
pub(crate) fn in_each_child(work: fn()) {
    CHILD_WORK.get_or_init(|| work);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn add_word() {
    const MADV_WIPEONFORK: i32 = 18;
    let Some(page) = map_page() else { return };
    let word = page.cast::<AtomicU32>();
    // SAFETY: the page is mapped, and its zeros are a valid value.
    unsafe { word.as_ref() }.store(KNOWN, Release);
    // SAFETY: the page is mapped, and no other code knows it.
    let is_wiped =
        unsafe { libc::madvise(page.as_ptr().cast(), super::page_size(), MADV_WIPEONFORK) == 0 };
    let is_first =
        is_wiped && WORD.compare_exchange(ptr::null_mut(), word.as_ptr(), Release, Relaxed).is_ok();
    if !is_first {
        // SAFETY: no other code knows the page.
        unsafe { libc::munmap(page.as_ptr().cast(), super::page_size()) };
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn map_page() -> Option<ptr::NonNull<u8>> {
    use super::mmap::{MapCall, map_call};
    use crate::flags::Protection;

    let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
    let call = MapCall { at: ptr::null_mut(), len: super::page_size(), flags, fd: -1, offset: 0 };
    // SAFETY: without MAP_FIXED the kernel chooses a free address range.
    unsafe { map_call(Protection::READ | Protection::WRITE, &call) }.ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn add_word() {}

/// A point between two steps at which a test forks.
#[cfg(not(test))]
#[inline]
pub(crate) fn step() {}

#[cfg(test)]
pub(crate) use steps::step;

/// Forks at a chosen step.
#[cfg(test)]
pub(crate) mod steps {
    use std::cell::RefCell;

    thread_local! {
        static ACTION: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
    }

    /// Calls `action` at each step of `work`.
    pub(crate) fn at_each(action: impl FnMut() + 'static, work: impl FnOnce()) {
        ACTION.set(Some(Box::new(action)));
        work();
        ACTION.set(None);
    }

    pub(crate) fn step() {
        // Steps of the action itself are none of its concern.
        if let Some(mut action) = ACTION.take() {
            action();
            ACTION.set(Some(action));
        }
    }

    /// Runs `body` in a forked child and returns whether it returned true. The child has 20
    /// seconds.
    pub(crate) fn holds_in_fork(body: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls `_exit` below; locks of other threads are what is tested.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: no preconditions.
            unsafe { libc::alarm(20) };
            // SAFETY: no preconditions.
            unsafe { libc::_exit(i32::from(!body())) };
        }
        let mut status = 0;
        // SAFETY: `status` is valid for writes.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        status == 0
    }
}
