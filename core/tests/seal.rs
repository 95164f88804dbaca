//! Memory files, and slices of files that are sealed. Tests that start a process are in `fork.rs`:
//! for a moment it has copies of the maps of other tests, and their files cannot be sealed.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

use std::{
    fs::File,
    os::{fd::AsFd, unix::fs::FileExt},
};

use safemap::{Access, Backing, Error, FileBytes, Map, Options, Sharing};
use safemap_testing::{
    PAGE,
    memfd::{add_seals, memory_file, splice_to_pipe},
    pattern,
};

/// A map of a memory file, and another descriptor of the file.
fn memory(bytes: &[u8]) -> (Map, File) {
    let file = memory_file(false).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    let map = Options::new().access(Access::Write).map(&file).unwrap();
    map.write_at(bytes, 0).unwrap();
    (map, file)
}

/// Seals a map, which fails; returns the error and the map.
fn refused(map: Map) -> (Error, Map) {
    map.seal().expect_err("the file cannot be sealed")
}

/// Checks that a map works, and that its file is not sealed.
fn assert_works(map: &Map, expected: &[u8]) {
    assert_eq!(map.to_vec(..).unwrap(), expected);
    map.set(200, 0).unwrap();
    assert_eq!(map.get(0).unwrap(), 200);
    map.set(expected[0], 0).unwrap();
    map.resize(expected.len() + 1).unwrap();
    map.resize(expected.len()).unwrap();
}

fn is_busy(error: &Error) -> bool {
    matches!(error, Error::Os { call: "seal", source }
        if source.kind() == std::io::ErrorKind::ResourceBusy)
}

#[test]
fn a_memory_file_grows_and_becomes_a_slice_without_a_copy() {
    let map = Options::new().memfd("test").unwrap();
    assert_eq!((map.len(), map.access(), map.sharing()), (0, Access::Write, Sharing::Shared));
    let expected = pattern(40 * PAGE + 3);
    map.resize(PAGE).unwrap();
    map.resize(expected.len()).unwrap();
    map.write_at(&expected, 0).unwrap();
    let address = map.as_ptr();
    let bytes = map.seal().unwrap();
    assert_eq!((bytes.as_ptr(), bytes.backing()), (address, Backing::Sealed));
    assert!(*bytes == *expected);
}

#[test]
fn a_sealed_file_does_not_change() {
    let expected = pattern(3 * PAGE + 1);
    let (map, file) = memory(&expected);
    let bytes = map.seal().unwrap();
    assert!(file.write_at(b"x", 0).is_err());
    assert!(file.set_len(1).is_err());
    assert!(file.set_len(1 << 20).is_err());
    assert!(Options::new().access(Access::Write).map(&file).is_err());
    assert!(*bytes == *expected);
}

#[test]
fn a_sealed_file_is_opened_without_a_copy() {
    let expected = pattern(3 * PAGE + 1);
    let (map, file) = memory(&expected);
    let refused = Options::new().copy_limit(0).bytes_of(&file).unwrap_err();
    let text = "the file may change, because it is not sealed against writing and shrinking";
    assert!(matches!(refused, Error::CopyLimit { reason, .. } if reason == text), "{refused}");
    assert_eq!(FileBytes::from_file(&file).unwrap().backing(), Backing::Heap);
    map.seal().unwrap();
    let bytes = Options::new().copy_limit(0).bytes_of(&file).unwrap();
    assert_eq!(bytes.backing(), Backing::Sealed);
    assert!(*bytes == *expected);
    let part = Options::new().offset(PAGE as u64 + 5).len(7).bytes_of(&file).unwrap();
    assert_eq!((&part[..], part.backing()), (&expected[PAGE + 5..PAGE + 12], Backing::Sealed));
}

/// With this seal alone, mappings that exist continue to write.
#[test]
fn a_file_that_is_sealed_against_future_writes_only_is_copied() {
    const SHRINK: i32 = 2;
    const FUTURE_WRITE: i32 = 16;
    let (map, file) = memory(b"abc");
    add_seals(&file, SHRINK | FUTURE_WRITE).unwrap();
    let bytes = FileBytes::from_file(&file).unwrap();
    map.set(b'x', 0).unwrap();
    assert_eq!((&bytes[..], bytes.backing()), (&b"abc"[..], Backing::Heap));
}

#[test]
fn another_shared_map_refuses_the_seal() {
    let expected = pattern(3 * PAGE);
    let (map, file) = memory(&expected);
    for access in [Access::Write, Access::Read] {
        let other = Options::new().access(access).map(&file).unwrap();
        let (error, map) = refused(memory_map(&file));
        assert!(is_busy(&error), "{error}");
        assert!(error.to_string().contains("another map"), "{error}");
        assert_works(&map, &expected);
        drop(other);
    }
    drop(memory_map(&file));
    let private = Options::new().access(Access::Copy).map(&file).unwrap();
    assert!(*map.seal().unwrap() == *expected);
    private.set(1, 0).unwrap();
}

fn memory_map(file: &File) -> Map {
    Options::new().access(Access::Write).map(file).unwrap()
}

#[test]
fn pages_in_a_pipe_refuse_the_seal() {
    let expected = pattern(3 * PAGE);
    let (map, file) = memory(&expected);
    let (reader, writer) = safemap_testing::pipe().unwrap();
    splice_to_pipe(&file, writer.as_fd(), PAGE).unwrap();
    let (error, map) = refused(map);
    assert!(is_busy(&error), "{error}");
    assert_works(&map, &expected);
    std::io::Read::read_exact(&mut &reader, &mut vec![0; PAGE]).unwrap();
    assert!(*map.seal().unwrap() == *expected);
}

#[test]
fn a_map_that_was_moved_can_be_sealed_and_a_refusal_keeps_it() {
    let (map, file) = memory(&pattern(PAGE));
    for len in [2 * PAGE, 300 * PAGE, 5000 * PAGE] {
        map.resize(len).unwrap();
    }
    let other = memory_map(&file);
    let (error, map) = refused(map);
    assert!(is_busy(&error), "{error}");
    assert_eq!(map.len(), 5000 * PAGE);
    map.set(7, 5000 * PAGE - 1).unwrap();
    drop(other);
    let bytes = map.seal().unwrap();
    assert_eq!((bytes.len(), bytes[5000 * PAGE - 1]), (5000 * PAGE, 7));
}

#[test]
fn a_map_of_a_part_becomes_a_slice_of_it() {
    let expected = pattern(4 * PAGE);
    let (map, file) = memory(&expected);
    drop(map);
    let mut options = Options::new();
    let options = options.access(Access::Write).offset(PAGE as u64 + 9).len(PAGE);
    let bytes = options.map(&file).unwrap().seal().unwrap();
    assert_eq!(bytes[..], expected[PAGE + 9..2 * PAGE + 9]);
}

#[test]
fn a_file_that_another_process_has_cut_gives_a_shorter_slice() {
    let expected = pattern(4 * PAGE);
    let (map, file) = memory(&expected);
    file.set_len(PAGE as u64 + 9).unwrap();
    assert_eq!(map.seal().unwrap()[..], expected[..PAGE + 9]);
}

#[test]
fn an_empty_memory_file_becomes_an_empty_slice() {
    let bytes = Options::new().memfd("empty").unwrap().seal().unwrap();
    assert!(bytes.is_empty());
}

#[test]
fn maps_of_other_files_cannot_be_sealed() {
    let file = safemap_testing::TempFile::new(b"abc");
    let map = Options::new().access(Access::Write).open(file.path()).unwrap();
    let (error, map) = refused(map);
    assert!(matches!(error, Error::Unsupported(_) | Error::Os { .. }), "{error}");
    assert_eq!(map.to_vec(..).unwrap(), b"abc");
    let (error, map) = refused(Options::new().len(3).anonymous().unwrap());
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    map.set(1, 2).unwrap();
    let (memory, file) = memory(b"abc");
    drop(memory);
    let private = Options::new().access(Access::Copy).map(&file).unwrap();
    assert!(matches!(refused(private).0, Error::Unsupported(_)));
    let untracked = Options::new().access(Access::Write).untracked(true).map(&file).unwrap();
    assert!(matches!(refused(untracked).0, Error::NoFile { call: "seal" }));
}

#[test]
fn a_name_with_a_zero_byte_is_an_error() {
    assert!(matches!(Options::new().memfd("a\0b"), Err(Error::Os { call: "memfd", .. })));
}
