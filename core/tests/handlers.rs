//! The library's signal handler beside other handlers. A signal that the library did not cause goes
//! to the handler that was installed before. Each test runs in a child process.
//!
//! # Safety
//!
//! These tests act as external code: they install handlers, send signals and access pages that do
//! not exist. Their handlers call async-signal-safe functions only.

#![allow(unsafe_code, missing_docs)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

// musl loads no shared libraries into programs that are linked statically.
#[cfg(not(target_env = "musl"))]
#[path = "handlers/copies.rs"]
mod copies;
#[path = "handlers/masks.rs"]
mod masks;
#[path = "handlers/numbered.rs"]
mod numbered;
#[path = "handlers/order.rs"]
mod order;
#[path = "handlers/other_versions.rs"]
mod other_versions;
#[path = "handlers/reporters.rs"]
mod reporters;
#[path = "handlers/restored.rs"]
mod restored;

use std::{
    mem,
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    ptr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
};

use libc::{c_int, c_void, siginfo_t};
use safemap::{Error, Map, Options};
use safemap_testing::{
    PAGE, TempFile, output_of_child, pattern,
    process::Fork,
    signal::{exit, raise, send, set},
    succeeds_in_child,
};

/// The exit status of a handler that was called as expected.
const CALLED: i32 = 42;

/// A signal stack for many nested handlers, in bytes. Those of Rust's threads are smaller.
const LARGE_STACK: usize = 1 << 20;

/// Returns the map of a file that was truncated. Creating it puts the library's handler first.
fn truncated_map() -> (Map, TempFile) {
    let file = TempFile::new(&pattern(PAGE));
    let map = file.map();
    file.set_len(0);
    (map, file)
}

fn assert_fault(map: &Map) {
    assert!(matches!(map.get(7), Err(Error::Fault { offset: 7 })));
    assert!(matches!(map.write_at(&[1; 300], 9), Err(Error::Fault { offset: 9 })));
}

fn create_map() -> Map {
    Options::new().len(PAGE).anonymous().unwrap()
}

/// Reads a missing page that is not part of a map of the library.
fn fault_outside_the_library() {
    let file = TempFile::sparse(PAGE as u64).open();
    // SAFETY: a new mapping of an open file, which replaces no other.
    let at = unsafe {
        libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    assert_ne!(at, libc::MAP_FAILED);
    file.set_len(0).unwrap();
    let at = at.cast::<u8>().wrapping_add(5);
    FAULT_ADDRESS.store(at.addr(), SeqCst);
    // SAFETY: the address is in the mapping. The test is about the missing page there.
    unsafe { at.read_volatile() };
}

static FAULT_ADDRESS: AtomicUsize = AtomicUsize::new(0);

/// Exits with `CALLED` if the arguments describe the fault of `fault_outside_the_library`.
extern "C" fn expect_fault_address(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel passes a pointer that is valid until the handler returns.
    let info = unsafe { &*info };
    // SAFETY: the field is present for SIGBUS.
    let address = unsafe { info.si_addr() };
    let expected =
        signal == libc::SIGBUS && info.si_code > 0 && address.addr() == FAULT_ADDRESS.load(SeqCst);
    exit(if expected { CALLED } else { 1 });
}

extern "C" fn expect_sigbus(signal: c_int) {
    exit(if signal == libc::SIGBUS { CALLED } else { 1 });
}

extern "C" fn unexpected(_: c_int) {
    exit(1);
}

/// Runs `body` in a child process, which must exit with `CALLED`.
fn calls_the_handler(body: impl FnOnce()) {
    let child = output_of_child(body);
    assert_eq!(child.status.code(), Some(CALLED), "{}", String::from_utf8_lossy(&child.stderr));
}

/// Runs `body` in a child process, which must be terminated by `signal`.
fn is_terminated_by(signal: c_int, body: impl FnOnce()) {
    let child = output_of_child(body);
    assert_eq!(child.status.signal(), Some(signal), "{}", String::from_utf8_lossy(&child.stderr));
}

/// Raises a signal below `depth` frames of uninitialised memory, which may hold old signal frames.
#[inline(never)]
fn raise_deeper(depth: usize) {
    let garbage = mem::MaybeUninit::<[u64; 40]>::uninit();
    std::hint::black_box(&garbage);
    if depth == 0 {
        raise(libc::SIGBUS)
    } else {
        raise_deeper(depth - 1)
    }
    std::hint::black_box(&garbage);
}

#[test]
fn a_fault_outside_the_library_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, _file) = truncated_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn a_fault_outside_the_library_terminates_the_process_even_if_the_signal_is_ignored() {
    is_terminated_by(libc::SIGBUS, || {
        set(libc::SIGBUS, libc::SIG_IGN, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn a_raised_signal_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, _file) = truncated_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
        exit(1);
    });
}

#[test]
fn a_raised_segmentation_fault_terminates_the_process() {
    is_terminated_by(libc::SIGSEGV, || {
        // The handler of Rust's runtime would take the signal for an access outside the guard page.
        set(libc::SIGSEGV, libc::SIG_DFL, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        raise(libc::SIGSEGV);
        exit(1);
    });
}

#[test]
fn a_signal_from_a_process_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, _file) = truncated_map();
        assert_fault(&map);
        send(std::process::id() as i32, libc::SIGBUS).unwrap();
        thread::park();
    });
}

#[test]
fn a_signal_to_a_thread_that_uses_a_map_terminates_the_process() {
    // After a fault in that thread, the signal would be taken for one that was raised again.
    is_terminated_by(libc::SIGBUS, || {
        // SAFETY: `pthread_self` has no preconditions.
        let main = unsafe { libc::pthread_self() };
        // A `pthread_t` is an integer or a pointer. A pointer cannot be sent to a thread.
        let main = main as usize;
        let started = AtomicBool::new(false);
        let memory = Options::new().len(1 << 24).anonymous().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !started.load(SeqCst) {
                    thread::yield_now();
                }
                // SAFETY: the thread exists until the scope ends.
                unsafe { libc::pthread_kill(main as libc::pthread_t, libc::SIGBUS) };
            });
            started.store(true, SeqCst);
            loop {
                memory.fill(1, ..).unwrap();
            }
        });
    });
}

fn block_signals() {
    // SAFETY: a `sigset_t` of zeros is valid.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is valid for writes.
    unsafe { libc::sigfillset(&raw mut set) };
    // SAFETY: `set` is initialised. The previous set is not requested.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
}

#[test]
fn a_thread_that_blocks_the_signal_creates_a_map() {
    succeeds_in_child(|| {
        block_signals();
        let (map, _file) = truncated_map();
        assert_fault(&map);
    });
}

#[test]
fn a_thread_that_blocks_the_signal_uses_a_map() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        let work = || {
            block_signals();
            assert_fault(&map);
        };
        thread::scope(|scope| assert!(scope.spawn(work).join().is_ok()));
    });
}

#[test]
fn rust_still_reports_a_stack_overflow() {
    #[allow(unconditional_recursion)]
    fn dig(depth: usize) -> usize {
        let hole = std::hint::black_box([depth; 1000]);
        dig(depth + 1) + std::hint::black_box(hole)[depth % 1000]
    }
    let child = output_of_child(|| {
        let (map, _file) = truncated_map();
        assert_fault(&map);
        dig(0);
    });
    let report = String::from_utf8_lossy(&child.stderr);
    assert!(report.contains("has overflowed its stack"), "{report}");
    assert_eq!(child.status.signal(), Some(libc::SIGABRT));
}

#[test]
fn a_fault_in_a_forked_process_is_an_error_there() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        let child = Fork::run(|| i32::from(!matches!(map.get(7), Err(Error::Fault { offset: 7 }))))
            .unwrap();
        assert!(child.wait().unwrap().success());
        assert_fault(&map);
    });
}
