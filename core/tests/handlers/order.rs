//! Handlers before and after the library's. Each is called once, and only for what is not a fault
//! of the library's.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use libc::{c_int, c_void, siginfo_t};
use safemap::{Access, Options, Protection, Sharing};
use safemap_testing::{
    PAGE, TempFile, pattern,
    signal::{alternate_stack, call, exit, install, install_plain, raise, replace},
    succeeds_in_child,
};

use super::{
    CALLED, LARGE_STACK, assert_fault, calls_the_handler, create_map, expect_fault_address,
    expect_sigbus, fault_outside_the_library, is_terminated_by, numbered, truncated_map,
    unexpected,
};

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
        let protect = || map.protect(Protection::NONE, ..).unwrap();
        for forbid in [&move_memory, &|| drop(read_only()), &|| drop(write_only(&file)), &protect]
            as [&dyn Fn(); 4]
        {
            map.protect(Protection::NONE, ..).unwrap();
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

pub(super) fn install_chain() {
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
