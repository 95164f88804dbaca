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
#[path = "handlers/numbered.rs"]
mod numbered;
#[path = "handlers/other_versions.rs"]
mod other_versions;

use std::{
    mem,
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use libc::{c_int, c_void, siginfo_t};
use safemap::{Access, Error, Map, Options, Protection, Sharing};
use safemap_testing::{
    PAGE, TempFile, output_of_child, pattern,
    process::Fork,
    signal::{alternate_stack, call, exit, install, install_plain, raise, replace, send, set},
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

#[test]
fn an_earlier_handler_is_called_for_faults_outside_the_library() {
    calls_the_handler(|| {
        install(libc::SIGBUS, expect_fault_address, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn an_earlier_plain_handler_is_called_for_faults_outside_the_library() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, expect_sigbus, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn an_earlier_plain_handler_is_called_for_signals_that_are_sent() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, expect_sigbus, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
    });
}

#[test]
fn an_earlier_handler_with_resethand_is_called_once() {
    extern "C" fn count(_: c_int) {
        if COUNT.fetch_add(1, SeqCst) > 0 {
            exit(1);
        }
    }
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    is_terminated_by(libc::SIGBUS, || {
        install_plain(libc::SIGBUS, count, libc::SA_RESETHAND);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn the_next_map_puts_the_library_before_a_later_handler() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        install_plain(libc::SIGBUS, unexpected, 0);
        install_plain(libc::SIGSEGV, unexpected, 0);
        create_map();
        assert_fault(&map);
    });
}

#[test]
fn the_next_map_of_a_file_puts_the_library_before_a_later_sigbus_handler() {
    succeeds_in_child(|| {
        let (map, file) = truncated_map();
        install_plain(libc::SIGBUS, unexpected, 0);
        file.set_len(PAGE as u64);
        let another = file.map();
        file.set_len(0);
        assert_fault(&map);
        assert_fault(&another);
    });
}

#[test]
fn calls_that_forbid_pages_put_the_library_before_a_later_sigsegv_handler() {
    let write_only = |file: &TempFile| {
        Options::new().access(Access::Write).protection(Protection::NONE).open(file.path()).unwrap()
    };
    let move_memory = || {
        let memory = Options::new().len(PAGE).sharing(Sharing::Private).anonymous().unwrap();
        memory.resize(memory.capacity() + 1).unwrap();
    };
    let read_only = || Options::new().len(PAGE).protection(Protection::READ).anonymous().unwrap();
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(PAGE));
        let map = file.map();
        let protect = || map.protect(.., Protection::NONE).unwrap();
        for forbid in [&move_memory, &|| drop(read_only()), &|| drop(write_only(&file)), &protect]
            as [&dyn Fn(); 4]
        {
            map.protect(.., Protection::NONE).unwrap();
            install_plain(libc::SIGSEGV, unexpected, 0);
            forbid();
            assert_fault(&map);
        }
    });
}

#[test]
fn a_later_handler_is_still_called_for_faults_outside_the_library() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, unexpected, 0);
        let (map, _file) = truncated_map();
        install(libc::SIGBUS, expect_fault_address, 0);
        create_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

/// The handler that `chain` replaced.
static PREVIOUS: AtomicUsize = AtomicUsize::new(0);
static CHAIN_CALLS: AtomicUsize = AtomicUsize::new(0);

/// Calls the handler that it replaced.
extern "C" fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    CHAIN_CALLS.fetch_add(1, SeqCst);
    // SAFETY: `chain` replaces the library's handler, which takes these three arguments.
    unsafe { call(PREVIOUS.load(SeqCst), signal, info, context) };
}

/// The earliest handler. It exits with `CALLED` if `chain` was called once.
extern "C" fn end_of_chain(_: c_int) {
    exit(if CHAIN_CALLS.load(SeqCst) == 1 { CALLED } else { 1 });
}

fn install_chain() {
    let before = install(libc::SIGBUS, chain, libc::SA_NODEFER);
    PREVIOUS.store(before.sa_sigaction, SeqCst);
}

#[test]
fn a_later_handler_may_call_the_library() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        install_chain();
        assert_fault(&map);
        assert!(CHAIN_CALLS.load(SeqCst) >= 2);
    });
}

#[test]
fn each_handler_of_a_chain_is_called_once() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, end_of_chain, 0);
        let (map, _file) = truncated_map();
        install_chain();
        create_map();
        assert_fault(&map);
        assert_eq!(CHAIN_CALLS.load(SeqCst), 0);
        fault_outside_the_library();
    });
}

#[test]
fn a_cycle_of_handlers_ends_at_the_earliest_one() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, end_of_chain, 0);
        let (map, _file) = truncated_map();
        install_chain();
        create_map();
        install_chain();
        create_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn the_library_is_first_again_after_64_handlers_that_chain() {
    calls_the_handler(|| {
        alternate_stack(Some(LARGE_STACK));
        install(libc::SIGBUS, expect_fault_address, 0);
        let (map, _file) = truncated_map();
        for number in 0..numbered::COUNT {
            numbered::install_number(libc::SIGBUS, number);
            create_map();
            assert_fault(&map);
        }
        assert_eq!(numbered::CALLS.load(SeqCst), 0);
        fault_outside_the_library();
    });
}

#[test]
fn each_of_64_handlers_is_called_once() {
    extern "C" fn expect_64_calls(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
        exit(if numbered::CALLS.load(SeqCst) == numbered::COUNT { CALLED } else { 1 });
    }
    calls_the_handler(|| {
        alternate_stack(Some(LARGE_STACK));
        install(libc::SIGBUS, expect_64_calls, 0);
        let (map, _file) = truncated_map();
        for number in 0..numbered::COUNT {
            numbered::install_number(libc::SIGBUS, number);
            create_map();
        }
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn a_handler_that_is_uninstalled_is_not_called() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, expect_sigbus, 0);
        let (map, _file) = truncated_map();
        for _ in 0..100 {
            let before = install_plain(libc::SIGBUS, unexpected, 0);
            create_map();
            assert_fault(&map);
            replace(libc::SIGBUS, Some(&before));
            create_map();
        }
        assert_fault(&map);
        fault_outside_the_library();
    });
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
        send(std::process::id().cast_signed(), libc::SIGBUS).unwrap();
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

/// Writes a report, restores the previous action and raises the signal again, as Python's
/// faulthandler does.
extern "C" fn report(signal: c_int) {
    // SAFETY: the string is static and has 12 bytes.
    unsafe { libc::write(2, c"Fatal error\n".as_ptr().cast(), 12) };
    // SAFETY: `install_reporter` stored the pointer before any signal. The memory is never freed.
    let previous = unsafe { &*REPLACED_BY_REPORTER.load(SeqCst) };
    replace(signal, Some(&previous.action));
    raise(signal);
}

/// The action that a reporter replaced. Earlier ones are kept for signals that are still pending.
struct Replaced {
    action: libc::sigaction,
    _earlier: *mut Replaced,
}

static REPLACED_BY_REPORTER: AtomicPtr<Replaced> = AtomicPtr::new(ptr::null_mut());

fn install_reporter(signal: c_int, flags: c_int) {
    let replaced =
        Replaced { action: replace(signal, None), _earlier: REPLACED_BY_REPORTER.load(SeqCst) };
    REPLACED_BY_REPORTER.store(Box::into_raw(Box::new(replaced)), SeqCst);
    install_plain(signal, report, flags);
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

const REPORTER_FLAGS: [c_int; 4] =
    [0, libc::SA_NODEFER, libc::SA_ONSTACK, libc::SA_ONSTACK | libc::SA_NODEFER];

#[test]
fn a_reporter_that_raises_the_signal_again_does_not_end_the_process() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        for flags in REPORTER_FLAGS {
            install_reporter(libc::SIGBUS, flags);
            assert_fault(&map);
            assert_fault(&map);
        }
    });
}

#[test]
fn a_reporter_of_segmentation_faults_does_not_end_the_process() {
    succeeds_in_child(|| {
        let map = create_map();
        map.protect(.., Protection::NONE).unwrap();
        for flags in REPORTER_FLAGS {
            install_reporter(libc::SIGSEGV, flags);
            assert_fault(&map);
            assert_fault(&map);
        }
    });
}

/// Frames of earlier signals are above or below the new frame on the stack.
fn is_terminated_after_a_report(flags: c_int, depth: usize) {
    is_terminated_by(libc::SIGBUS, || {
        let (map, _file) = truncated_map();
        install_reporter(libc::SIGBUS, flags);
        assert_fault(&map);
        raise_deeper(depth);
        exit(1);
    });
}

#[test]
fn a_signal_raised_after_a_report_terminates_the_process() {
    is_terminated_after_a_report(0, 0);
}

#[test]
fn a_signal_raised_deeper_in_the_stack_after_a_report_terminates_the_process() {
    is_terminated_after_a_report(0, 10);
}

#[test]
fn a_signal_raised_after_a_report_on_an_alternate_stack_terminates_the_process() {
    is_terminated_after_a_report(libc::SA_ONSTACK | libc::SA_NODEFER, 10);
}

#[test]
fn a_reported_fault_outside_the_library_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, _file) = truncated_map();
        install_reporter(libc::SIGBUS, libc::SA_NODEFER);
        assert_fault(&map);
        install_reporter(libc::SIGBUS, libc::SA_NODEFER);
        fault_outside_the_library();
    });
}

/// Returns a map with repair, a page of which external code has accessed while it was missing, and
/// its file. The map was restored.
fn restored_map() -> (Map, TempFile) {
    // Rust's own handlers end a process in another way.
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        set(signal, libc::SIG_DFL, 0);
    }
    let file = TempFile::new(&pattern(PAGE));
    let map = Options::new().access(Access::Write).repair().open(file.path()).unwrap();
    damage_and_restore(&map, &file);
    (map, file)
}

/// External code reads a missing page, which the handler replaces. Then the file grows back.
fn damage_and_restore(map: &Map, file: &TempFile) {
    file.set_len(0);
    assert_eq!(read_directly(map, 9), 0);
    assert_eq!(map.damage(), Some(9));
    file.set_len(PAGE as u64);
    map.restore().unwrap();
}

/// Reads a byte without the library's accessors.
fn read_directly(map: &Map, at: usize) -> u8 {
    // SAFETY: `at` is in the map, which outlives the call.
    unsafe { map.as_ptr().wrapping_add(at).read_volatile() }
}

#[test]
fn a_signal_raised_after_a_write_was_repaired_and_restored_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, file) = restored_map();
        file.set_len(0);
        // SAFETY: the byte is in the map, which outlives the call.
        unsafe { map.as_mut_ptr().write_volatile(1) };
        file.set_len(PAGE as u64);
        map.restore().unwrap();
        raise_deeper(10);
        exit(1);
    });
}

/// The frame of a signal that is sent holds the address of the thread's last fault.
#[test]
fn a_segmentation_fault_raised_after_repair_and_restore_terminates_the_process() {
    is_terminated_by(libc::SIGSEGV, || {
        let (_map, _file) = restored_map();
        raise(libc::SIGSEGV);
        exit(1);
    });
}

#[test]
fn a_bus_error_raised_after_repair_and_restore_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (_map, _file) = restored_map();
        raise(libc::SIGBUS);
        exit(1);
    });
}

#[test]
fn a_signal_raised_deeper_in_the_stack_after_restore_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, _file) = restored_map();
        raise_deeper(10);
        exit(i32::from(map.damage().is_some()) + 1);
    });
}

#[test]
fn a_signal_raised_in_a_handler_after_restore_terminates_the_process() {
    extern "C" fn raise_sigbus(_: c_int) {
        raise(libc::SIGBUS);
        exit(1);
    }
    is_terminated_by(libc::SIGBUS, || {
        let (_map, _file) = restored_map();
        install_plain(libc::SIGUSR1, raise_sigbus, 0);
        raise(libc::SIGUSR1);
        exit(1);
    });
}

#[test]
fn a_signal_from_another_thread_after_restore_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (_map, _file) = restored_map();
        // SAFETY: `pthread_self` has no preconditions.
        let main = unsafe { libc::pthread_self() } as usize;
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            // SAFETY: the main thread does not end.
            unsafe { libc::pthread_kill(main as libc::pthread_t, libc::SIGBUS) };
            thread::sleep(Duration::from_secs(2));
            exit(1);
        });
        loop {
            std::hint::spin_loop();
        }
    });
}

#[test]
fn a_signal_raised_after_a_fault_of_an_accessor_in_a_map_with_repair_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, file) = restored_map();
        file.set_len(0);
        assert_fault(&map);
        raise(libc::SIGBUS);
        exit(1);
    });
}

#[test]
fn a_reporter_of_faults_in_external_code_does_not_end_the_process() {
    succeeds_in_child(|| {
        let (map, file) = restored_map();
        for flags in REPORTER_FLAGS {
            install_reporter(libc::SIGBUS, flags);
            damage_and_restore(&map, &file);
            damage_and_restore(&map, &file);
        }
    });
}

fn is_terminated_after_a_report_and_restore(flags: c_int, depth: usize) {
    is_terminated_by(libc::SIGBUS, || {
        let (map, file) = restored_map();
        install_reporter(libc::SIGBUS, flags);
        damage_and_restore(&map, &file);
        raise_deeper(depth);
        exit(1);
    });
}

#[test]
fn a_signal_raised_after_a_report_and_restore_terminates_the_process() {
    is_terminated_after_a_report_and_restore(0, 0);
}

#[test]
fn a_signal_raised_deeper_in_the_stack_after_a_report_and_restore_terminates_the_process() {
    is_terminated_after_a_report_and_restore(libc::SA_NODEFER, 10);
}

#[test]
fn a_signal_raised_after_a_report_on_an_alternate_stack_and_restore_terminates_the_process() {
    is_terminated_after_a_report_and_restore(libc::SA_ONSTACK | libc::SA_NODEFER, 10);
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

#[test]
fn many_threads_fault_while_a_reporter_is_there() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        let (used, installed) = (Barrier::new(9), Barrier::new(9));
        let work = || {
            // Only the first use of a map in a thread puts the library's handler first.
            assert_fault(&map);
            used.wait();
            installed.wait();
            (0..200).for_each(|_| assert_fault(&map));
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
            used.wait();
            install_reporter(libc::SIGBUS, libc::SA_NODEFER | libc::SA_ONSTACK);
            installed.wait();
            assert!(threads.into_iter().all(|thread| thread.join().is_ok()));
        });
    });
}
