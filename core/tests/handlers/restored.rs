//! Signals that are sent after a fault of external code was repaired and the map was restored.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

use libc::{c_int, c_void, siginfo_t};
use safemap::{Access, Map, Options};
use safemap_testing::{
    PAGE, TempFile, pattern,
    signal::{call, exit, install, install_plain, raise, set},
    succeeds_in_child,
};

use super::{
    assert_fault, is_terminated_by, raise_deeper,
    reporters::{FLAGS, install_reporter},
};

/// Returns a map with repair, a page of which external code has accessed while it was missing, and
/// its file. The map was restored.
fn restored_map() -> (Map, TempFile) {
    // Rust's own handlers end a process in another way.
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        set(signal, libc::SIG_DFL, 0);
    }
    let file = TempFile::new(&pattern(PAGE));
    let map = Options::new().access(Access::Write).repair(true).open(file.path()).unwrap();
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

/// External code writes to a missing page, which the handler replaces. Then the file grows back.
fn damage_by_write_and_restore(map: &Map, file: &TempFile) {
    file.set_len(0);
    // SAFETY: the byte is in the map, which outlives the call.
    unsafe { map.as_mut_ptr().write_volatile(1) };
    assert_eq!(map.damage(), Some(0));
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
        damage_by_write_and_restore(&map, &file);
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

/// Another thread sends SIGBUS to this one, which makes no system call.
fn wait_for_signal() -> ! {
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
}

#[test]
fn a_signal_from_another_thread_after_restore_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (_map, _file) = restored_map();
        wait_for_signal();
    });
}

#[test]
fn a_signal_from_another_thread_after_a_write_was_restored_terminates_the_process() {
    is_terminated_by(libc::SIGBUS, || {
        let (map, file) = restored_map();
        damage_by_write_and_restore(&map, &file);
        wait_for_signal();
    });
}

#[test]
fn a_signal_raised_after_an_accessor_faulted_terminates_the_process() {
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
        for flags in FLAGS {
            install_reporter(libc::SIGBUS, flags);
            damage_and_restore(&map, &file);
            damage_and_restore(&map, &file);
            install_reporter(libc::SIGBUS, flags);
            damage_by_write_and_restore(&map, &file);
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
fn a_signal_raised_after_a_report_terminates_the_process() {
    is_terminated_after_a_report_and_restore(0, 0);
}

#[test]
fn a_signal_raised_deeper_in_the_stack_after_a_report_terminates_the_process() {
    is_terminated_after_a_report_and_restore(libc::SA_NODEFER, 10);
}

#[test]
fn a_signal_raised_after_a_report_on_an_alternate_stack_terminates_the_process() {
    is_terminated_after_a_report_and_restore(libc::SA_ONSTACK | libc::SA_NODEFER, 10);
}

static PREVIOUS: AtomicUsize = AtomicUsize::new(0);
static HAS_FAULTED: AtomicBool = AtomicBool::new(false);
static IS_RESTORED: AtomicBool = AtomicBool::new(false);

/// Calls the library's handler after the file has grown back, as if the thread had not run.
extern "C" fn wait_for_restore(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    HAS_FAULTED.store(true, SeqCst);
    while !IS_RESTORED.load(SeqCst) {
        thread::yield_now();
    }
    // SAFETY: this handler replaces the library's, which takes these three arguments.
    unsafe { call(PREVIOUS.load(SeqCst), signal, info, context) };
}

fn stays_intact_beside_a_delayed_handler(access: Access, touch: impl Fn(&Map) + Sync) {
    let file = TempFile::new(&pattern(PAGE));
    let map = Options::new().access(access).repair(true).open(file.path()).unwrap();
    file.set_len(0);
    let before = install(libc::SIGBUS, wait_for_restore, libc::SA_NODEFER);
    PREVIOUS.store(before.sa_sigaction, SeqCst);
    thread::scope(|scope| {
        let faulting = scope.spawn(|| touch(&map));
        while !HAS_FAULTED.load(SeqCst) {
            thread::yield_now();
        }
        file.set_len(PAGE as u64);
        map.restore().unwrap();
        assert_eq!(map.damage(), None);
        IS_RESTORED.store(true, SeqCst);
        assert!(faulting.join().is_ok());
    });
    assert_eq!(map.damage(), None);
    map.restore().unwrap();
}

#[test]
fn a_read_whose_handler_runs_after_restore_does_not_damage_the_map() {
    succeeds_in_child(|| {
        stays_intact_beside_a_delayed_handler(Access::Read, |map| {
            read_directly(map, 9);
        });
    });
}

#[test]
fn a_write_whose_handler_runs_after_restore_reaches_the_file() {
    succeeds_in_child(|| {
        stays_intact_beside_a_delayed_handler(Access::Write, |map| {
            // SAFETY: the byte is in the map, which outlives the call.
            unsafe { map.as_mut_ptr().wrapping_add(9).write_volatile(77) };
            assert_eq!(map.get(9).unwrap(), 77);
        });
    });
}
