//! Our handler among others: a signal that is not ours goes to whom it belongs. Each test runs in a child process, and most
//! of them die there.
//!
//! # Safety
//!
//! These tests play foreign code: they install handlers, send signals and touch memory that is not there, all of it on
//! purpose. Handlers call nothing but what may be called in a handler.

#![allow(unsafe_code, missing_docs)]
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]

mod support;

use std::{
    fs::File,
    mem,
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use libc::{c_int, c_void, siginfo_t};
use safemap::{Access, Error, Map, Options, Protection, Sharing};
use support::{PAGE, file_with, in_child, other_handle, pattern, survives, writable};
use tempfile::NamedTempFile;

type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

const CALLED: i32 = 42;

/// A map whose file is gone. Making it checks that our handler comes first.
fn hollow_map() -> (Map, NamedTempFile) {
    let file = file_with(&pattern(PAGE));
    let map = writable(&file);
    other_handle(&file).set_len(0).unwrap();
    (map, file)
}

fn assert_fault(map: &Map) {
    assert!(matches!(map.get(7), Err(Error::Fault { offset: 7 })));
    assert!(matches!(map.write_at(&[1; 300], 9), Err(Error::Fault { offset: 9 })));
}

fn make_map() -> Map {
    Options::new().len(PAGE).anonymous().unwrap()
}

/// Reads foreign mapped memory that is not there.
fn touch_foreign_memory() {
    let file: File = tempfile::tempfile().unwrap();
    file.set_len(PAGE as u64).unwrap();
    // SAFETY: a new mapping of a file that is open.
    let at = unsafe { libc::mmap(ptr::null_mut(), PAGE, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    assert_ne!(at, libc::MAP_FAILED);
    file.set_len(0).unwrap();
    let at = at.cast::<u8>().wrapping_add(5);
    EXPECTED.store(at.addr(), SeqCst);
    // SAFETY: a page of our own; the fault is what the test is about.
    unsafe { at.read_volatile() };
}

static EXPECTED: AtomicUsize = AtomicUsize::new(0);

fn raise(signal: c_int) {
    // SAFETY: no conditions.
    unsafe { libc::raise(signal) };
}

fn exit(code: i32) -> ! {
    // SAFETY: no conditions.
    unsafe { libc::_exit(code) }
}

extern "C" fn told(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the system's, valid until the handler returns.
    let info = unsafe { &*info };
    // SAFETY: a fault has an address.
    let address = unsafe { info.si_addr() };
    exit(if signal == libc::SIGBUS && info.si_code > 0 && address.addr() == EXPECTED.load(SeqCst) {
        CALLED
    } else {
        1
    });
}

extern "C" fn plain(signal: c_int) {
    exit(if signal == libc::SIGBUS { CALLED } else { 1 });
}

extern "C" fn unwanted(_: c_int) {
    exit(1);
}

/// Installs a handler that takes three arguments, and returns what was there before.
fn install(signal: c_int, handler: Handler, flags: c_int) -> libc::sigaction {
    install_action(signal, handler as usize, flags | libc::SA_SIGINFO)
}

/// Installs a handler that takes the signal alone.
fn install_plain(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) -> libc::sigaction {
    install_action(signal, handler as usize, flags)
}

fn install_action(signal: c_int, action: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: all zeros is the default action.
    let mut new: libc::sigaction = unsafe { mem::zeroed() };
    (new.sa_sigaction, new.sa_flags) = (action, flags);
    exchange(signal, Some(&new))
}

fn exchange(signal: c_int, action: Option<&libc::sigaction>) -> libc::sigaction {
    // SAFETY: all zeros is the default action.
    let mut old: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: both are actions or null.
    assert_eq!(unsafe { libc::sigaction(signal, action.map_or(ptr::null(), ptr::from_ref), &raw mut old) }, 0);
    old
}

/// Calls what an action says, as handlers do that chain.
fn chain(action: usize, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the action of the crate, which takes three arguments.
    let handler = unsafe { mem::transmute::<usize, Handler>(action) };
    handler(signal, info, context);
}

fn ends_with(name: &str, code: i32, body: impl FnOnce()) {
    match in_child(name) {
        None => body(),
        Some(child) => assert_eq!(child.status.code(), Some(code), "{}", String::from_utf8_lossy(&child.stderr)),
    }
}

fn dies_of(name: &str, signal: c_int, body: impl FnOnce()) {
    match in_child(name) {
        None => body(),
        Some(child) => assert_eq!(child.status.signal(), Some(signal), "{}", String::from_utf8_lossy(&child.stderr)),
    }
}

#[test]
fn a_handler_from_before_is_told_of_foreign_faults() {
    ends_with("a_handler_from_before_is_told_of_foreign_faults", CALLED, || {
        install(libc::SIGBUS, told, 0);
        let (map, _file) = hollow_map();
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_plain_handler_from_before_is_called_for_foreign_faults() {
    ends_with("a_plain_handler_from_before_is_called_for_foreign_faults", CALLED, || {
        install_plain(libc::SIGBUS, plain, 0);
        let (map, _file) = hollow_map();
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_plain_handler_from_before_is_called_for_signals_that_are_sent() {
    ends_with("a_plain_handler_from_before_is_called_for_signals_that_are_sent", CALLED, || {
        install_plain(libc::SIGBUS, plain, 0);
        let (map, _file) = hollow_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
    });
}

#[test]
fn a_handler_for_one_time_is_called_one_time() {
    extern "C" fn count(_: c_int) {
        if COUNT.fetch_add(1, SeqCst) > 0 {
            exit(1);
        }
    }
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    dies_of("a_handler_for_one_time_is_called_one_time", libc::SIGBUS, || {
        install_plain(libc::SIGBUS, count, libc::SA_RESETHAND);
        let (map, _file) = hollow_map();
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_handler_from_after_is_overtaken_by_the_next_map() {
    survives("a_handler_from_after_is_overtaken_by_the_next_map", || {
        let (map, _file) = hollow_map();
        install_plain(libc::SIGBUS, unwanted, 0);
        install_plain(libc::SIGSEGV, unwanted, 0);
        make_map();
        assert_fault(&map);
    });
}

#[test]
fn a_handler_of_missing_pages_from_after_is_overtaken_by_the_next_map_of_a_file() {
    survives("a_handler_of_missing_pages_from_after_is_overtaken_by_the_next_map_of_a_file", || {
        let (map, file) = hollow_map();
        install_plain(libc::SIGBUS, unwanted, 0);
        other_handle(&file).set_len(PAGE as u64).unwrap();
        let another = writable(&file);
        other_handle(&file).set_len(0).unwrap();
        assert_fault(&map);
        assert_fault(&another);
    });
}

#[test]
fn a_handler_of_forbidden_pages_from_after_is_overtaken_by_whoever_forbids_pages() {
    let file = file_with(&pattern(PAGE));
    let write_only = || Options::new().access(Access::Write).protection(Protection::NONE).open(file.path()).unwrap();
    let move_memory = || {
        let memory = Options::new().len(PAGE).sharing(Sharing::Private).anonymous().unwrap();
        memory.resize(memory.capacity() + 1).unwrap();
    };
    let read_only = || Options::new().len(PAGE).protection(Protection::READ).anonymous().unwrap();
    survives("a_handler_of_forbidden_pages_from_after_is_overtaken_by_whoever_forbids_pages", || {
        let map = writable(&file);
        let protect = || map.protect(.., Protection::NONE).unwrap();
        for forbid in [&move_memory, &|| drop(read_only()), &|| drop(write_only()), &protect] as [&dyn Fn(); 4] {
            map.protect(.., Protection::NONE).unwrap();
            install_plain(libc::SIGSEGV, unwanted, 0);
            forbid();
            assert_fault(&map);
        }
    });
}

#[test]
fn a_handler_from_after_is_still_called_for_foreign_faults() {
    ends_with("a_handler_from_after_is_still_called_for_foreign_faults", CALLED, || {
        install_plain(libc::SIGBUS, unwanted, 0);
        let (map, _file) = hollow_map();
        install(libc::SIGBUS, told, 0);
        make_map();
        assert_fault(&map);
        touch_foreign_memory();
    });
}

static NEXT: AtomicUsize = AtomicUsize::new(0);
static VISITS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn link(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    VISITS.fetch_add(1, SeqCst);
    chain(NEXT.load(SeqCst), signal, info, context);
}

extern "C" fn end_of_chain(_: c_int) {
    exit(if VISITS.load(SeqCst) == 1 { CALLED } else { 1 });
}

fn install_link() {
    let before = install(libc::SIGBUS, link, libc::SA_NODEFER);
    NEXT.store(before.sa_sigaction, SeqCst);
}

#[test]
fn a_handler_from_after_may_call_ours() {
    survives("a_handler_from_after_may_call_ours", || {
        let (map, _file) = hollow_map();
        install_link();
        assert_fault(&map);
        assert!(VISITS.load(SeqCst) >= 2);
    });
}

#[test]
fn everybody_in_a_chain_is_called_once() {
    ends_with("everybody_in_a_chain_is_called_once", CALLED, || {
        install_plain(libc::SIGBUS, end_of_chain, 0);
        let (map, _file) = hollow_map();
        install_link();
        make_map();
        assert_fault(&map);
        assert_eq!(VISITS.load(SeqCst), 0);
        touch_foreign_memory();
    });
}

#[test]
fn a_circle_of_handlers_ends_at_the_first_of_all() {
    ends_with("a_circle_of_handlers_ends_at_the_first_of_all", CALLED, || {
        install_plain(libc::SIGBUS, end_of_chain, 0);
        let (map, _file) = hollow_map();
        install_link();
        make_map();
        install_link();
        make_map();
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_handler_that_is_taken_out_again_is_forgotten() {
    ends_with("a_handler_that_is_taken_out_again_is_forgotten", CALLED, || {
        install_plain(libc::SIGBUS, plain, 0);
        let (map, _file) = hollow_map();
        for _ in 0..100 {
            let before = install_plain(libc::SIGBUS, unwanted, 0);
            make_map();
            assert_fault(&map);
            exchange(libc::SIGBUS, Some(&before));
            make_map();
        }
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_foreign_fault_is_death() {
    dies_of("a_foreign_fault_is_death", libc::SIGBUS, || {
        let (map, _file) = hollow_map();
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_foreign_fault_is_death_even_if_the_signal_is_ignored() {
    dies_of("a_foreign_fault_is_death_even_if_the_signal_is_ignored", libc::SIGBUS, || {
        install_action(libc::SIGBUS, libc::SIG_IGN, 0);
        let (map, _file) = hollow_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
        assert_fault(&map);
        touch_foreign_memory();
    });
}

#[test]
fn a_raised_signal_is_death() {
    dies_of("a_raised_signal_is_death", libc::SIGBUS, || {
        let (map, _file) = hollow_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
        exit(1);
    });
}

#[test]
fn a_raised_segmentation_fault_is_death() {
    dies_of("a_raised_segmentation_fault_is_death", libc::SIGSEGV, || {
        // Not Rust's own, which takes what is sent for an overflow it does not know.
        install_action(libc::SIGSEGV, libc::SIG_DFL, 0);
        let (map, _file) = hollow_map();
        assert_fault(&map);
        raise(libc::SIGSEGV);
        exit(1);
    });
}

#[test]
fn a_signal_from_a_process_is_death() {
    dies_of("a_signal_from_a_process_is_death", libc::SIGBUS, || {
        let (map, _file) = hollow_map();
        assert_fault(&map);
        // SAFETY: no conditions.
        unsafe { libc::kill(std::process::id() as i32, libc::SIGBUS) };
        thread::park();
    });
}

#[test]
fn a_signal_to_a_thread_that_works_on_a_map_is_death() {
    // As long as that thread has not met a fault, after which it is taken for a raised one.
    dies_of("a_signal_to_a_thread_that_works_on_a_map_is_death", libc::SIGBUS, || {
        // SAFETY: no conditions.
        let main = unsafe { libc::pthread_self() };
        // Some systems have a number there, others a pointer, which threads do not share.
        let main = main as usize;
        let started = AtomicBool::new(false);
        let memory = Options::new().len(1 << 24).anonymous().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !started.load(SeqCst) {
                    thread::yield_now();
                }
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(main as libc::pthread_t, libc::SIGBUS) };
            });
            started.store(true, SeqCst);
            loop {
                memory.fill(1, ..).unwrap();
            }
        });
    });
}

/// Reports, restores what was there before and raises the signal again, as Python's faulthandler does.
extern "C" fn report(signal: c_int) {
    // SAFETY: standard error is open; what is written is static.
    unsafe { libc::write(2, c"Fatal error\n".as_ptr().cast(), 12) };
    // SAFETY: stored by install_reporter before any signal, and kept.
    let before = unsafe { &*BEFORE.load(SeqCst) };
    exchange(signal, Some(&before.action));
    raise(signal);
}

/// What a reporter replaced, and what the one before it did: all are kept, for signals that still come.
struct Before {
    action: libc::sigaction,
    _earlier: *mut Before,
}

static BEFORE: AtomicPtr<Before> = AtomicPtr::new(ptr::null_mut());

fn install_reporter(signal: c_int, flags: c_int) {
    let before = Before { action: exchange(signal, None), _earlier: BEFORE.load(SeqCst) };
    BEFORE.store(Box::into_raw(Box::new(before)), SeqCst);
    install_plain(signal, report, flags);
}

/// Fills a good part of the stack with whatever signals leave there, out of sight, and raises one.
#[inline(never)]
fn raise_from_below(depth: usize) {
    let garbage = mem::MaybeUninit::<[u64; 40]>::uninit();
    std::hint::black_box(&garbage);
    if depth == 0 {
        raise(libc::SIGBUS)
    } else {
        raise_from_below(depth - 1)
    }
    std::hint::black_box(&garbage);
}

const WAYS_TO_REPORT: [c_int; 4] = [0, libc::SA_NODEFER, libc::SA_ONSTACK, libc::SA_ONSTACK | libc::SA_NODEFER];

#[test]
fn a_reporter_that_raises_the_signal_again_does_no_harm() {
    survives("a_reporter_that_raises_the_signal_again_does_no_harm", || {
        let (map, _file) = hollow_map();
        for flags in WAYS_TO_REPORT {
            install_reporter(libc::SIGBUS, flags);
            assert_fault(&map);
            assert_fault(&map);
        }
    });
}

#[test]
fn a_reporter_of_segmentation_faults_does_no_harm() {
    survives("a_reporter_of_segmentation_faults_does_no_harm", || {
        let map = make_map();
        map.protect(.., Protection::NONE).unwrap();
        for flags in WAYS_TO_REPORT {
            install_reporter(libc::SIGSEGV, flags);
            assert_fault(&map);
            assert_fault(&map);
        }
    });
}

/// What signals left on the stack lies where nobody has written since, or has been written over.
fn dies_of_a_signal_after_a_report(name: &str, flags: c_int, depth: usize) {
    dies_of(name, libc::SIGBUS, || {
        let (map, _file) = hollow_map();
        install_reporter(libc::SIGBUS, flags);
        assert_fault(&map);
        raise_from_below(depth);
        exit(1);
    });
}

#[test]
fn a_signal_raised_after_a_report_is_death() {
    dies_of_a_signal_after_a_report("a_signal_raised_after_a_report_is_death", 0, 0);
}

#[test]
fn a_signal_raised_from_below_after_a_report_is_death() {
    dies_of_a_signal_after_a_report("a_signal_raised_from_below_after_a_report_is_death", 0, 10);
}

#[test]
fn a_signal_raised_from_below_after_a_report_elsewhere_is_death() {
    let flags = libc::SA_ONSTACK | libc::SA_NODEFER;
    dies_of_a_signal_after_a_report("a_signal_raised_from_below_after_a_report_elsewhere_is_death", flags, 10);
}

#[test]
fn a_foreign_fault_that_is_reported_is_death() {
    dies_of("a_foreign_fault_that_is_reported_is_death", libc::SIGBUS, || {
        let (map, _file) = hollow_map();
        install_reporter(libc::SIGBUS, libc::SA_NODEFER);
        assert_fault(&map);
        install_reporter(libc::SIGBUS, libc::SA_NODEFER);
        touch_foreign_memory();
    });
}

fn block_signals() {
    // SAFETY: all zeros is an empty set.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    // SAFETY: `set` is a set.
    unsafe { libc::sigfillset(&raw mut set) };
    // SAFETY: `set` is a set; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
}

#[test]
fn a_thread_that_blocks_the_signal_makes_a_map() {
    survives("a_thread_that_blocks_the_signal_makes_a_map", || {
        block_signals();
        let (map, _file) = hollow_map();
        assert_fault(&map);
    });
}

#[test]
fn a_thread_that_blocks_the_signal_uses_a_map() {
    survives("a_thread_that_blocks_the_signal_uses_a_map", || {
        let (map, _file) = hollow_map();
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
    let name = "rust_still_reports_a_stack_overflow";
    match in_child(name) {
        None => {
            let (map, _file) = hollow_map();
            assert_fault(&map);
            dig(0);
        }
        Some(child) => {
            let report = String::from_utf8_lossy(&child.stderr);
            assert!(report.contains("has overflowed its stack"), "{report}");
            assert_eq!(child.status.signal(), Some(libc::SIGABRT));
        }
    }
}

#[test]
fn a_forked_process_faults_by_itself() {
    survives("a_forked_process_faults_by_itself", || {
        let (map, _file) = hollow_map();
        // SAFETY: the child calls what needs no other thread.
        let child = unsafe { libc::fork() };
        if child == 0 {
            exit(if matches!(map.get(7), Err(Error::Fault { offset: 7 })) { CALLED } else { 1 });
        }
        let mut status = 0;
        // SAFETY: the child is ours.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == CALLED, "{status}");
        assert_fault(&map);
    });
}

#[test]
fn many_threads_fault_while_a_reporter_is_there() {
    survives("many_threads_fault_while_a_reporter_is_there", || {
        let (map, _file) = hollow_map();
        let (used, installed) = (Barrier::new(9), Barrier::new(9));
        let work = || {
            // The first use of a map in a thread puts our handler first, the others do not.
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
