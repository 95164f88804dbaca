//! Methods that read, write, copy and compare bytes of a map.
#![forbid(unsafe_code)]

use std::cmp::Ordering;
use std::mem::MaybeUninit;

use safemap::{Access, Error, Map, Options};
use safemap_testing::{PAGE, TempFile, pattern};

#[test]
fn a_map_shows_its_file() {
    let bytes = pattern(3 * PAGE + 17);
    let file = TempFile::new(&bytes);
    let map = Map::open(file.path()).unwrap();
    assert_eq!(map.len(), bytes.len());
    assert_eq!(map.to_vec(..).unwrap(), bytes);
    assert_eq!(map.get(PAGE).unwrap(), bytes[PAGE]);
    assert_eq!(map.file_len().unwrap(), bytes.len() as u64);
}

#[test]
fn written_bytes_are_in_the_file_and_in_other_maps() {
    let file = TempFile::new(&[0; 100]);
    let (one, two) = (file.map(), Map::open(file.path()).unwrap());
    one.write_at(b"hello", 50).unwrap();
    one.set(b'!', 99).unwrap();
    assert_eq!(two.to_vec(50..55).unwrap(), b"hello");
    assert_eq!(file.read()[99], b'!');
}

#[test]
fn a_copy_on_write_map_never_changes_its_file() {
    let file = TempFile::new(b"original");
    let map = Options::new().access(Access::Copy).open(file.path()).unwrap();
    map.write_at(b"changed!", 0).unwrap();
    map.flush().unwrap();
    assert_eq!(map.to_vec(..).unwrap(), b"changed!");
    map.close().unwrap();
    assert_eq!(file.read(), b"original");
}

#[test]
fn every_write_to_a_read_only_map_is_refused() {
    let file = TempFile::new(b"read only");
    let map = Map::open(file.path()).unwrap();
    let refusals = [
        map.set(1, 0),
        map.write_at(b"x", 0),
        map.fill(0, ..),
        map.copy_within(0..2, 3),
        map.store(1_u32, 0),
        map.resize(1),
        map.cursor().write_byte(1),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::ReadOnly { .. })), "{refusal:?}");
    }
}

#[test]
fn a_range_beyond_the_map_is_an_error_with_its_numbers() {
    let map = Options::new().len(10).anonymous().unwrap();
    let message = map.fill(0, 5..11).unwrap_err().to_string();
    assert_eq!(message, "fill: range 5..11 out of bounds for a map of 10 bytes");
    let huge = usize::MAX;
    let mut byte = [0];
    let refusals = [
        map.get(10).map(drop),
        map.get(huge).map(drop),
        map.set(0, 10),
        map.write_at(b"x", 10),
        map.write_at(b"xy", huge),
        map.read_exact_at(&mut byte, 10),
        map.to_vec(..=10).map(drop),
        map.to_vec(..=huge).map(drop),
        map.to_vec((std::ops::Bound::Excluded(huge), std::ops::Bound::Unbounded)).map(drop),
        #[allow(clippy::reversed_empty_ranges)]
        map.fill(0, 5..4),
        map.copy_within(0..5, 6),
        map.copy_within(0..5, huge),
        map.compare(b"0123456789a", 0).map(drop),
        map.find(b"x", 3..11).map(drop),
        map.rfind(b"x", 11..).map(drop),
        map.load::<u64>(3).map(drop),
        map.store(0_u16, huge - 1),
        map.flush_range(11..),
        map.advise(safemap::Advice::Normal, ..11),
        map.lock(11..12),
        map.unlock(11..12),
        map.protect(safemap::Protection::READ, ..11),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(Error::OutOfBounds { len: 10, .. })), "{refusal:?}");
    }
}

#[test]
fn a_read_is_short_only_at_the_end() {
    let file = TempFile::new(b"0123456789");
    let map = Map::open(file.path()).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(map.read_at(&mut buffer, 0).unwrap(), 8);
    assert_eq!(map.read_at(&mut buffer, 7).unwrap(), 3);
    assert_eq!(&buffer[..3], b"789");
    assert_eq!(map.read_at(&mut buffer, 10).unwrap(), 0);
}

#[test]
fn a_read_at_or_beyond_the_end_reads_no_bytes_as_from_a_file() {
    let file = TempFile::new(b"0123456789");
    let (map, opened) = (Map::open(file.path()).unwrap(), file.open());
    let empty = TempFile::new(b"");
    let no_bytes = Map::open(empty.path()).unwrap();
    for at in [9, 10, 11, PAGE, usize::MAX >> 1, usize::MAX] {
        for len in [0, 1, 8, 300] {
            let (mut ours, mut theirs) = (vec![7; len], vec![7; len]);
            // The kernel refuses offsets that do not fit into an `off_t`.
            let expected = read_file(&opened, &mut theirs, at).unwrap_or(0);
            assert_eq!(map.read_at(&mut ours, at).unwrap(), expected, "{len} bytes at {at}");
            assert_eq!(ours, theirs);
            assert_eq!(no_bytes.read_at(&mut ours, at).unwrap(), 0);
        }
    }
}

#[cfg(unix)]
fn read_file(file: &std::fs::File, buffer: &mut [u8], at: usize) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at as u64)
}

#[cfg(windows)]
fn read_file(file: &std::fs::File, buffer: &mut [u8], at: usize) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at as u64)
}

#[test]
fn a_write_that_does_not_fit_changes_nothing() {
    let file = TempFile::new(b"0123456789");
    file.map().write_at(b"abcdef", 5).unwrap_err();
    assert_eq!(file.read(), b"0123456789");
}

#[test]
fn copying_within_a_map_handles_overlapping_ranges() {
    let bytes = pattern(2 * PAGE);
    for (from, to) in
        [(0, 1), (1, 0), (0, 100), (100, 0), (PAGE - 7, PAGE + 9), (PAGE + 9, PAGE - 7)]
    {
        for count in [0, 1, 15, 33, 700, 3000] {
            let file = TempFile::new(&bytes);
            let map = file.map();
            map.copy_within(from..from + count, to).unwrap();
            let mut expected = bytes.clone();
            expected.copy_within(from..from + count, to);
            assert_eq!(map.to_vec(..).unwrap(), expected, "{count} bytes from {from} to {to}");
        }
    }
}

#[test]
fn a_map_compares_as_a_slice_does() {
    let file = TempFile::new(b"abcabd");
    let map = Map::open(file.path()).unwrap();
    assert_eq!(map.compare(b"abc", 0).unwrap(), Ordering::Equal);
    assert_eq!(map.compare(b"abc", 3).unwrap(), Ordering::Greater);
    assert_eq!(map.compare(b"abe", 3).unwrap(), Ordering::Less);
    assert_eq!(map.compare(b"", 6).unwrap(), Ordering::Equal);
}

#[test]
fn numbers_are_stored_in_native_byte_order() {
    let map = Options::new().len(64).anonymous().unwrap();
    for at in [0, 1, 7, 13] {
        map.store(0x0123_4567_89ab_cdef_u64, at).unwrap();
        assert_eq!(map.to_vec(at..at + 8).unwrap(), 0x0123_4567_89ab_cdef_u64.to_ne_bytes());
        assert_eq!(map.load::<u64>(at).unwrap(), 0x0123_4567_89ab_cdef);
        map.store(-2_i16, at).unwrap();
        assert_eq!(map.load::<i16>(at).unwrap(), -2);
        map.store(1.5_f32, at).unwrap();
        assert_eq!(map.load::<f32>(at).unwrap(), 1.5);
        map.store(-7_isize, at).unwrap();
        assert_eq!(map.load::<isize>(at).unwrap(), -7);
        map.store(0x89_u8, at).unwrap();
        assert_eq!(map.load::<i8>(at).unwrap(), 0x89_u8 as i8);
    }
}

#[test]
fn threads_share_a_map_without_a_lock() {
    let map = Options::new().len(64 * 1024).anonymous().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let map = &map;
            scope.spawn(move || {
                let own = usize::from(thread) * 16 * 1024;
                for round in 0..100 {
                    map.fill(thread ^ round, own..own + 16 * 1024).unwrap();
                    assert_eq!(map.to_vec(own..own + 10).unwrap(), [thread ^ round; 10]);
                }
            });
        }
    });
}

#[test]
fn an_empty_file_is_an_empty_map() {
    let file = TempFile::new(b"");
    let map = Map::open(file.path()).unwrap();
    assert!(map.is_empty());
    assert_eq!(map.to_vec(..).unwrap(), b"");
    assert_eq!(map.find(b"x", ..).unwrap(), None);
    assert_eq!(map.find(b"", ..).unwrap(), Some(0));
    assert_eq!(map.lines().count(), 0);
    map.flush().unwrap();
    map.advise(safemap::Advice::WillNeed, ..).unwrap();
    map.lock(..).unwrap();
    map.close().unwrap();
}

#[test]
fn gather_and_scatter_access_the_bytes_that_a_loop_accesses() {
    let map = Options::new().len(1000).anonymous().unwrap();
    let mut model: Vec<u8> = (0..1000_usize).map(|i| (i * 7 % 251) as u8).collect();
    map.write_at(&model, 0).unwrap();
    for (at, step, count) in
        [(0, 1, 1000), (3, 2, 400), (999, -1, 1000), (998, -7, 143), (5, 900, 2), (500, 3, 0)]
    {
        let offset = |i: usize| (at as isize + step * i as isize) as usize;
        let mut buffer = vec![MaybeUninit::uninit(); count];
        let expected: Vec<u8> = (0..count).map(|i| model[offset(i)]).collect();
        assert_eq!(map.gather(&mut buffer, at, step).unwrap(), expected);
        let bytes: Vec<u8> = (0..count).map(|i| (i * 3 + at) as u8).collect();
        map.scatter(&bytes, at, step).unwrap();
        (0..count).for_each(|i| model[offset(i)] = bytes[i]);
        assert_eq!(map.to_vec(..).unwrap(), model);
    }
}

#[test]
fn gather_and_scatter_refuse_an_offset_beyond_the_map_before_the_first_byte() {
    let map = Options::new().len(100).anonymous().unwrap();
    for (at, step, count) in
        [(0, 50, 3), (100, 1, 1), (10, -6, 3), (0, isize::MAX, 3), (99, isize::MIN, 2), (101, 1, 0)]
    {
        let error = map.scatter(&vec![1; count], at, step).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { .. }), "{at} {step} {count}: {error}");
        let error = map.gather(&mut vec![MaybeUninit::uninit(); count], at, step).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { .. }), "{at} {step} {count}: {error}");
    }
    assert_eq!(map.to_vec(..).unwrap(), [0; 100]);
}
