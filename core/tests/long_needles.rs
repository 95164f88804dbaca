//! Needles that are so long that most places are skipped, in maps that are large enough for it.
#![forbid(unsafe_code)]

#[path = "support/needle.rs"]
mod needle;
mod support;

use memchr::memmem;
use needle::{Case, map_of};
use quickcheck::{Arbitrary, Gen, QuickCheck};
use safemap::{Error, Map, Protection};
use support::{PAGE, cut, cuts, file_with, survives, writable};

// Where the system moves the bytes nothing is skipped, and an emulated processor takes its time.
const SKIPS: bool = cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)));
const LEN: usize = if SKIPS { 1_400_000 } else { 150_000 };
/// Around the lengths at which skipping begins, and at which the rest of a needle is not made use of.
const LENGTHS: [usize; 10] = [511, 512, 513, 700, 1000, 1023, 1024, 1025, 4500, 20_000];

/// Bytes in which nothing comes again, so that nearly everything is skipped.
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..LEN).map(next).collect()
}

/// Bytes of few letters, or of words that come again and again.
fn some_bytes(g: &mut Gen) -> Vec<u8> {
    let kinds = *g.choose(&[1_usize, 2, 8, 256]).unwrap();
    let longest = *g.choose(&[1_usize, 1, 40, 3000]).unwrap();
    let words: Vec<Vec<u8>> = (0..kinds)
        .map(|kind| match longest {
            1 => vec![kind as u8],
            _ => (0..1 + usize::arbitrary(g) % longest).map(|_| u8::arbitrary(g)).collect(),
        })
        .collect();
    let mut bytes = Vec::with_capacity(LEN + longest);
    while bytes.len() < LEN {
        bytes.extend_from_slice(g.choose(&words).unwrap());
    }
    bytes.truncate(LEN);
    bytes
}

impl Arbitrary for Case {
    fn arbitrary(g: &mut Gen) -> Case {
        let bytes = some_bytes(g);
        let len = *g.choose(&LENGTHS).unwrap();
        let at = usize::arbitrary(g) % (LEN - len + 1);
        let mut needle = bytes[at..at + len].to_vec();
        if bool::arbitrary(g) {
            needle[usize::arbitrary(g) % len] ^= 1;
        }
        Case { bytes, needle, from: usize::arbitrary(g) % (LEN / 8), to: LEN - usize::arbitrary(g) % (LEN / 8) }
    }
}

#[test]
fn long_needles_are_found_where_memmem_finds_them() {
    fn agrees(case: Case) -> bool {
        let (map, part) = (map_of(&case.bytes), &case.bytes[case.from..case.to]);
        let expected = memmem::find(part, &case.needle).map(|at| case.from + at);
        map.find(&case.needle, case.from..case.to).unwrap() == expected
    }
    QuickCheck::new().tests(60).quickcheck(agrees as fn(Case) -> bool);
}

#[test]
fn a_long_needle_is_found_wherever_it_stands() {
    let bytes = noise();
    let map = map_of(&bytes);
    for len in [512, 600, 1000, 5000] {
        let needle = absent(&bytes, len);
        assert_eq!(map.find(&needle, ..).unwrap(), None);
        // Where skipping begins, and where it ends.
        let begin = 64 * len.min(1024);
        let (first, last) = (begin - 10..begin + len.min(1024), LEN - 3 * len..=LEN - len);
        for at in first.chain(last.step_by(len / 8 + 1)).chain([LEN - len]) {
            map.write_at(&needle, at).unwrap();
            assert_eq!(map.find(&needle, ..).unwrap(), Some(at), "{len} bytes at {at}");
            assert_eq!(map.find(&needle, ..at + len - 1).unwrap(), None, "{len} bytes at {at}");
            map.write_at(&bytes[at..at + len], at).unwrap();
        }
    }
}

#[test]
fn what_has_all_pieces_of_a_needle_and_not_the_needle_is_gone_through() {
    for len in [512, 1000, 5000] {
        let mut needle = vec![b'.'; len];
        needle[len - 1] = b'x';
        let map = map_of(&[b'.'; LEN]);
        assert_eq!(map.find(&needle, ..).unwrap(), None);
        map.set(LEN - 3, b'x').unwrap();
        assert_eq!(map.find(&needle, ..).unwrap(), Some(LEN - 2 - len));
    }
}

/// A needle of `len` bytes that is nowhere in `bytes`.
fn absent(bytes: &[u8], len: usize) -> Vec<u8> {
    let mut needle = bytes[1000..1000 + len].to_vec();
    needle[len / 2] ^= 0x40;
    needle
}

#[track_caller]
fn meets(map: &Map, needle: &[u8], from: usize, hole: std::ops::Range<usize>) {
    let found = map.find(needle, from..);
    let met = matches!(found, Err(Error::Fault { offset }) if hole.contains(&offset));
    assert!(met, "{} bytes from {from} on: {found:?}, not a hole at {hole:?}", needle.len());
}

#[test]
fn no_hole_is_passed_by() {
    if !cuts() {
        return println!("skipped: nobody can cut a mapped file here");
    }
    survives("no_hole_is_passed_by", || {
        let bytes = noise();
        for len in LENGTHS {
            let needle = absent(&bytes, len);
            // Behind the last place at which the needle may begin nobody looks.
            let last = LEN / PAGE * PAGE - PAGE;
            for gone in [LEN / 2 / PAGE * PAGE, last - PAGE, last].into_iter().filter(|gone| gone + len <= LEN) {
                let file = file_with(&bytes);
                let map = writable(&file);
                cut(&file, gone as u64);
                for from in (0..3000).step_by(211) {
                    meets(&map, &needle, from, gone..gone + 1);
                }
                // Where there is nothing before the hole it may be met at another byte than its first.
                meets(&map, &needle, gone, gone..gone + PAGE);
                map.write_at(&needle, gone - len).unwrap();
                assert_eq!(map.find(&needle, ..).unwrap(), Some(gone - len));
            }
        }
    });
}

#[test]
fn a_hole_at_an_end_of_the_range_is_met() {
    survives("a_hole_at_an_end_of_the_range_is_met", || {
        let bytes = noise();
        let file = file_with(&bytes);
        let map = writable(&file);
        let hole = PAGE..2 * PAGE;
        map.protect(hole.clone(), Protection::NONE).unwrap();
        for len in [512, 2048] {
            let needle = absent(&bytes, len);
            meets(&map, &needle, hole.end - len / 2, hole.clone());
            let found = map.find(&needle, ..hole.start + len / 2);
            assert!(found.is_err(), "{len} bytes before a hole: {found:?}");
        }
        map.protect(hole, Protection::READ | Protection::WRITE).unwrap();
        let hole = LEN / PAGE * PAGE - PAGE..LEN / PAGE * PAGE;
        map.protect(hole.clone(), Protection::NONE).unwrap();
        let needle = absent(&bytes, 512);
        let found = map.find(&needle, ..hole.start + 300);
        assert!(matches!(found, Err(Error::Fault { offset }) if offset == hole.start), "{found:?}");
    });
}
