//! Reading and writing maps after the program has closed all descriptors, as daemons do. The
//! portable accessors may use descriptors.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

use std::io::{Seek, Write};

use safemap::{Access, Error, Options};
use safemap_testing::{
    PAGE, TempFile, memory_with, pattern,
    process::close_descriptors,
    seccomp::{Forbidden, forbid},
    succeeds_in_child,
};

/// As a sandbox may.
fn forbid_own_memory_calls() {
    let calls = [libc::SYS_process_vm_readv, libc::SYS_process_vm_writev];
    forbid(&calls, Forbidden::Fails(libc::EPERM)).unwrap();
}

fn files_of_the_program_are_untouched() {
    let map = memory_with(&pattern(3 * PAGE));
    assert_eq!(map.get(7).unwrap(), 7);
    // SAFETY: this child of the test harness has opened no descriptors that it uses.
    unsafe { close_descriptors() };
    let mut files: Vec<_> = (0..16).map(|_| tempfile::tempfile().unwrap()).collect();
    for file in &mut files {
        file.write_all(b"content").unwrap();
    }
    map.write_at(b"xyz", 5).unwrap();
    assert_eq!(map.to_vec(3..10).unwrap(), [3, 4, b'x', b'y', b'z', 8, 9]);
    assert_eq!(map.find(b"xyz", ..).unwrap(), Some(5));
    for file in &mut files {
        assert_eq!(file.stream_position().unwrap(), 7);
        assert_eq!(file.metadata().unwrap().len(), 7);
    }
}

fn faults_are_reported() {
    let file = TempFile::new(&pattern(3 * PAGE));
    let map = Options::new().access(Access::Write).open(file.path()).unwrap();
    file.set_len(PAGE as u64);
    for at in [PAGE, PAGE + 100] {
        assert!(matches!(map.get(at), Err(Error::Fault { .. })));
        assert!(matches!(map.set(1, at), Err(Error::Fault { .. })));
    }
    let short = map.to_vec(..2 * PAGE);
    assert!(matches!(short, Err(Error::Fault { offset: PAGE })), "{short:?}");
    let write = map.write_at(&[1; PAGE], PAGE / 2);
    assert!(matches!(write, Err(Error::Fault { offset: PAGE })), "{write:?}");
    assert_eq!(map.get(PAGE - 1).unwrap(), 1);
}

#[test]
fn accesses_use_no_descriptors_of_the_program() {
    succeeds_in_child(files_of_the_program_are_untouched);
}

#[test]
fn accesses_use_no_descriptors_of_the_program_without_access_to_own_memory() {
    succeeds_in_child(|| {
        forbid_own_memory_calls();
        files_of_the_program_are_untouched();
    });
}

#[test]
fn faults_are_reported_with_and_without_access_to_own_memory() {
    succeeds_in_child(|| {
        faults_are_reported();
        forbid_own_memory_calls();
        faults_are_reported();
    });
}
