//! Files that vanish under their maps. Each test runs in a child process, which would die without the second promise.
#![forbid(unsafe_code)]

mod support;

use std::{
    io::{BufRead, Read},
    sync::Barrier,
    time::{Duration, Instant},
};

use safemap::{Access, Error, Map, Options, Result, page_size};
use support::{PAGE, cut, cuts, file_with, pattern, survives, writable};

const LEN: usize = 4 * PAGE;

/// A name and what it does to all of a map.
type Operation = (&'static str, fn(&Map) -> Result<()>);

/// Every operation that touches bytes, asked for all of the map.
const OPERATIONS: &[Operation] = &[
    ("get", |map| (0..LEN).step_by(512).try_for_each(|at| map.get(at).map(drop))),
    ("set", |map| (0..LEN).step_by(512).try_for_each(|at| map.set(at, 1))),
    ("load", |map| (0..LEN - 8).step_by(8).try_for_each(|at| map.load::<u64>(at).map(drop))),
    ("store", |map| (0..LEN - 8).step_by(8).try_for_each(|at| map.store(at, at as u64))),
    ("read_at", |map| map.read_at(&mut [0; LEN], 0).map(drop)),
    ("read_exact_at", |map| map.read_exact_at(&mut [0; LEN], 0)),
    ("write_at", |map| map.write_at(&[1; LEN], 0)),
    ("to_vec", |map| map.to_vec(..).map(drop)),
    ("fill", |map| map.fill(1, ..)),
    ("copy_within forwards", |map| map.copy_within(.., 0)),
    ("compare", |map| map.compare(&map_without_hole(), 0).map(drop)),
    ("find a byte", |map| map.find(b"\xff", ..).map(drop)),
    ("find bytes", |map| map.find(b"\xff\xfe", ..).map(drop)),
    ("find a long needle", |map| map.find(&[0xff; 300], ..).map(drop)),
    ("lines", |map| map.lines().try_for_each(|line| line.map(drop))),
    ("read_line", |map| map.cursor().read_line().map(drop)),
];

/// The same for those that begin at the end.
const BACKWARD_OPERATIONS: &[Operation] = &[
    ("copy_within backwards", |map| map.copy_within(..LEN - 1, 1)),
    ("rfind a byte", |map| map.rfind(b"\xff", ..).map(drop)),
    ("rfind bytes", |map| map.rfind(b"\xff\xfe", ..).map(drop)),
    ("rfind a long needle", |map| map.rfind(&[0xff; 300], ..).map(drop)),
];

/// Neither `\n` nor 0xff and 0xfe in a row stand in it, so that searches go on to the hole.
fn bytes() -> Vec<u8> {
    pattern(LEN).into_iter().map(|byte| byte.max(b'\n' + 1)).collect()
}

/// What the map holds before the hole: everything that `compare` meets is equal.
fn map_without_hole() -> Vec<u8> {
    bytes()
}

/// Runs `body` in a child process, where files can be cut under their maps.
fn survives_cuts(name: &str, body: impl FnOnce()) {
    if cuts() { survives(name, body) } else { println!("skipped: nobody can cut a mapped file here") }
}

#[test]
fn every_operation_reports_the_first_byte_that_is_gone() {
    survives_cuts("every_operation_reports_the_first_byte_that_is_gone", || {
        for first_gone in [0, PAGE, 3 * PAGE] {
            for (name, operation) in OPERATIONS {
                let file = file_with(&bytes());
                let map = writable(&file);
                cut(&file, first_gone as u64);
                match operation(&map) {
                    Err(Error::Fault { offset }) => assert_eq!(offset, first_gone, "{name}"),
                    other => panic!("{name}, file cut to {first_gone}: {other:?}"),
                }
            }
            for (name, operation) in BACKWARD_OPERATIONS {
                let file = file_with(&bytes());
                let map = writable(&file);
                cut(&file, first_gone as u64);
                match operation(&map) {
                    Err(Error::Fault { offset }) => assert!((first_gone..LEN).contains(&offset), "{name}"),
                    other => panic!("{name}, file cut to {first_gone}: {other:?}"),
                }
            }
        }
    });
}

#[test]
fn readers_and_writers_of_the_standard_library_get_an_error_too() {
    survives_cuts("readers_and_writers_of_the_standard_library_get_an_error_too", || {
        let file = file_with(&bytes());
        let map = writable(&file);
        cut(&file, PAGE as u64);
        let mut before = Vec::new();
        let error = map.cursor().read_to_end(&mut before).unwrap_err();
        assert_eq!(before, bytes()[..PAGE]);
        let fault = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        assert!(matches!(fault, Some(Error::Fault { offset: PAGE })));
        // What stands before the hole is given out first.
        let mut read = 0;
        let mut cursor = map.cursor();
        while let Ok(bytes) = cursor.fill_buf() {
            let count = bytes.len();
            read += count;
            cursor.consume(count);
        }
        assert_eq!(read, PAGE);
    });
}

#[test]
fn the_map_works_again_when_the_file_has_grown_back() {
    survives_cuts("the_map_works_again_when_the_file_has_grown_back", || {
        let file = file_with(&bytes());
        let map = writable(&file);
        for _ in 0..3 {
            cut(&file, PAGE as u64);
            assert!(matches!(map.set(PAGE, 1), Err(Error::Fault { offset: PAGE })));
            cut(&file, LEN as u64);
            assert_eq!(map.get(PAGE).unwrap(), 0);
            map.set(PAGE, 1).unwrap();
            assert_eq!(map.get(PAGE).unwrap(), 1);
        }
    });
}

#[test]
fn bytes_before_the_hole_are_transferred_exactly() {
    survives_cuts("bytes_before_the_hole_are_transferred_exactly", || {
        for start in (PAGE - 70..PAGE).chain([0, 1, 63]) {
            let file = file_with(&bytes());
            let map = writable(&file);
            cut(&file, PAGE as u64);
            let mut buffer = [0xee; 2 * PAGE];
            assert!(matches!(map.read_exact_at(&mut buffer, start), Err(Error::Fault { offset: PAGE })));
            assert_eq!(buffer[..PAGE - start], bytes()[start..PAGE], "read from {start}");
            assert!(matches!(map.write_at(&[1; 2 * PAGE], start), Err(Error::Fault { offset: PAGE })));
            assert_eq!(map.to_vec(start..PAGE).unwrap(), vec![1; PAGE - start], "written from {start}");
            assert!(matches!(map.fill(2, start..), Err(Error::Fault { offset: PAGE })));
            assert_eq!(map.to_vec(start..PAGE).unwrap(), vec![2; PAGE - start], "filled from {start}");
        }
    });
}

#[test]
fn a_match_before_the_hole_is_found() {
    survives_cuts("a_match_before_the_hole_is_found", || {
        for needle in [&b"\xff"[..], b"\xff\xfe", b"\xff-needle-of-some-length-\xfe"] {
            for at in [0, 1, 100, PAGE - 129, PAGE - 33, PAGE - needle.len()] {
                let file = file_with(&bytes());
                let map = writable(&file);
                map.write_at(needle, at).unwrap();
                cut(&file, PAGE as u64);
                assert_eq!(map.find(needle, ..).unwrap(), Some(at), "{} bytes at {at}", needle.len());
                assert_eq!(map.rfind(needle, ..PAGE).unwrap(), Some(at));
                assert!(matches!(map.find(needle, at + 1..), Err(Error::Fault { .. })));
            }
        }
    });
}

#[test]
fn a_word_across_the_hole_is_a_fault() {
    survives_cuts("a_word_across_the_hole_is_a_fault", || {
        let file = file_with(&bytes());
        let map = writable(&file);
        cut(&file, PAGE as u64);
        for at in PAGE - 7..PAGE {
            assert!(matches!(map.load::<u64>(at), Err(Error::Fault { offset: PAGE })), "at {at}");
            assert!(matches!(map.store(at, 0_u64), Err(Error::Fault { offset: PAGE })), "at {at}");
        }
        assert!(map.load::<u64>(PAGE - 8).is_ok());
        cut(&file, 0);
        for at in 2 * PAGE - 7..2 * PAGE {
            assert!(
                matches!(map.load::<u64>(at), Err(Error::Fault { offset }) if offset == at),
                "at {at}, nothing there"
            );
            assert!(
                matches!(map.store(at, 0_u64), Err(Error::Fault { offset }) if offset == at),
                "at {at}, nothing there"
            );
        }
    });
}

#[test]
fn a_part_of_a_file_reports_offsets_of_the_map() {
    survives_cuts("a_part_of_a_file_reports_offsets_of_the_map", || {
        let file = file_with(&bytes());
        let map = Options::new().access(Access::Copy).offset(PAGE as u64 + 904).open(file.path()).unwrap();
        cut(&file, PAGE as u64 + 1904);
        match map.to_vec(..) {
            Err(Error::Fault { offset }) => {
                assert_eq!(offset, (PAGE + 1904).next_multiple_of(page_size()) - PAGE - 904)
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn many_threads_fault_at_once() {
    survives_cuts("many_threads_fault_at_once", || {
        let file = file_with(&bytes());
        let map = writable(&file);
        cut(&file, 0);
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for round in 0..500 {
                        let at = round * 31 % LEN;
                        assert!(matches!(map.get(at), Err(Error::Fault { offset }) if offset == at));
                        assert!(map.write_at(&[1; 100], at.min(LEN - 100)).is_err());
                    }
                });
            }
        });
    });
}

/// Operations and cuts as they come: every answer is a success or a fault, and nobody dies.
#[test]
fn a_file_is_cut_and_grown_while_threads_work_on_its_map() {
    survives_cuts("a_file_is_cut_and_grown_while_threads_work_on_its_map", || {
        let file = file_with(&bytes());
        let map = writable(&file);
        let end = Instant::now() + Duration::from_millis(500);
        std::thread::scope(|scope| {
            for &(name, operation) in [OPERATIONS, BACKWARD_OPERATIONS].into_iter().flatten() {
                let map = &map;
                scope.spawn(move || {
                    while Instant::now() < end {
                        let answer = operation(map);
                        assert!(matches!(answer, Ok(()) | Err(Error::Fault { .. })), "{name}: {answer:?}");
                    }
                });
            }
            for round in 0_u64.. {
                if Instant::now() >= end {
                    break;
                }
                cut(&file, round * 4096 % (LEN as u64 + 1));
            }
        });
    });
}
