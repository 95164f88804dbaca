//! Features that only Unix has, or that differ from Windows.
#![cfg(unix)]
#![forbid(unsafe_code)]

use std::{fs::File, os::fd::AsFd};

use safemap::{Access, Advice, Error, Map, Options};
use safemap_testing::{PAGE, TempFile, pattern, process::limit_file_size, succeeds_in_child};

#[test]
fn a_borrowed_descriptor_can_be_mapped() {
    let file = TempFile::new(b"twelve bytes");
    let open = File::open(file.path()).unwrap();
    assert_eq!(Options::new().map(open.as_fd()).unwrap().len(), 12);
}

#[test]
fn names_for_shared_memory_are_unsupported() {
    let named = Options::new().len(PAGE).name("safemap").anonymous();
    assert!(matches!(named, Err(Error::Unsupported(_))));
}

#[test]
fn a_file_without_a_size_needs_a_length() {
    assert!(matches!(Map::open("/dev/zero"), Err(Error::Unsupported(_))));
    assert!(matches!(Map::open("/"), Err(Error::Os { call: "map", .. })));
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(Options::new().len(PAGE).map(&null), Err(Error::Os { call: "map", .. })));
    assert!(Map::open("/no/such/file").is_err());
}

#[test]
fn within_the_reserve_the_address_stays() {
    let file = TempFile::new(&[1; 10]);
    let map = Options::new().access(Access::Write).reserve(1 << 24).open(file.path()).unwrap();
    let address = map.as_ptr();
    for len in [5000, 1 << 20, 3, 1 << 24] {
        map.resize(len).unwrap();
        map.set(2, len - 1).unwrap();
        assert_eq!(map.as_ptr(), address);
    }
    assert_eq!(map.to_vec(..2).unwrap(), [1, 1]);
}

/// A file size limit makes `ftruncate` fail after the address space was found.
#[test]
fn a_file_that_may_not_grow_keeps_its_length() {
    succeeds_in_child(|| {
        limit_file_size(1 << 20);
        let file = TempFile::new(b"0123456789");
        let allocating =
            Options::new().access(Access::Write).allocate(true).open(file.path()).unwrap();
        for map in [file.map(), allocating] {
            let refused = map.resize(1 << 30).unwrap_err();
            assert!(matches!(refused, Error::Os { call: "resize", .. }), "{refused}");
            assert_eq!((map.len(), map.to_vec(..).unwrap()), (10, b"0123456789".to_vec()));
            assert_eq!(file.file_len(), 10);
        }
        file.map().resize(1000).unwrap();
    });
}

#[test]
fn growing_allocates_disk_space_if_requested() {
    use std::os::unix::fs::MetadataExt;

    let file = TempFile::new(&pattern(10));
    let map = Options::new().access(Access::Write).allocate(true).open(file.path()).unwrap();
    match map.resize(1 << 20) {
        Ok(()) => assert!(file.path().metadata().unwrap().blocks() * 512 >= 1 << 20),
        // Some file systems cannot allocate.
        Err(error) => return assert!(matches!(error, Error::Os { call: "resize", .. }), "{error}"),
    }
    map.resize(5).unwrap();
    assert_eq!(file.read(), pattern(5));
}

#[test]
fn private_memory_with_different_kinds_of_pages_is_moved() {
    let map = Options::new().len(16 * PAGE).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    map.advise(Advice::Random, 2 * PAGE..4 * PAGE).unwrap();
    map.protect(safemap::Protection::READ, 6 * PAGE..7 * PAGE).unwrap();
    for len in [32 * PAGE, 128 * PAGE, 512 * PAGE] {
        map.resize(len).unwrap();
        assert_eq!(map.to_vec(..16 * PAGE).unwrap(), [7; 16 * PAGE]);
        map.set(7, 6 * PAGE).unwrap();
    }
}

#[test]
fn advice_is_accepted_for_any_range_and_changes_no_bytes() {
    let bytes = pattern(3 * PAGE + 5);
    let file = TempFile::new(&bytes);
    let map = file.map();
    let hints = [Advice::Normal, Advice::Random, Advice::Sequential, Advice::WillNeed];
    for advice in hints {
        map.advise(advice, ..).unwrap();
        map.advise(advice, 17..5000).unwrap();
        map.advise(advice, 17..17).unwrap();
    }
    assert_eq!(map.to_vec(..).unwrap(), bytes);
}

#[test]
fn advice_by_its_number_acts_alike() {
    let map = Options::new().len(4 * PAGE).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    let number = Advice::DontNeed.to_raw().unwrap();
    map.advise(Advice::Other(number), 100..200).unwrap();
    assert_eq!(map.to_vec(..300).unwrap(), [7; 300]);
}
