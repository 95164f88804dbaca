//! One process appends records, and others follow the file.
//!
//! `SAFEMAP_RECORDS` sets the number of records.
#![cfg(unix)]
#![forbid(unsafe_code)]

use std::{
    env,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use safemap::{Access, Map, Options};
use safemap_testing::{TempFile, noise, process::Fork};

/// The length of a record, and its number.
const HEADER: usize = 12;
const RESERVE: usize = 1 << 30;
const READERS: usize = 4;

fn record_count() -> u64 {
    env::var("SAFEMAP_RECORDS").map_or(20_000, |count| count.parse().unwrap())
}

/// Some bytes, none of them 0, behind the header.
fn record(number: u64, bytes: &[u8]) -> Vec<u8> {
    let payload = &bytes[..10 + (number * 7919 % 500) as usize];
    let len = (HEADER + payload.len()) as u32;
    [&len.to_le_bytes()[..], &number.to_le_bytes(), payload].concat()
}

fn payload() -> Vec<u8> {
    noise(1, 600).into_iter().map(|byte| byte.max(1)).collect()
}

fn journal(path: &Path) -> Map {
    Options::new().access(Access::Write).reserve(RESERVE).open(path).unwrap()
}

/// Reads the records from `at` on, the first of which is `next`, as far as they are complete.
/// Panics if there are other bytes.
fn read_records(map: &Map, mut at: usize, mut next: u64, payload: &[u8]) -> (usize, u64) {
    while map.len() - at >= HEADER {
        let len = map.load_le::<u32>(at).unwrap() as usize;
        let expected = record(next, payload);
        let known = len.min(map.len() - at);
        assert_eq!(map.to_vec(at..at + known).unwrap(), expected[..known], "record {next}");
        if known < len {
            break;
        }
        (at, next) = (at + len, next + 1);
    }
    (at, next)
}

/// Follows the file until it has all records. Returns 0 if the map never moved.
fn follow(path: &Path, count: u64) -> i32 {
    let (map, payload) = (Options::new().reserve(RESERVE).open(path).unwrap(), payload());
    let (address, start) = (map.as_ptr(), Instant::now());
    let (mut at, mut next) = (0, 0);
    while next < count {
        map.refresh().unwrap();
        let before = next;
        (at, next) = read_records(&map, at, next, &payload);
        if before == next {
            thread::sleep(Duration::from_micros(50));
        }
        assert!(start.elapsed() < Duration::from_secs(500), "record {next} never came");
    }
    i32::from(at != map.len() || map.as_ptr() != address)
}

#[test]
fn each_reader_sees_each_record_once() {
    let (file, count, payload) = (TempFile::new(b""), record_count(), payload());
    let readers: Vec<_> =
        (0..READERS).map(|_| Fork::run(|| follow(file.path(), count)).unwrap()).collect();
    let (map, start) = (journal(file.path()), Instant::now());
    let mut end = 0;
    for number in 0..count {
        let record = record(number, &payload);
        assert_eq!(map.append(&record).unwrap(), end);
        end += record.len();
    }
    println!("{count} records of {end} bytes in {:?}", start.elapsed());
    readers.into_iter().for_each(|reader| assert_eq!(reader.wait().unwrap().code(), Some(0)));
    println!("read by {READERS} processes in {:?}", start.elapsed());
}

/// The next writer cuts an incomplete record.
#[test]
fn a_writer_that_is_killed_leaves_whole_records_and_a_part_of_one() {
    let (file, payload) = (TempFile::new(b""), payload());
    let (mut at, mut next) = (0, 0);
    for round in 0..20 {
        let writer = Fork::run(|| {
            let map = journal(file.path());
            for number in next.. {
                map.append(&record(number, &payload)).unwrap();
            }
            0
        });
        while file.file_len() < at as u64 + 1000 * round {
            thread::sleep(Duration::from_micros(100));
        }
        let writer = writer.unwrap();
        writer.send(libc::SIGKILL).unwrap();
        writer.wait().unwrap();
        let map = journal(file.path());
        (at, next) = read_records(&map, at, next, &payload);
        map.resize(at).unwrap();
    }
    assert!(next > 20);
}
