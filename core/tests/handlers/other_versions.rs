//! The layout by which versions of the crate find and call each other. It must never change.
//!
//! The program contains two notes besides that of the crate. One belongs to a later version with
//! the same layout and a longer record, which this file imitates. The other has an unknown layout.

use std::{
    mem, ptr,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use libc::{c_int, c_void, siginfo_t};
use safemap_testing::{
    signal::{exit, install, install_plain, raise, replace},
    succeeds_in_child,
};

use super::{
    CALLED, assert_fault, calls_the_handler, create_map, expect_sigbus, fault_outside_the_library,
    truncated_map,
};

std::arch::global_asm!(
    ".pushsection .note.safemap,\"a\",%note",
    ".balign 4",
    ".long 8, 4, 1",
    ".asciz \"safemap\"",
    ".long {known} - .",
    ".long 8, 4, 2",
    ".asciz \"safemap\"",
    ".long {unknown} - .",
    ".popsection",
    known = sym KNOWN,
    unknown = sym UNKNOWN,
);

/// The words of a record: state, size, `resolve`, `forward`, `owns`, `add`.
type Record = [AtomicUsize; 6];
const READY: usize = 0x5afe_0001;

/// A record with more words than the crate knows.
static KNOWN: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];
static UNKNOWN: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

/// The address of the crate's record, which `add` received.
static RECEIVED: AtomicUsize = AtomicUsize::new(0);

type Handle = extern "C" fn(c_int, *mut siginfo_t, *mut c_void) -> c_int;

extern "C" fn resolve(_: c_int, _: *mut siginfo_t, _: *mut c_void) -> c_int {
    exit(CALLED);
}

extern "C" fn resolve_nothing(_: c_int, _: *mut siginfo_t, _: *mut c_void) -> c_int {
    0
}

extern "C" fn owns(handler: usize) -> c_int {
    (handler == resolve_by_the_crate as *const () as usize).into()
}

extern "C" fn add(record: *const Record) -> c_int {
    RECEIVED.store(record.expose_provenance(), SeqCst);
    1
}

/// Publishes the record with these functions.
fn publish(resolve: Handle) {
    let functions = [
        resolve as *const () as usize,
        resolve_nothing as *const () as usize,
        owns as *const () as usize,
        add as *const () as usize,
    ];
    for (word, value) in KNOWN[2..].iter().zip(functions) {
        word.store(value, SeqCst);
    }
    KNOWN[1].store(size_of_val(&KNOWN), SeqCst);
    KNOWN[0].store(READY, SeqCst);
}

/// A handler of the other version.
extern "C" fn resolve_by_the_crate(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the crate passed its record, which is never freed.
    let record = unsafe { &*ptr::with_exposed_provenance::<Record>(RECEIVED.load(SeqCst)) };
    // SAFETY: the third word of a record is a function of this type.
    let resolve = unsafe { mem::transmute::<usize, Handle>(record[2].load(SeqCst)) };
    if resolve(signal, info, context) == 0 {
        exit(1);
    }
}

#[test]
fn the_handler_asks_a_later_version() {
    calls_the_handler(|| {
        publish(resolve);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        fault_outside_the_library();
    });
}

#[test]
fn the_handler_of_a_later_version_stays_first_and_asks_the_crate() {
    succeeds_in_child(|| {
        publish(resolve_nothing);
        let (map, _file) = truncated_map();
        install(libc::SIGBUS, resolve_by_the_crate, libc::SA_NODEFER);
        create_map();
        assert_fault(&map);
        let first = replace(libc::SIGBUS, None).sa_sigaction;
        assert_eq!(first, resolve_by_the_crate as *const () as usize);
        let record = ptr::with_exposed_provenance::<Record>(RECEIVED.load(SeqCst));
        // SAFETY: the crate passed its record, which is never freed.
        let record = unsafe { &*record };
        assert_eq!(record[0].load(SeqCst), READY);
        assert!(record[1].load(SeqCst) >= size_of::<Record>());
    });
}

#[test]
fn a_record_with_an_unknown_layout_is_ignored() {
    calls_the_handler(|| {
        // A function at address 1 would be called.
        UNKNOWN[1..].iter().for_each(|word| word.store(1, SeqCst));
        UNKNOWN[0].store(READY, SeqCst);
        install_plain(libc::SIGBUS, expect_sigbus, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        raise(libc::SIGBUS);
    });
}

#[test]
fn a_record_that_is_not_ready_is_ignored() {
    calls_the_handler(|| {
        publish(resolve);
        KNOWN[0].store(0, SeqCst);
        install_plain(libc::SIGBUS, expect_sigbus, 0);
        let (map, _file) = truncated_map();
        assert_fault(&map);
        assert_eq!(RECEIVED.load(SeqCst), 0);
        raise(libc::SIGBUS);
    });
}
