//! Files that are truncated while they are mapped. Without the fault handler the child processes in
//! which these tests run would be terminated by SIGBUS.
#![forbid(unsafe_code)]

use std::{
    io::{BufRead, Read},
    sync::Barrier,
    time::{Duration, Instant},
};

use safemap::{Access, Error, Map, Options, Result, page_size};
use safemap_testing::{PAGE, SWEEPS, TempFile, noise, pattern, succeeds_while_truncated};

const LEN: usize = 4 * PAGE;

type Operation = (&'static str, fn(&Map) -> Result<()>);

/// Operations that touch the whole map and are not in `SWEEPS`, because they take no range.
const MORE_OPERATIONS: &[Operation] = &[
    ("compare with equal bytes", |map| map.compare(&content(), 0).map(drop)),
    ("lines", |map| map.lines().try_for_each(|line| line.map(drop))),
    ("next_line", |map| map.cursor().next_line().map(drop)),
];

/// Bytes without a newline, and without 0xff and 0xfe, so that searches reach the missing pages.
fn content() -> Vec<u8> {
    pattern(LEN).into_iter().map(|byte| byte.max(b'\n' + 1)).collect()
}

fn file_and_map() -> (TempFile, Map) {
    let file = TempFile::new(&content());
    let map = file.map();
    (file, map)
}

/// Returns the map of a file that now has `len` bytes.
fn truncated_map(len: usize) -> (Map, TempFile) {
    let (file, map) = file_and_map();
    file.set_len(len as u64);
    (map, file)
}

#[test]
fn every_operation_reports_the_first_missing_byte() {
    succeeds_while_truncated(|| {
        for first_missing in [0, PAGE, 3 * PAGE] {
            for sweep in SWEEPS {
                let (map, _file) = truncated_map(first_missing);
                let offsets = if sweep.ascending {
                    first_missing..first_missing + 1
                } else {
                    first_missing..LEN
                };
                match sweep.run(&map, 0..LEN) {
                    Err(Error::Fault { offset }) => {
                        assert!(offsets.contains(&offset), "{}: {offset}", sweep.name)
                    }
                    other => panic!("{}, file truncated to {first_missing}: {other:?}", sweep.name),
                }
            }
            for (name, operation) in MORE_OPERATIONS {
                let (map, _file) = truncated_map(first_missing);
                match operation(&map) {
                    Err(Error::Fault { offset }) => assert_eq!(offset, first_missing, "{name}"),
                    other => panic!("{name}, file truncated to {first_missing}: {other:?}"),
                }
            }
        }
    });
}

#[test]
fn readers_and_writers_of_the_standard_library_return_an_error() {
    succeeds_while_truncated(|| {
        let (map, _file) = truncated_map(PAGE);
        let mut before = Vec::new();
        let error = map.cursor().read_to_end(&mut before).unwrap_err();
        assert_eq!(before, content()[..PAGE]);
        let fault = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
        assert!(matches!(fault, Some(Error::Fault { offset: PAGE })));
        // A buffered reader yields the bytes before the missing page first.
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
    succeeds_while_truncated(|| {
        let (file, map) = file_and_map();
        for _ in 0..3 {
            file.set_len(PAGE as u64);
            assert!(matches!(map.set(1, PAGE), Err(Error::Fault { offset: PAGE })));
            file.set_len(LEN as u64);
            assert_eq!(map.get(PAGE).unwrap(), 0);
            map.set(1, PAGE).unwrap();
            assert_eq!(map.get(PAGE).unwrap(), 1);
        }
    });
}

#[test]
fn bytes_before_the_missing_page_are_transferred_exactly() {
    succeeds_while_truncated(|| {
        for start in (PAGE - 70..PAGE).chain([0, 1, 63]) {
            let (map, _file) = truncated_map(PAGE);
            let mut buffer = [0xee; 2 * PAGE];
            assert!(matches!(
                map.read_exact_at(&mut buffer, start),
                Err(Error::Fault { offset: PAGE })
            ));
            assert_eq!(buffer[..PAGE - start], content()[start..PAGE], "read from {start}");
            assert!(matches!(
                map.write_at(&[1; 2 * PAGE], start),
                Err(Error::Fault { offset: PAGE })
            ));
            assert_eq!(
                map.to_vec(start..PAGE).unwrap(),
                vec![1; PAGE - start],
                "written from {start}"
            );
            assert!(matches!(map.fill(2, start..), Err(Error::Fault { offset: PAGE })));
            assert_eq!(
                map.to_vec(start..PAGE).unwrap(),
                vec![2; PAGE - start],
                "filled from {start}"
            );
        }
    });
}

#[test]
fn a_match_before_the_missing_page_is_found() {
    succeeds_while_truncated(|| {
        for needle in [&b"\xff"[..], b"\xff\xfe", b"\xff-needle-of-some-length-\xfe"] {
            for at in [0, 1, 100, PAGE - 129, PAGE - 33, PAGE - needle.len()] {
                let (file, map) = file_and_map();
                map.write_at(needle, at).unwrap();
                file.set_len(PAGE as u64);
                assert_eq!(
                    map.find(needle, ..).unwrap(),
                    Some(at),
                    "{} bytes at {at}",
                    needle.len()
                );
                assert_eq!(map.rfind(needle, ..PAGE).unwrap(), Some(at));
                assert!(matches!(map.find(needle, at + 1..), Err(Error::Fault { .. })));
            }
        }
    });
}

#[track_caller]
fn assert_word_faults(map: &Map, at: usize, expected: usize) {
    let loaded = map.load::<u64>(at);
    assert!(
        matches!(loaded, Err(Error::Fault { offset }) if offset == expected),
        "load at {at}: {loaded:?}"
    );
    let stored = map.store(0_u64, at);
    assert!(
        matches!(stored, Err(Error::Fault { offset }) if offset == expected),
        "store at {at}: {stored:?}"
    );
}

#[test]
fn a_word_across_the_edge_of_a_missing_page_is_a_fault() {
    succeeds_while_truncated(|| {
        let (map, file) = truncated_map(PAGE);
        (PAGE - 7..PAGE).for_each(|at| assert_word_faults(&map, at, PAGE));
        assert!(map.load::<u64>(PAGE - 8).is_ok());
        file.set_len(0);
        (2 * PAGE - 7..2 * PAGE).for_each(|at| assert_word_faults(&map, at, at));
    });
}

#[test]
fn a_map_of_a_part_of_a_file_reports_offsets_in_the_map() {
    succeeds_while_truncated(|| {
        let file = TempFile::new(&content());
        let map = Options::new()
            .access(Access::Copy)
            .offset(PAGE as u64 + 904)
            .open(file.path())
            .unwrap();
        file.set_len(PAGE as u64 + 1904);
        let expected = (PAGE + 1904).next_multiple_of(page_size()) - PAGE - 904;
        let answer = map.to_vec(..);
        assert!(matches!(answer, Err(Error::Fault { offset }) if offset == expected), "{answer:?}");
    });
}

#[test]
fn many_threads_fault_at_once() {
    succeeds_while_truncated(|| {
        let (map, _file) = truncated_map(0);
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for round in 0..500 {
                        let at = round * 31 % LEN;
                        assert!(
                            matches!(map.get(at), Err(Error::Fault { offset }) if offset == at)
                        );
                        assert!(map.write_at(&[1; 100], at.min(LEN - 100)).is_err());
                    }
                });
            }
        });
    });
}

/// Operations run concurrently with truncations. Each returns success or a fault.
#[test]
fn a_file_is_truncated_and_extended_while_threads_work_on_its_map() {
    succeeds_while_truncated(|| {
        let (file, map) = file_and_map();
        let end = Instant::now() + Duration::from_millis(500);
        let work = |name, operation: &dyn Fn() -> Result<()>| {
            while Instant::now() < end {
                let answer = operation();
                assert!(matches!(answer, Ok(()) | Err(Error::Fault { .. })), "{name}: {answer:?}");
            }
        };
        std::thread::scope(|scope| {
            let map = &map;
            for sweep in SWEEPS {
                scope.spawn(move || work(sweep.name, &|| sweep.run(map, 0..LEN)));
            }
            for &(name, operation) in MORE_OPERATIONS {
                scope.spawn(move || work(name, &|| operation(map)));
            }
            let rounds = (0_u64..).take_while(|_| Instant::now() < end);
            rounds.for_each(|round| file.set_len(round * 4096 % (LEN as u64 + 1)));
        });
    });
}

#[test]
fn verify_reports_the_end_of_a_file_that_is_shorter_than_its_map() {
    succeeds_while_truncated(|| {
        let file = TempFile::new(&[7; 3 * PAGE]);
        let map = Options::new().open(file.path()).unwrap();
        let tail = Options::new().offset(PAGE as u64).len(PAGE + 9).open(file.path()).unwrap();
        map.verify().unwrap();
        for (file_len, expected, in_tail) in [
            (3 * PAGE - 1, Some(3 * PAGE - 1), None),
            (2 * PAGE + 8, Some(2 * PAGE + 8), Some(PAGE + 8)),
            (PAGE, Some(PAGE), Some(0)),
            (5, Some(5), Some(0)),
            (0, Some(0), Some(0)),
            (3 * PAGE, None, None),
        ] {
            file.set_len(file_len as u64);
            for (map, expected) in [(&map, expected), (&tail, in_tail)] {
                match (map.verify(), expected) {
                    (Ok(()), None) => {}
                    (Err(Error::Fault { offset }), Some(expected)) if offset == expected => {}
                    other => panic!("a file of {file_len} bytes: {other:?}"),
                }
            }
        }
    });
}

#[test]
fn verify_needs_a_file_with_a_length() {
    let file = TempFile::new(b"abc");
    let untracked = Options::new().untracked(true).open(file.path()).unwrap();
    assert!(matches!(untracked.verify(), Err(Error::Unsupported(_))));
    Options::new().len(PAGE).anonymous().unwrap().verify().unwrap();
}

/// A needle is looked for by bytes at distances, so that the search meets a hole behind its start.
#[test]
fn searches_report_the_first_byte_that_cannot_be_read() {
    succeeds_while_truncated(|| {
        let file = TempFile::new(&letters(4 * PAGE));
        let map = file.map();
        file.set_len(2 * PAGE as u64);
        for len in [2, 3, 16, 17, 64, 300, PAGE + 9] {
            for seed in 0..20 {
                let needle = needle(seed, len);
                for start in [0, 2 * PAGE - 300, 2 * PAGE - 3] {
                    match map.find(&needle, start..) {
                        Ok(at) => assert!(at.is_some(), "{len} {seed} {start}"),
                        Err(Error::Fault { offset }) => {
                            assert_eq!(offset, 2 * PAGE, "{len} {seed} {start}");
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    });
}

/// Random letters of a small alphabet, so that searches find many false candidates.
fn letters(len: usize) -> Vec<u8> {
    noise(1, len).into_iter().map(|byte| b'a' + byte % 4).collect()
}

fn needle(seed: u64, len: usize) -> Vec<u8> {
    let letters = noise(seed, len).into_iter().map(|byte| b'a' + byte % 5);
    if seed % 2 == 0 { letters.collect() } else { letters.map(|letter| letter ^ 64).collect() }
}
