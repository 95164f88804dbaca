//! The signal mask and the flags with which the library's handler and the handlers of a program
//! run.

use std::{
    fs::File,
    io::{Read, Write},
    mem,
    os::fd::{FromRawFd, OwnedFd},
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use libc::{c_int, c_void, siginfo_t};
use safemap::Map;
use safemap_testing::{
    TempFile,
    signal::{call, exit, install_plain, raise, replace, set, set_timer},
    succeeds_in_child,
};

use super::{assert_fault, create_map, truncated_map};

/// Returns a set of signals.
fn set_of(signals: &[c_int]) -> libc::sigset_t {
    // SAFETY: a set of zeros is valid.
    let mut set: libc::sigset_t = unsafe { mem::zeroed() };
    for &signal in signals {
        // SAFETY: `set` is initialised.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    set
}

/// Returns a number with the bits of the signals of a set.
fn bits(set: &libc::sigset_t) -> u64 {
    // SAFETY: `set` is initialised.
    let contains = |&signal: &c_int| unsafe { libc::sigismember(set, signal) == 1 };
    (1..64).filter(contains).map(|signal| 1 << signal).sum()
}

fn current_mask() -> u64 {
    let mut set = set_of(&[]);
    // SAFETY: the new set is not given, and `set` is valid for writes.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &raw mut set) };
    bits(&set)
}

fn install_with_mask(signal: c_int, handler: usize, flags: c_int, mask: &[c_int]) -> usize {
    // SAFETY: a `sigaction` of zeros is valid.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    (action.sa_sigaction, action.sa_flags, action.sa_mask) = (handler, flags, set_of(mask));
    replace(signal, Some(&action)).sa_sigaction
}

static MASK: AtomicU64 = AtomicU64::new(0);

extern "C" fn record_mask(_: c_int) {
    MASK.store(current_mask(), SeqCst);
}

fn block(signals: &[c_int]) {
    let set = set_of(signals);
    // SAFETY: `set` is initialised. The old set is not requested.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
}

#[test]
fn a_forwarded_signal_runs_with_the_mask_that_its_handler_asked_for() {
    succeeds_in_child(|| {
        block(&[libc::SIGUSR2]);
        for (flags, deferred) in [(0, &[libc::SIGBUS][..]), (libc::SA_NODEFER, &[])] {
            install_with_mask(
                libc::SIGBUS,
                record_mask as *const () as usize,
                flags,
                &[libc::SIGUSR1],
            );
            let expected =
                current_mask() | bits(&set_of(&[libc::SIGUSR1])) | bits(&set_of(deferred));
            let (map, _file) = truncated_map();
            assert_fault(&map);
            let before = current_mask();
            raise(libc::SIGBUS);
            assert_eq!(MASK.load(SeqCst), expected, "flags {flags:x}");
            assert_eq!(current_mask(), before);
            assert_fault(&map);
            assert_eq!(current_mask(), before);
        }
    });
}

static PREVIOUS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn chain(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: `chain` replaces the library's handler, which takes these three arguments.
    unsafe { call(PREVIOUS.load(SeqCst), signal, info, context) };
}

#[test]
fn a_handler_that_calls_the_library_keeps_its_mask_while_the_signal_is_forwarded() {
    succeeds_in_child(|| {
        install_with_mask(libc::SIGBUS, record_mask as *const () as usize, 0, &[libc::SIGUSR1]);
        create_map();
        let flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        let before =
            install_with_mask(libc::SIGBUS, chain as *const () as usize, flags, &[libc::SIGUSR2]);
        PREVIOUS.store(before, SeqCst);
        raise(libc::SIGBUS);
        let expected = set_of(&[libc::SIGBUS, libc::SIGUSR1, libc::SIGUSR2]);
        assert_eq!(MASK.load(SeqCst), current_mask() | bits(&expected));
    });
}

/// Set if a handler without SA_ONSTACK ran on the alternate stack.
static IS_ON_ALTERNATE_STACK: AtomicBool = AtomicBool::new(false);
static ALARMS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn check_stack(_: c_int) {
    // SAFETY: a `stack_t` of zeros is valid.
    let mut stack: libc::stack_t = unsafe { mem::zeroed() };
    // SAFETY: the new stack is not given, and `stack` is valid for writes.
    unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    IS_ON_ALTERNATE_STACK.fetch_or(stack.ss_flags & libc::SS_ONSTACK != 0, SeqCst);
    ALARMS.fetch_add(1, SeqCst);
}

fn repeat_for(time: Duration, mut work: impl FnMut()) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        work();
    }
}

/// Rust's alternate stacks have 8 KiB, two frames of signals.
#[test]
fn a_handler_that_interrupts_the_librarys_does_not_run_on_its_alternate_stack() {
    succeeds_in_child(|| {
        let (map, _file) = truncated_map();
        install_plain(libc::SIGALRM, check_stack, libc::SA_RESTART);
        set_timer(20, 20);
        repeat_for(Duration::from_millis(500), || assert_fault(&map));
        assert!(ALARMS.load(SeqCst) > 0 && !IS_ON_ALTERNATE_STACK.load(SeqCst));
        // Rust's `exit` frees the alternate stack of the first thread, which may get an alarm.
        exit(0);
    });
}

/// The map whose missing page `fault_again` accesses.
static INTERRUPTED: OnceLock<(Map, TempFile)> = OnceLock::new();

extern "C" fn fault_again(_: c_int) {
    if let Some((map, _)) = INTERRUPTED.get() {
        assert_fault(map);
    }
}

#[test]
fn a_call_that_faults_in_a_handler_does_not_wait_for_the_call_that_it_interrupted() {
    succeeds_in_child(|| {
        // Ends the process if it hangs.
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(10));
            exit(1);
        });
        let (map, _) = INTERRUPTED.get_or_init(truncated_map);
        install_plain(libc::SIGALRM, fault_again, libc::SA_RESTART);
        set_timer(20, 20);
        repeat_for(Duration::from_millis(1500), || assert_fault(map));
        exit(0);
    });
}

/// Whether SIGBUS, sent by another thread, interrupts `read`.
fn is_read_interrupted() -> bool {
    let mut ends = [0; 2];
    // SAFETY: there is space for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: the descriptors are new.
    let [mut input, mut output] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }.into());
    // SAFETY: `pthread_self` has no preconditions.
    let reader = unsafe { libc::pthread_self() } as usize;
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        // SAFETY: the thread waits for this one.
        unsafe { libc::pthread_kill(reader as libc::pthread_t, libc::SIGBUS) };
        thread::sleep(Duration::from_millis(50));
        File::write_all(&mut output, b"x").unwrap();
    });
    let result = File::read(&mut input, &mut [0]);
    sender.join().unwrap();
    result.is_err_and(|error| error.raw_os_error() == Some(libc::EINTR))
}

#[test]
fn a_sent_signal_interrupts_a_system_call_as_its_handler_asked_for() {
    succeeds_in_child(|| {
        for flags in [libc::SA_RESTART, 0] {
            install_plain(libc::SIGBUS, record_mask, flags);
            create_map();
            // A slow machine may send the signal before the call begins.
            let is_interrupted = (0..5).any(|_| is_read_interrupted());
            assert_eq!(is_interrupted, flags == 0, "flags {flags:x}");
        }
    });
}

#[test]
fn an_ignored_signal_does_not_interrupt_a_system_call() {
    succeeds_in_child(|| {
        set(libc::SIGBUS, libc::SIG_IGN, 0);
        create_map();
        assert!(!is_read_interrupted());
    });
}
