//! Several copies of the crate in one process. A copy's handler resolves the faults of all copies,
//! and every other signal reaches the handlers of other libraries.

use std::{
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicPtr, Ordering::SeqCst},
    },
    thread,
};

use libc::{c_int, c_void, siginfo_t};
use safemap_testing::{
    LibraryCopy, PAGE,
    process::Fork,
    signal::{alternate_stack, exit, install, install_plain, raise, set},
    succeeds_in_child,
};

use super::{
    LARGE_STACK, assert_fault, calls_the_handler, expect_fault_address, expect_sigbus,
    fault_outside_the_library, is_terminated_by,
    numbered::{CALLS, install_number},
    order::install_chain,
    reporters::install_reporter,
    truncated_map, unexpected,
};

const SIGNALS: [c_int; 2] = [libc::SIGBUS, libc::SIGSEGV];

/// Loads copies and creates their maps, in this order.
fn copies<const COUNT: usize>() -> [LibraryCopy; COUNT] {
    let copies = [(); COUNT].map(|()| LibraryCopy::load());
    copies.iter().for_each(LibraryCopy::create_maps);
    copies
}

fn assert_all_report_faults(copies: &[LibraryCopy]) {
    assert!(copies.iter().all(LibraryCopy::reports_faults));
}

/// A page that is inaccessible until `unprotect` was called.
static PROTECTED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Makes `PROTECTED` accessible, as the handlers of garbage collectors do.
extern "C" fn unprotect(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the page belongs to this test, and no reference to it exists.
    unsafe { libc::mprotect(PROTECTED.load(SeqCst), PAGE, libc::PROT_READ) };
}

/// Reads an inaccessible page, which `unprotect` makes accessible.
fn read_protected_page() {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: a new mapping, which replaces no other.
    let page = unsafe { libc::mmap(ptr::null_mut(), PAGE, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    PROTECTED.store(page, SeqCst);
    // SAFETY: the page is mapped, and the handler makes it accessible.
    assert_eq!(unsafe { page.cast::<u8>().read_volatile() }, 0);
}

#[test]
fn the_first_handler_repairs_a_segmentation_fault_beside_two_copies() {
    succeeds_in_child(|| {
        install(libc::SIGSEGV, unprotect, 0);
        let copies = copies::<2>();
        read_protected_page();
        assert_all_report_faults(&copies);
    });
}

#[test]
fn the_first_handler_repairs_a_segmentation_fault_beside_copies_and_handlers_in_turn() {
    succeeds_in_child(|| {
        alternate_stack(Some(LARGE_STACK));
        install(libc::SIGSEGV, unprotect, 0);
        let copies = [0, 1, 2].map(|number| {
            let copy = LibraryCopy::load();
            copy.create_maps();
            install_number(libc::SIGSEGV, number);
            copy
        });
        copies[0].create_another_map();
        assert_all_report_faults(&copies);
        assert_eq!(CALLS.load(SeqCst), 0);
        read_protected_page();
        assert_eq!(CALLS.load(SeqCst), 3);
    });
}

#[test]
fn the_first_handler_is_called_for_a_bus_error_beside_three_copies() {
    calls_the_handler(|| {
        install(libc::SIGBUS, expect_fault_address, 0);
        let (map, _file) = truncated_map();
        let copies = copies::<2>();
        assert_fault(&map);
        assert_all_report_faults(&copies);
        fault_outside_the_library();
    });
}

fn survives_a_reporter_between_two_copies(signal: c_int) {
    succeeds_in_child(|| {
        let first = LibraryCopy::load();
        first.create_maps();
        install_reporter(signal, libc::SA_NODEFER);
        let second = LibraryCopy::load();
        second.create_maps();
        assert_all_report_faults(&[first, second]);
    });
}

#[test]
fn a_reporter_of_bus_errors_between_two_copies_does_not_end_the_process() {
    survives_a_reporter_between_two_copies(libc::SIGBUS);
}

#[test]
fn a_reporter_of_segmentation_faults_between_two_copies_does_not_end_the_process() {
    survives_a_reporter_between_two_copies(libc::SIGSEGV);
}

fn survives_a_reporter_after_two_copies(signal: c_int) {
    succeeds_in_child(|| {
        let copies = copies::<2>();
        install_reporter(signal, libc::SA_NODEFER);
        assert!(copies[1].reports_faults());
        install_reporter(signal, libc::SA_NODEFER);
        assert!(copies[0].reports_faults());
    });
}

#[test]
fn a_reporter_of_bus_errors_after_two_copies_does_not_end_the_process() {
    survives_a_reporter_after_two_copies(libc::SIGBUS);
}

#[test]
fn a_reporter_of_segmentation_faults_after_two_copies_does_not_end_the_process() {
    survives_a_reporter_after_two_copies(libc::SIGSEGV);
}

fn is_terminated_beside_copies_and_reporters(signal: c_int) {
    is_terminated_by(signal, || {
        alternate_stack(Some(LARGE_STACK));
        // The handler of Rust's runtime takes signals that are sent for faults.
        for signal in SIGNALS {
            set(signal, libc::SIG_DFL, 0);
        }
        let first = LibraryCopy::load();
        first.create_maps();
        install_reporter(signal, libc::SA_NODEFER);
        let second = LibraryCopy::load();
        second.create_maps();
        assert_all_report_faults(&[first, second]);
        match signal {
            libc::SIGBUS => fault_outside_the_library(),
            _ => raise(signal),
        }
        exit(1);
    });
}

#[test]
fn a_bus_error_outside_the_library_terminates_the_process_beside_copies_and_reporters() {
    is_terminated_beside_copies_and_reporters(libc::SIGBUS);
}

#[test]
fn a_segmentation_fault_that_is_raised_terminates_the_process_beside_copies_and_reporters() {
    is_terminated_beside_copies_and_reporters(libc::SIGSEGV);
}

#[test]
fn copies_in_turn_do_not_use_up_the_generations() {
    succeeds_in_child(|| {
        let copies = copies::<3>();
        for _ in 0..100 {
            copies.iter().for_each(LibraryCopy::create_another_map);
        }
        for signal in SIGNALS {
            install_plain(signal, unexpected, 0);
        }
        copies[1].create_another_map();
        assert_all_report_faults(&copies);
    });
}

#[test]
fn a_cycle_of_handlers_and_copies_ends_at_the_earliest_one() {
    calls_the_handler(|| {
        install_plain(libc::SIGBUS, expect_sigbus, 0);
        let first = LibraryCopy::load();
        first.create_maps();
        install_chain();
        let second = LibraryCopy::load();
        second.create_maps();
        // It forgets the handler of the first copy.
        install_chain();
        assert_all_report_faults(&[first, second]);
        fault_outside_the_library();
    });
}

#[test]
fn memory_that_another_copy_repairs_reads_as_zeros() {
    succeeds_in_child(|| {
        let repairing = LibraryCopy::load();
        repairing.create_maps();
        install_reporter(libc::SIGBUS, libc::SA_NODEFER);
        let (map, _file) = truncated_map();
        // SAFETY: the memory is mapped, and its missing page is replaced.
        assert_eq!(unsafe { repairing.repaired_memory().read_volatile() }, 0);
        assert_fault(&map);
    });
}

#[test]
fn copies_that_start_concurrently_find_each_other() {
    for _ in 0..5 {
        succeeds_in_child(|| {
            const COUNT: usize = 6;
            let start = Barrier::new(COUNT);
            let copies = thread::scope(|scope| {
                let load = || {
                    let copy = LibraryCopy::load();
                    start.wait();
                    copy.create_maps();
                    assert!(copy.reports_faults());
                    copy
                };
                let threads: Vec<_> = (0..COUNT).map(|_| scope.spawn(load)).collect();
                let copies = threads.into_iter().map(|thread| thread.join());
                copies.collect::<Result<Vec<_>, _>>().unwrap()
            });
            // Each copy resolves the faults of all others, also behind a handler that does not
            // call the previous one.
            for first in &copies {
                for signal in SIGNALS {
                    install_plain(signal, unexpected, 0);
                }
                first.create_another_map();
                assert_all_report_faults(&copies);
            }
        });
    }
}

#[test]
fn copies_report_faults_in_a_forked_process() {
    succeeds_in_child(|| {
        let copies = copies::<2>();
        let later = LibraryCopy::load();
        let child = Fork::run(|| {
            later.create_maps();
            for signal in SIGNALS {
                install_plain(signal, unexpected, 0);
            }
            copies[0].create_another_map();
            assert_all_report_faults(&copies);
            i32::from(!later.reports_faults())
        });
        assert!(child.unwrap().wait().unwrap().success());
        assert_all_report_faults(&copies);
    });
}

#[test]
fn a_library_that_was_closed_still_forwards_faults() {
    calls_the_handler(|| {
        install(libc::SIGBUS, expect_fault_address, 0);
        // The loader keeps a library while a thread has values that the library must drop.
        let load = || {
            let copy = LibraryCopy::load();
            copy.create_maps();
            copy.close();
        };
        thread::scope(|scope| assert!(scope.spawn(load).join().is_ok()));
        fault_outside_the_library();
    });
}
