//! Searches for long needles in large maps, in which most offsets are skipped.
#![forbid(unsafe_code)]

use memchr::memmem;
use quickcheck::QuickCheck;
use safemap::{Error, Map, Protection};
use safemap_testing::{
    PAGE, TempFile, memory_with, noise, succeeds_in_child, succeeds_while_truncated,
};

// The portable accessors skip nothing. An emulated processor is slow.
const SKIPS: bool =
    cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)));
const LEN: usize = if SKIPS { 1_400_000 } else { 150_000 };
/// Lengths around the one from which offsets are skipped, and around the one of which more is
/// unused.
const LENGTHS: [usize; 10] = [511, 512, 513, 700, 1000, 1023, 1024, 1025, 4500, 20_000];

/// Bytes over few letters, or of repeated words.
fn random_bytes(rng: &mut fastrand::Rng) -> Vec<u8> {
    let kinds = [1, 2, 8, 256][rng.usize(..4)];
    let longest = [1, 1, 40, 3000][rng.usize(..4)];
    let mut word = |kind| match longest {
        1 => vec![kind as u8],
        _ => (0..rng.usize(1..=longest)).map(|_| rng.u8(..)).collect(),
    };
    let words: Vec<Vec<u8>> = (0..kinds).map(&mut word).collect();
    let mut bytes = Vec::with_capacity(LEN + longest);
    while bytes.len() < LEN {
        bytes.extend_from_slice(&words[rng.usize(..kinds)]);
    }
    bytes.truncate(LEN);
    bytes
}

#[test]
fn long_needles_are_found_where_memmem_finds_them() {
    fn agrees(seed: u64) -> bool {
        let mut rng = fastrand::Rng::with_seed(seed);
        let bytes = random_bytes(&mut rng);
        let len = LENGTHS[rng.usize(..LENGTHS.len())];
        let at = rng.usize(..=LEN - len);
        let mut needle = bytes[at..at + len].to_vec();
        needle[rng.usize(..len)] ^= rng.u8(..2);
        let (from, to) = (rng.usize(..LEN / 8), LEN - rng.usize(..LEN / 8));
        let expected = memmem::find(&bytes[from..to], &needle).map(|at| from + at);
        memory_with(&bytes).find(&needle, from..to).unwrap() == expected
    }
    QuickCheck::new().tests(60).quickcheck(agrees as fn(u64) -> bool);
}

#[test]
fn a_long_needle_is_found_at_any_offset() {
    let bytes = noise(1, LEN);
    let map = memory_with(&bytes);
    for len in [512, 600, 1000, 5000] {
        let needle = absent(&bytes, len);
        assert_eq!(map.find(&needle, ..).unwrap(), None);
        // Around the offset from which candidates are skipped, and at the end of the map.
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
fn bytes_with_all_blocks_of_the_needle_are_searched_completely() {
    for len in [512, 1000, 5000] {
        let mut needle = vec![b'.'; len];
        needle[len - 1] = b'x';
        let map = memory_with(&[b'.'; LEN]);
        assert_eq!(map.find(&needle, ..).unwrap(), None);
        map.set(b'x', LEN - 3).unwrap();
        assert_eq!(map.find(&needle, ..).unwrap(), Some(LEN - 2 - len));
    }
}

/// Returns a needle of `len` bytes that does not occur in `bytes`.
fn absent(bytes: &[u8], len: usize) -> Vec<u8> {
    let mut needle = bytes[1000..1000 + len].to_vec();
    needle[len / 2] ^= 0x40;
    needle
}

#[track_caller]
fn assert_fault(map: &Map, needle: &[u8], from: usize, missing: std::ops::Range<usize>) {
    let found = map.find(needle, from..);
    let faulted = matches!(found, Err(Error::Fault { offset }) if missing.contains(&offset));
    assert!(
        faulted,
        "{} bytes from {from} on: {found:?}, not a fault in {missing:?}",
        needle.len()
    );
}

#[test]
fn no_missing_page_is_skipped() {
    succeeds_while_truncated(|| {
        let bytes = noise(1, LEN);
        for len in LENGTHS {
            let needle = absent(&bytes, len);
            // The search does not read behind the last offset at which the needle fits.
            let last = LEN / PAGE * PAGE - PAGE;
            let missing = [LEN / 2 / PAGE * PAGE, last - PAGE, last];
            for missing in missing.into_iter().filter(|missing| missing + len <= LEN) {
                let file = TempFile::new(&bytes);
                let map = file.map();
                file.set_len(missing as u64);
                for from in (0..3000).step_by(211) {
                    assert_fault(&map, &needle, from, missing..missing + 1);
                }
                // A search that starts at the missing page may touch another byte of it first.
                assert_fault(&map, &needle, missing, missing..missing + PAGE);
                map.write_at(&needle, missing - len).unwrap();
                assert_eq!(map.find(&needle, ..).unwrap(), Some(missing - len));
            }
        }
    });
}

#[test]
fn a_forbidden_page_at_an_end_of_the_range_is_a_fault() {
    succeeds_in_child(|| {
        let bytes = noise(1, LEN);
        let map = TempFile::new(&bytes).map();
        let page = PAGE..2 * PAGE;
        map.protect(Protection::NONE, page.clone()).unwrap();
        for len in [512, 2048] {
            let needle = absent(&bytes, len);
            assert_fault(&map, &needle, page.end - len / 2, page.clone());
            let found = map.find(&needle, ..page.start + len / 2);
            assert!(found.is_err(), "{len} bytes before the page: {found:?}");
        }
        map.protect(Protection::READ | Protection::WRITE, page).unwrap();
        let page = LEN / PAGE * PAGE - PAGE..LEN / PAGE * PAGE;
        map.protect(Protection::NONE, page.clone()).unwrap();
        let needle = absent(&bytes, 512);
        let found = map.find(&needle, ..page.start + 300);
        assert!(matches!(found, Err(Error::Fault { offset }) if offset == page.start), "{found:?}");
    });
}
