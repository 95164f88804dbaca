//! Forks beside the first map of a process, which registers the fork handlers.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(unsafe_code)]

use std::{
    ffi::{c_int, c_void},
    mem,
    sync::{
        OnceLock,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    thread,
    time::Duration,
};

use safemap::{Map, Options, forks};
use safemap_testing::{
    PAGE, Stalled,
    process::{Fork, at_fork},
    succeeds_in_child,
};

/// Whether the next registration of fork handlers waits until `FORKED` is set.
static SLOW: AtomicBool = AtomicBool::new(false);
static REGISTERING: AtomicBool = AtomicBool::new(false);
static FORKED: AtomicBool = AtomicBool::new(false);

fn wait_for(flag: &AtomicBool) {
    while !flag.load(Acquire) {
        thread::yield_now();
    }
}

type Register = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void, *mut c_void) -> c_int;

/// Replaces the function of the C library to which `pthread_atfork` leads.
///
/// # Safety
///
/// As for the replaced function.
#[unsafe(no_mangle)]
unsafe extern "C" fn __register_atfork(
    before: *mut c_void,
    in_parent: *mut c_void,
    in_child: *mut c_void,
    object: *mut c_void,
) -> c_int {
    if SLOW.swap(false, Acquire) {
        REGISTERING.store(true, Release);
        wait_for(&FORKED);
    }
    // SAFETY: the name ends with a zero byte.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"__register_atfork".as_ptr()) };
    // SAFETY: the C library's function has this type.
    let next = unsafe { mem::transmute::<*mut c_void, Register>(next) };
    // SAFETY: the caller's obligation.
    unsafe { next(before, in_parent, in_child, object) }
}

fn memory() -> Map {
    Options::new().len(4 * PAGE).anonymous().unwrap()
}

fn holds_in_fork(body: impl FnOnce() -> bool) -> bool {
    let child = Fork::run(|| i32::from(!body())).unwrap();
    child.wait_timeout(Duration::from_secs(5)).unwrap().is_some_and(|status| status.success())
}

#[test]
fn a_fork_during_the_first_registration_leaves_the_child_able_to_map() {
    succeeds_in_child(|| {
        SLOW.store(true, Release);
        let first = thread::spawn(memory);
        wait_for(&REGISTERING);
        let child = Fork::run(|| {
            FORKED.store(true, Release);
            let before = forks();
            let map = memory();
            let works = map.resize(64 * PAGE).is_ok() && map.set(1, 60 * PAGE).is_ok();
            i32::from(!(works && holds_in_fork(|| map.resize(1).is_ok() && forks() > before)))
        });
        FORKED.store(true, Release);
        let status = child.unwrap().wait_timeout(Duration::from_secs(5)).unwrap();
        assert!(status.expect("the child hung").success());
        assert_eq!(first.join().unwrap().len(), 4 * PAGE);
    });
}

static MAP: OnceLock<Map> = OnceLock::new();
static STALLED: OnceLock<Stalled> = OnceLock::new();
static USED: AtomicBool = AtomicBool::new(false);

/// Makes the first map in another thread, which then waits inside a call.
extern "C" fn use_first_map() {
    if USED.swap(true, Acquire) {
        return;
    }
    thread::spawn(|| {
        let map = MAP.get_or_init(memory);
        if let Ok(stalled) = Stalled::new(map.as_ptr(), 4 * PAGE) {
            STALLED.get_or_init(|| stalled);
            FORKED.store(true, Release);
            let _ = map.lock(..);
        }
        FORKED.store(true, Release);
    });
    wait_for(&FORKED);
    if let Some(stalled) = STALLED.get() {
        stalled.wait_for_call();
    }
}

#[test]
fn a_fork_that_began_before_the_registration_is_detected() {
    succeeds_in_child(|| {
        at_fork(Some(use_first_map), None);
        let holds = || {
            let map = MAP.get().unwrap();
            let works = map.set(7, 5).is_ok() && map.resize(64 * PAGE).is_ok();
            works
                && map.get(5).is_ok_and(|byte| byte == 7)
                && holds_in_fork(|| map.resize(1).is_ok())
        };
        assert!(holds_in_fork(holds), "the child hung or could not use the map");
        if STALLED.get().is_none() {
            println!("the call did not wait: this process may not use userfaultfd");
        }
        // The stalled call never returns.
        std::process::exit(0);
    });
}
