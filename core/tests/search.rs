//! `find` and `rfind` compared with a naive search.
#![forbid(unsafe_code)]

use memchr::memmem;
use quickcheck::QuickCheck;
use safemap::{Map, Options};
use safemap_testing::{TempFile, memory_with, pattern};

fn naive_find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|&at| bytes[at..].starts_with(needle))
}

fn naive_rfind(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).rfind(|&at| bytes[at..].starts_with(needle))
}

#[track_caller]
fn assert_found(map: &Map, needle: &[u8], first: Option<usize>, last: Option<usize>) {
    let found = (map.find(needle, ..).unwrap(), map.rfind(needle, ..).unwrap());
    assert_eq!(found, (first, last), "a needle of {} bytes in {} bytes", needle.len(), map.len());
}

#[track_caller]
fn assert_naive(map: &Map, bytes: &[u8], needle: &[u8], from: usize, to: usize) {
    let part = &bytes[from..to];
    let offset = |at| from + at;
    let context = || format!("needle {needle:?} in {from}..{to} of {} bytes", bytes.len());
    assert_eq!(
        map.find(needle, from..to).unwrap(),
        naive_find(part, needle).map(offset),
        "{}",
        context()
    );
    assert_eq!(
        map.rfind(needle, from..to).unwrap(),
        naive_rfind(part, needle).map(offset),
        "{}",
        context()
    );
}

/// Arguments for a search in bytes over few letters, so that needles occur and nearly occur.
fn case(seed: u64) -> (Vec<u8>, Vec<u8>, usize, usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let letters = [1, 2, 3, 26][rng.usize(..4)];
    let bytes: Vec<u8> = (0..rng.usize(..700)).map(|_| b'a' + rng.u8(..letters)).collect();
    let mut range = || {
        let (a, b) = (rng.usize(..=bytes.len()), rng.usize(..=bytes.len()));
        (a.min(b), a.max(b))
    };
    let ((from, to), (start, end)) = (range(), range());
    let mut needle = bytes[start..end].to_vec();
    needle.truncate([0, 1, 2, 3, 4, 7, 16, 33, 1000][rng.usize(..9)]);
    if rng.bool() {
        needle.push(b'a');
    }
    (bytes, needle, from, to)
}

#[test]
fn random_needles_are_found_where_a_naive_search_finds_them() {
    fn agrees(seed: u64) -> bool {
        let (bytes, needle, from, to) = case(seed);
        assert_naive(&memory_with(&bytes), &bytes, &needle, from, to);
        true
    }
    QuickCheck::new().tests(3_000).quickcheck(agrees as fn(u64) -> bool);
}

#[test]
fn every_needle_of_a_text_is_found_at_every_alignment() {
    let text = b"the quick brown fox jumps over the lazy dog; the quick red fox does not";
    let map = memory_with(text);
    for start in 0..text.len() {
        for end in start..text.len() {
            assert_naive(
                &map,
                text,
                &text[start..end],
                start / 2,
                text.len() - (text.len() - end) / 2,
            );
        }
    }
}

#[test]
fn a_needle_is_found_at_every_offset_of_a_large_map() {
    let len = 200_000;
    let map = memory_with(&vec![b'.'; len]);
    for needle in [
        &b"x"[..],
        b"xy",
        b"xyz",
        b"..x",
        b"x......................................y",
        &pattern(300),
    ] {
        for at in [0, 1, 31, 32, 127, 128, 4095, 4096, 16_383, 16_384, 65_537, len - needle.len()] {
            map.write_at(needle, at).unwrap();
            assert_found(&map, needle, Some(at), Some(at));
            map.fill(b'.', at..at + needle.len()).unwrap();
            assert_found(&map, needle, None, None);
        }
    }
}

#[test]
fn a_needle_longer_than_the_range_is_not_found() {
    let map = memory_with(b"abc");
    assert_found(&map, b"abcd", None, None);
    assert_eq!(map.find(b"bc", 0..2).unwrap(), None);
}

#[test]
fn an_empty_needle_is_found_at_an_end_of_the_range() {
    let map = memory_with(b"abc");
    assert_eq!(map.find(b"", 1..2).unwrap(), Some(1));
    assert_eq!(map.rfind(b"", 1..2).unwrap(), Some(2));
    assert_eq!(map.find(b"", 3..).unwrap(), Some(3));
}

/// Where nearly every offset is a candidate, the search changes to a linear algorithm over windows.
#[test]
fn periodic_bytes_are_searched_as_memmem_searches_them() {
    let mut bytes = vec![b'a'; 150_000];
    let mut needles: Vec<Vec<u8>> =
        [2, 3, 16, 1000, 20_000].iter().map(|&n| vec![b'a'; n]).collect();
    needles.extend(
        [100, 5_000, 40_000].map(|n| [vec![b'a'; n], b"b".to_vec(), vec![b'a'; n]].concat()),
    );
    for letter_b in [None, Some(0), Some(16_383), Some(60_000), Some(149_999)] {
        letter_b.into_iter().for_each(|at: usize| bytes[at] = b'b');
        let map = memory_with(&bytes);
        for needle in &needles {
            assert_found(&map, needle, memmem::find(&bytes, needle), memmem::rfind(&bytes, needle));
        }
    }
}

#[test]
fn a_part_of_a_file_is_searched() {
    let bytes = pattern(3 * 4096 + 100);
    let file = TempFile::new(&bytes);
    let map = Options::new().offset(5).open(file.path()).unwrap();
    let needle = &bytes[9000..9040];
    assert_found(&map, needle, naive_find(&bytes[5..], needle), naive_rfind(&bytes[5..], needle));
}
