//! `find` and `rfind` against two nested loops.
#![forbid(unsafe_code)]

#[path = "support/needle.rs"]
mod needle;
mod support;

use needle::{Case, map_of};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use safemap::{Map, Options};
use support::{file_with, pattern};

fn naive_find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).find(|&at| bytes[at..].starts_with(needle))
}

fn naive_rfind(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    (0..=bytes.len().checked_sub(needle.len())?).rfind(|&at| bytes[at..].starts_with(needle))
}

#[track_caller]
fn agree(map: &Map, bytes: &[u8], needle: &[u8], from: usize, to: usize) {
    let part = &bytes[from..to];
    let offset = |at| from + at;
    let context = || format!("needle {needle:?} in {from}..{to} of {} bytes", bytes.len());
    assert_eq!(map.find(needle, from..to).unwrap(), naive_find(part, needle).map(offset), "{}", context());
    assert_eq!(map.rfind(needle, from..to).unwrap(), naive_rfind(part, needle).map(offset), "{}", context());
}

/// Few letters, so that needles occur and nearly occur.
impl Arbitrary for Case {
    fn arbitrary(g: &mut Gen) -> Case {
        let letters = *g.choose(&[1_usize, 2, 3, 26]).unwrap();
        let bytes: Vec<u8> =
            (0..usize::arbitrary(g) % 700).map(|_| b'a' + (usize::arbitrary(g) % letters) as u8).collect();
        let cut = |g: &mut Gen| usize::arbitrary(g) % (bytes.len() + 1);
        let (a, b, c, d) = (cut(g), cut(g), cut(g), cut(g));
        let mut needle = bytes[a.min(b)..a.max(b)].to_vec();
        needle.truncate(*g.choose(&[0, 1, 2, 3, 4, 7, 16, 33, 1000]).unwrap());
        if bool::arbitrary(g) {
            needle.push(b'a');
        }
        Case { from: c.min(d), to: c.max(d), bytes, needle }
    }
}

#[test]
fn random_needles_are_found_where_two_loops_find_them() {
    fn agrees(case: Case) -> bool {
        agree(&map_of(&case.bytes), &case.bytes, &case.needle, case.from, case.to);
        true
    }
    QuickCheck::new().tests(3_000).quickcheck(agrees as fn(Case) -> bool);
}

#[test]
fn every_needle_of_a_text_is_found_at_every_alignment() {
    let text = b"the quick brown fox jumps over the lazy dog; the quick red fox does not";
    let map = map_of(text);
    for start in 0..text.len() {
        for end in start..text.len() {
            agree(&map, text, &text[start..end], start / 2, text.len() - (text.len() - end) / 2);
        }
    }
}

#[test]
fn a_needle_is_found_at_every_place_of_a_large_map() {
    let len = 200_000;
    let map = map_of(&vec![b'.'; len]);
    for needle in [&b"x"[..], b"xy", b"xyz", b"..x", b"x......................................y", &pattern(300)] {
        for at in [0, 1, 31, 32, 127, 128, 4095, 4096, 16_383, 16_384, 65_537, len - needle.len()] {
            map.write_at(needle, at).unwrap();
            assert_eq!(map.find(needle, ..).unwrap(), Some(at), "{needle:?} at {at}");
            assert_eq!(map.rfind(needle, ..).unwrap(), Some(at), "{needle:?} at {at}");
            map.fill(b'.', at..at + needle.len()).unwrap();
            assert_eq!(map.find(needle, ..).unwrap(), None);
            assert_eq!(map.rfind(needle, ..).unwrap(), None);
        }
    }
}

#[test]
fn needles_longer_than_the_map_are_nowhere() {
    let map = map_of(b"abc");
    assert_eq!(map.find(b"abcd", ..).unwrap(), None);
    assert_eq!(map.rfind(b"abcd", ..).unwrap(), None);
    assert_eq!(map.find(b"bc", 0..2).unwrap(), None);
}

#[test]
fn an_empty_needle_is_at_the_edge_of_the_range() {
    let map = map_of(b"abc");
    assert_eq!(map.find(b"", 1..2).unwrap(), Some(1));
    assert_eq!(map.rfind(b"", 1..2).unwrap(), Some(2));
    assert_eq!(map.find(b"", 3..).unwrap(), Some(3));
}

/// Where nearly every place is a candidate, the linear search takes over: it must be right, and its windows must join.
#[test]
fn periodic_bytes_do_not_confuse_the_search() {
    let mut bytes = vec![b'a'; 150_000];
    let mut needles: Vec<Vec<u8>> = [2, 3, 16, 1000, 20_000].iter().map(|&n| vec![b'a'; n]).collect();
    needles.extend([100, 5_000, 40_000].map(|n| [vec![b'a'; n], b"b".to_vec(), vec![b'a'; n]].concat()));
    for needle in &needles {
        let map = map_of(&bytes);
        let finder = (memchr::memmem::find(&bytes, needle), memchr::memmem::rfind(&bytes, needle));
        assert_eq!((map.find(needle, ..).unwrap(), map.rfind(needle, ..).unwrap()), finder);
    }
    for at in [0, 16_383, 60_000, 149_999] {
        bytes[at] = b'b';
        let map = map_of(&bytes);
        for needle in &needles {
            let finder = (memchr::memmem::find(&bytes, needle), memchr::memmem::rfind(&bytes, needle));
            let found = (map.find(needle, ..).unwrap(), map.rfind(needle, ..).unwrap());
            assert_eq!(found, finder, "a needle of {} bytes, b at {at}", needle.len());
        }
    }
}

#[test]
fn a_file_is_searched_in_place() {
    let bytes = pattern(3 * 4096 + 100);
    let file = file_with(&bytes);
    let map = Options::new().offset(5).open(file.path()).unwrap();
    let needle = &bytes[9000..9040];
    assert_eq!(map.find(needle, ..).unwrap(), naive_find(&bytes[5..], needle));
    assert_eq!(map.rfind(needle, ..).unwrap(), naive_rfind(&bytes[5..], needle));
}
