//! Handlers that report a fault and raise the signal again, as Python's faulthandler does.

use std::{
    ptr,
    sync::{
        Barrier,
        atomic::{AtomicPtr, Ordering::SeqCst},
    },
    thread,
};

use libc::c_int;
use safemap::Protection;
use safemap_testing::{
    signal::{exit, install_plain, raise, replace},
    succeeds_in_child,
};

use super::{
    assert_fault, create_map, fault_outside_the_library, is_terminated_by, raise_deeper,
    truncated_map,
};

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

pub(super) fn install_reporter(signal: c_int, flags: c_int) {
    let replaced =
        Replaced { action: replace(signal, None), _earlier: REPLACED_BY_REPORTER.load(SeqCst) };
    REPLACED_BY_REPORTER.store(Box::into_raw(Box::new(replaced)), SeqCst);
    install_plain(signal, report, flags);
}

/// The flags with which a reporter may be installed.
pub(super) const FLAGS: [c_int; 4] =
    [0, libc::SA_NODEFER, libc::SA_ONSTACK, libc::SA_ONSTACK | libc::SA_NODEFER];

#[test]
fn a_reporter_that_raises_the_signal_again_does_not_end_the_process() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        for flags in FLAGS {
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
        map.protect(Protection::NONE, ..).unwrap();
        for flags in FLAGS {
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
