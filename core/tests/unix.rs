//! What Unix does alone, or otherwise than Windows.
#![cfg(unix)]
#![forbid(unsafe_code)]

mod support;

use std::{fs::File, os::fd::AsFd};

use safemap::{Access, Advice, Error, Map, Options};
use support::{PAGE, file_with, grow_by_pages, in_child, pattern, this_program, writable};

#[test]
fn a_descriptor_that_is_lent_is_a_file() {
    let file = file_with(b"twelve bytes");
    let open = File::open(file.path()).unwrap();
    assert_eq!(Options::new().map(open.as_fd()).unwrap().len(), 12);
}

#[test]
fn names_for_shared_memory_are_not_here() {
    let named = Options::new().len(PAGE).name("safemap").anonymous();
    assert!(matches!(named, Err(Error::Unsupported(_))));
}

#[test]
fn what_has_no_length_needs_one_from_the_caller() {
    assert!(matches!(Map::open("/dev/zero"), Err(Error::Unsupported(_))));
    assert!(matches!(Map::open("/"), Err(Error::Unsupported(_))));
    let null = File::open("/dev/null").unwrap();
    assert!(matches!(Options::new().len(PAGE).map(&null), Err(Error::Os { call: "map", .. })));
    assert!(Map::open("/no/such/file").is_err());
}

#[test]
fn within_the_reserve_the_address_stays() {
    let file = file_with(&[1; 10]);
    let map = Options::new().access(Access::Write).reserve(1 << 24).open(file.path()).unwrap();
    let address = map.as_ptr();
    for len in [5000, 1 << 20, 3, 1 << 24] {
        map.resize(len).unwrap();
        map.set(len - 1, 2).unwrap();
        assert_eq!(map.as_ptr(), address);
    }
    assert_eq!(map.to_vec(..2).unwrap(), [1, 1]);
}

#[test]
fn a_file_that_grows_by_small_steps_moves_seldom() {
    grow_by_pages(&writable(&file_with(&[1; 10])));
}

/// `ulimit -f` makes `ftruncate` fail after the address space was found.
#[test]
fn a_file_that_may_not_grow_keeps_its_length() {
    let Some(child) = in_child("a_file_that_may_not_grow_keeps_its_length") else {
        if std::env::var_os("SAFEMAP_LIMITED").is_none() {
            // Again, below a limit of 1 MiB; `trap` because growing beyond it sends SIGXFSZ.
            let script = "trap '' XFSZ; ulimit -f 2048; exec \"$@\" --exact a_file_that_may_not_grow_keeps_its_length --nocapture";
            let mut shell = std::process::Command::new("sh");
            let status = shell.args(["-c", script, "sh"]).args(this_program()).env("SAFEMAP_LIMITED", "1").status();
            std::process::exit(status.unwrap().code().unwrap_or(1));
        }
        let file = file_with(b"0123456789");
        let allocating = Options::new().access(Access::Write).allocate().open(file.path()).unwrap();
        for map in [writable(&file), allocating] {
            let refused = map.resize(1 << 30).unwrap_err();
            assert!(matches!(refused, Error::Os { call: "resize", .. }), "{refused}");
            assert_eq!((map.len(), map.to_vec(..).unwrap()), (10, b"0123456789".to_vec()));
            assert_eq!(file.path().metadata().unwrap().len(), 10);
        }
        writable(&file).resize(1000).unwrap();
        return;
    };
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

#[test]
fn growing_sets_space_on_the_disk_aside_when_asked() {
    use std::os::unix::fs::MetadataExt;

    let file = file_with(&pattern(10));
    let map = Options::new().access(Access::Write).allocate().open(file.path()).unwrap();
    match map.resize(1 << 20) {
        Ok(()) => assert!(file.path().metadata().unwrap().blocks() * 512 >= 1 << 20),
        // Not every file system can.
        Err(error) => return assert!(matches!(error, Error::Os { call: "resize", .. }), "{error}"),
    }
    map.resize(5).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), pattern(5));
}

#[test]
fn private_memory_with_many_kinds_of_pages_moves() {
    let map = Options::new().len(16 * PAGE).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    map.advise(Advice::Random, 2 * PAGE..4 * PAGE).unwrap();
    map.protect(6 * PAGE..7 * PAGE, safemap::Protection::READ).unwrap();
    for len in [32 * PAGE, 128 * PAGE, 512 * PAGE] {
        map.resize(len).unwrap();
        assert_eq!(map.to_vec(..16 * PAGE).unwrap(), [7; 16 * PAGE]);
        map.set(6 * PAGE, 7).unwrap();
    }
}

#[test]
fn hints_are_taken_for_any_range_and_change_no_bytes() {
    let bytes = pattern(3 * PAGE + 5);
    let file = file_with(&bytes);
    let map = writable(&file);
    let hints = [Advice::Normal, Advice::Random, Advice::Sequential, Advice::WillNeed];
    for advice in hints {
        map.advise(advice, ..).unwrap();
        map.advise(advice, 17..5000).unwrap();
        map.advise(advice, 17..17).unwrap();
    }
    assert_eq!(map.to_vec(..).unwrap(), bytes);
}

#[test]
fn advice_by_its_number_is_the_same_advice() {
    let map = Options::new().len(4 * PAGE).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    let number = Advice::DontNeed.to_raw().unwrap();
    map.advise(Advice::Other(number), 100..200).unwrap();
    assert_eq!(map.to_vec(..300).unwrap(), [7; 300]);
}
