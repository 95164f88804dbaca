//! Lines, searches for lines, and counts, compared with those of a slice.
#![forbid(unsafe_code)]

use safemap::{Error, Line, Lines, Map, Result};
use safemap_testing::{PAGE, memory_with, noise, succeeds_while_truncated};

/// The lines of `bytes` in `range`, with their numbers and offsets.
fn expected(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    separator: u8,
) -> Vec<(u64, usize, Vec<u8>)> {
    let mut offset = range.start;
    let lines = (1..).zip(bytes[range].split_inclusive(|&byte| byte == separator));
    lines
        .map(|(number, line)| {
            offset += line.len();
            let text = line.strip_suffix(&[separator]).unwrap_or(line);
            (number, offset - line.len(), text.to_vec())
        })
        .collect()
}

fn read(lines: Lines<'_>) -> Vec<(u64, usize, Vec<u8>)> {
    let lines: Result<Vec<Line>> = lines.numbered().collect();
    lines.unwrap().into_iter().map(|line| (line.number, line.offset, line.bytes)).collect()
}

/// Random bytes of the alphabet, of which the separator is the last.
fn text(seed: u64, len: usize, alphabet: &[u8]) -> Vec<u8> {
    noise(seed, len).into_iter().map(|byte| alphabet[usize::from(byte) % alphabet.len()]).collect()
}

#[test]
fn lines_are_those_of_a_slice() {
    for (seed, len) in [(1, 0), (2, 1), (3, 200), (4, 5000), (5, 50_000)] {
        let bytes = text(seed, len, b"abcdefgh\n");
        let map = memory_with(&bytes);
        for (start, end) in [(0, len), (len / 3, len), (len / 3, len / 2), (len, len)] {
            let lines = expected(&bytes, start..end, b'\n');
            assert_eq!(read(map.lines().range(start..end)), lines);
            let plain: Result<Vec<_>> = map.lines().range(start..end).collect();
            assert!(plain.unwrap().iter().eq(lines.iter().map(|(.., line)| line)));
            let semicolons = map.lines().separator(b'e').range(start..end);
            assert_eq!(read(semicolons), expected(&bytes, start..end, b'e'));
        }
    }
}

/// The lines that contain a needle, found line by line.
fn matching(
    bytes: &[u8],
    range: std::ops::Range<usize>,
    needles: &[&[u8]],
) -> Vec<(u64, usize, Vec<u8>)> {
    let mut lines = expected(bytes, range.clone(), b'\n');
    lines.retain(|(_, offset, line)| {
        let mut whole = line.clone();
        if offset + line.len() < range.end {
            whole.push(b'\n');
        }
        let contains = |needle: &[u8]| {
            needle.is_empty() || whole.windows(needle.len()).any(|window| window == needle)
        };
        needles.iter().any(|needle| contains(needle))
    });
    lines
}

#[test]
fn lines_with_a_needle_are_found_once_with_their_numbers() {
    let needles: [&[&[u8]]; 9] = [
        &[b"ab"],
        &[b"a"],
        &[b"ab", b"cd"],
        &[b"abc", b"b", b"fff"],
        &[b"a\n", b"hh"],
        &[b"\n"],
        &[b"zz"],
        &[b""],
        &[],
    ];
    for (seed, len, alphabet) in [
        (6, 1, &b"a\n"[..]),
        (7, 300, b"abcdefgh\n"),
        (8, 4000, b"ab\n"),
        (9, 30_000, b"abcdefghhhhhhhhhhhhhh\n"),
    ] {
        let bytes = text(seed, len, alphabet);
        let map = memory_with(&bytes);
        for needles in needles {
            for (start, end) in [(0, len), (len / 3, len - len / 4), (len, len)] {
                let lines = matching(&bytes, start..end, needles);
                assert_eq!(read(map.lines().range(start..end).containing(needles)), lines);
                let plain: Result<Vec<_>> =
                    map.lines().containing(needles).range(start..end).collect();
                assert!(plain.unwrap().iter().eq(lines.iter().map(|(.., line)| line)));
            }
        }
    }
}

/// The search proceeds by windows of 256 KiB.
#[test]
fn rare_lines_are_found_at_the_borders_of_windows() {
    const WINDOW: usize = 256 * 1024;
    for at in [0, WINDOW - 5, WINDOW - 1, WINDOW, 2 * WINDOW - 2, 3 * WINDOW - 9] {
        for has_lines in [false, true] {
            let mut bytes = vec![b'.'; 3 * WINDOW];
            if has_lines {
                bytes.iter_mut().step_by(61).for_each(|byte| *byte = b'\n');
            }
            bytes[at..at + 6].copy_from_slice(b"needle");
            bytes[at + 7..at + 9].copy_from_slice(b"xy");
            let map = memory_with(&bytes);
            for needles in [&[&b"needle"[..]][..], &[b"xy", b"needle"], &[b"zzz", b"y"]] {
                let lines = matching(&bytes, 0..bytes.len(), needles);
                assert_eq!(lines.len(), 1);
                assert_eq!(read(map.lines().containing(needles)), lines, "{at}");
            }
        }
    }
}

#[test]
fn the_place_of_the_next_line_is_known() {
    let map = memory_with(b"one\ntwo\nthree\nfour");
    let mut lines = map.lines().containing(&[b"o"]);
    assert_eq!((lines.offset(), lines.number().unwrap()), (0, 1));
    for (offset, number) in [(4, 2), (8, 3), (18, 4)] {
        assert!(lines.next().is_some());
        assert_eq!((lines.offset(), lines.number().unwrap()), (offset, number));
    }
    assert!(lines.next().is_none());
    assert!(lines.next().is_none());
}

#[test]
fn settings_that_cannot_hold_are_the_first_item() {
    let map = memory_with(b"one\ntwo\n");
    let mut lines = map.lines().containing(&[b"e\nt"]);
    assert!(matches!(lines.next(), Some(Err(Error::Unsupported(_)))));
    assert!(lines.next().is_none());
    assert_eq!(map.lines().containing(&[b"e\nt"]).separator(b't').count(), 1);
    #[allow(clippy::reversed_empty_ranges)]
    for range in [0..9, 9..9, 5..3] {
        let mut lines = map.lines().range(range.clone());
        assert!(matches!(lines.next(), Some(Err(Error::OutOfBounds { .. }))), "{range:?}");
        assert!(lines.next().is_none());
    }
}

#[test]
fn matches_are_those_of_a_slice() {
    let bytes = text(10, 3000, b"ab");
    let map = memory_with(&bytes);
    for needle in [&b"a"[..], b"ab", b"aa", b"aba", b"abababab", b"bbbbbbbbbbbbbbbbbbbbbbbbbb"] {
        for (start, end) in [(0, 3000), (7, 2000), (100, 101), (5, 5)] {
            let found: Result<Vec<_>> = map.find_iter(needle, start..end).collect();
            let separate = memchr::memmem::find_iter(&bytes[start..end], needle);
            let separate: Vec<_> = separate.map(|at| start + at).collect();
            assert_eq!(found.unwrap(), separate);
            assert_eq!(map.count(needle, start..end).unwrap(), separate.len());
            let found: Result<Vec<_>> = map.find_iter(needle, start..end).overlapping().collect();
            let windows = bytes[start..end].windows(needle.len());
            let all = windows.enumerate().filter(|&(_, window)| window == needle);
            assert!(found.unwrap().into_iter().eq(all.map(|(at, _)| start + at)));
        }
    }
    let found: Result<Vec<_>> = map.find_iter(b"", 3..5).collect();
    assert_eq!((found.unwrap(), map.count(b"", 3..5).unwrap()), (vec![3, 4, 5], 3));
    assert!(matches!(map.count(b"a", 0..3001), Err(Error::OutOfBounds { call: "count", .. })));
    let mut found = map.find_iter(b"a", 0..3001);
    assert!(matches!(found.next(), Some(Err(Error::OutOfBounds { call: "find_iter", .. }))));
    assert!(found.next().is_none());
}

#[test]
fn a_prefix_is_compared_where_the_map_has_bytes() {
    let map = memory_with(b"prefix");
    assert!(map.starts_with(b"pre", 0).unwrap() && map.starts_with(b"fix", 3).unwrap());
    assert!(!map.starts_with(b"fix", 0).unwrap() && !map.starts_with(b"fixed", 3).unwrap());
    assert!(map.starts_with(b"", 6).unwrap() && !map.starts_with(b"x", 6).unwrap());
    assert!(matches!(map.starts_with(b"", 7), Err(Error::OutOfBounds { .. })));
}

/// The results of searches of a map whose second page is missing.
#[test]
fn a_missing_page_is_an_error_behind_what_was_found() {
    succeeds_while_truncated(|| {
        let mut bytes = vec![b'.'; 3 * PAGE];
        for at in [10, 20, PAGE - 1, 2 * PAGE] {
            bytes[at] = b'\n';
        }
        let file = safemap_testing::TempFile::new(&bytes);
        let map = file.map();
        file.set_len(PAGE as u64);
        let is_fault = |error: &Error| matches!(error, Error::Fault { offset: PAGE });
        assert!(is_fault(&map.count(b"\n", ..).unwrap_err()));
        assert!(is_fault(&map.count(b"..", ..).unwrap_err()));
        assert_eq!(map.count(b"\n", ..PAGE).unwrap(), 3);
        assert!(is_fault(&map.starts_with(&bytes, 0).unwrap_err()));
        let found: Vec<_> = map.find_iter(b"\n", ..).collect();
        assert_eq!(found.len(), 4);
        assert!(matches!(&found[3], Err(error) if is_fault(error)));
        // The search for an absent needle meets the fault before the lines in front of it are read.
        let needles: [&[&[u8]]; 3] = [&[b"\n"], &[b"\n", b"absent"], &[b"absent", b"\n"]];
        check_lines(map.lines(), is_fault);
        for needles in needles {
            check_lines(map.lines().containing(needles), is_fault);
        }
    });
}

fn check_lines(lines: Lines<'_>, is_fault: impl Fn(&Error) -> bool) {
    let lines: Vec<_> = lines.numbered().collect();
    assert_eq!(lines.len(), 4);
    let numbers = lines.iter().map_while(|line| Some(line.as_ref().ok()?.number));
    assert!(numbers.eq([1, 2, 3]));
    assert!(matches!(&lines[3], Err(error) if is_fault(error)));
}

#[test]
fn lines_end_where_a_map_ends_now() {
    let map: Map = memory_with(b"one\ntwo\nthree\n");
    let mut lines = map.lines().containing(&[b"t"]);
    assert_eq!(lines.next().unwrap().unwrap(), b"two");
    map.resize(8).unwrap();
    assert!(lines.next().is_none());
    map.resize(4).unwrap();
    map.resize(14).unwrap();
    map.write_at(b"two\nthree\n", 4).unwrap();
    let mut lines = map.lines().containing(&[b"w", b"three"]);
    assert_eq!(lines.next().unwrap().unwrap(), b"two");
    map.resize(10).unwrap();
    assert!(lines.next().is_none());
}
