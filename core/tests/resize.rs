//! Growing and shrinking maps.
#![forbid(unsafe_code)]

use safemap::{Access, Error, Flags, Map, Options, Protection, Sharing, page_size};
use safemap_testing::{PAGE, Stop, TempFile, pattern};

#[test]
fn a_file_grows_and_shrinks_with_its_map() {
    for reserve in if cfg!(windows) { vec![0] } else { vec![0, 1 << 20] } {
        let bytes = pattern(PAGE + 10);
        let file = TempFile::new(&bytes);
        let map = Options::new().access(Access::Write).reserve(reserve).open(file.path()).unwrap();
        for len in [PAGE + 11, 3 * PAGE, 1 << 20, 100, 0, 5000] {
            let before = map.to_vec(..).unwrap();
            map.resize(len).unwrap();
            let mut expected = before;
            expected.resize(len, 0);
            assert_eq!(map.len(), len);
            assert_eq!(map.to_vec(..).unwrap(), expected);
            assert_eq!(file.read(), expected);
        }
        map.fill(1, 4000..).unwrap();
        assert_eq!(file.read()[4999], 1);
    }
}

#[test]
fn an_empty_file_can_grow() {
    let file = TempFile::new(b"");
    let map = file.map();
    map.resize(10).unwrap();
    map.write_at(b"0123456789", 0).unwrap();
    assert_eq!(file.read(), b"0123456789");
}

#[test]
fn a_map_of_a_part_resizes_the_file_from_its_offset() {
    let bytes = pattern(3 * PAGE);
    let file = TempFile::new(&bytes);
    let map = Options::new().access(Access::Write).offset(5000).open(file.path()).unwrap();
    map.resize(3 * PAGE).unwrap();
    assert_eq!(file.file_len(), 5000 + 3 * PAGE as u64);
    assert_eq!(map.to_vec(..2 * PAGE - 1000).unwrap(), bytes[5000..4000 + 2 * PAGE]);
    map.resize(1).unwrap();
    assert_eq!(file.file_len(), 5001);
    assert_eq!(map.get(0).unwrap(), bytes[5000]);
}

#[test]
fn memory_does_not_move_within_its_reserve() {
    let map = Options::new().len(10).reserve(1 << 24).anonymous().unwrap();
    let address = map.as_ptr();
    map.fill(1, ..).unwrap();
    for len in [5000, 1 << 20, 3, 1 << 24] {
        map.resize(len).unwrap();
        map.set(2, len - 1).unwrap();
        assert_eq!(map.as_ptr(), address);
    }
    assert_eq!(map.to_vec(..2).unwrap(), [1, 1]);
}

/// Grows a map 2000 times by one page. The capacity doubles, so that few of the steps move the map.
fn grow_by_pages(map: &Map) {
    let page = page_size();
    let mut addresses = vec![map.as_ptr()];
    for step in 1..=2000 {
        map.resize(step * page).unwrap();
        map.set(step as u8, step * page - 1).unwrap();
        if map.as_ptr() != *addresses.last().unwrap() {
            addresses.push(map.as_ptr());
        }
    }
    assert!(addresses.len() <= 12, "the map was at {} addresses", addresses.len());
    assert!((1..=2000).all(|step| map.get(step * page - 1).unwrap() == step as u8));
}

#[cfg(unix)] // On Windows every resize of a file replaces the view.
#[test]
fn a_file_that_grows_by_small_steps_moves_rarely() {
    grow_by_pages(&TempFile::new(&[1; 10]).map());
}

#[test]
fn memory_that_grows_by_small_steps_moves_rarely() {
    grow_by_pages(&Options::new().len(10).anonymous().unwrap());
}

#[test]
fn private_memory_grows_and_keeps_its_bytes() {
    for reserve in [0, 1 << 22] {
        let map = Options::new().len(PAGE + 1).reserve(reserve).anonymous().unwrap();
        let mut model = vec![0; PAGE + 1];
        for (round, len) in
            [2 * PAGE, 100, 5000, 1 << 22, PAGE, 10 * PAGE, 0, 3].into_iter().enumerate()
        {
            let mark = round as u8 + 1;
            map.fill(mark, ..).unwrap();
            model.fill(mark);
            map.resize(len).unwrap();
            model.resize(len, 0);
            assert_eq!(map.to_vec(..).unwrap(), model, "after resizing to {len}");
        }
    }
}

#[test]
fn only_linux_keeps_the_protection_of_pages_behind_the_end() {
    let map = Options::new().len(4 * PAGE).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.protect(Protection::READ, PAGE..).unwrap();
    map.resize(2 * PAGE).unwrap();
    map.resize(4 * PAGE).unwrap();
    assert_eq!(map.to_vec(2 * PAGE..).unwrap(), vec![0; 2 * PAGE]);
    let is_kept = cfg!(any(target_os = "linux", target_os = "android"));
    let writable: Vec<bool> = (0..4).map(|page| map.set(1, page * PAGE).is_ok()).collect();
    assert_eq!(writable, [true, false, !is_kept, !is_kept]);
}

#[test]
fn shared_memory_grows_within_its_reserve_only() {
    let map = Options::new().len(100).sharing(Sharing::Shared).anonymous().unwrap();
    map.resize(page_size()).unwrap();
    assert!(matches!(map.resize(page_size() + 1), Err(Error::Unsupported(_))));
    assert_eq!(map.len(), page_size());
    let map =
        Options::new().len(100).sharing(Sharing::Shared).reserve(1 << 20).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.resize(1 << 20).unwrap();
    map.fill(2, 100..).unwrap();
    assert_eq!(map.to_vec(98..102).unwrap(), [1, 1, 2, 2]);
}

#[test]
fn a_refused_resize_changes_nothing() {
    let file = TempFile::new(b"0123456789");
    let map = file.map();
    // With 32 bits nearly half of the address space can be mapped, on s390x all of it.
    let far = usize::try_from(1_u64 << 62).unwrap_or(usize::MAX / 4 * 3);
    let far = if cfg!(target_arch = "s390x") { usize::MAX - 1 } else { far };
    for len in [isize::MAX as usize + 1, usize::MAX, far] {
        let error = map.resize(len).unwrap_err();
        assert!(
            matches!(error, Error::Os { call: "resize", .. } | Error::TooLong { .. }),
            "{error}"
        );
        assert_eq!(map.len(), 10);
        assert_eq!(file.read(), b"0123456789");
    }
    let memory = Options::new().len(10).anonymous().unwrap();
    memory.fill(3, ..).unwrap();
    memory.resize(far).unwrap_err();
    assert_eq!(memory.to_vec(..).unwrap(), [3; 10]);
}

#[test]
fn a_private_map_of_a_file_is_not_resized() {
    let file = TempFile::new(b"0123456789");
    let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
    let private =
        Options::new().access(Access::Write).exact_flags(Flags::PRIVATE).open(file.path()).unwrap();
    for map in [copy, private] {
        assert!(matches!(map.resize(5), Err(Error::Unsupported(_))));
        assert_eq!(file.file_len(), 10);
    }
}

fn readers_and_writers_beside_resizes(map: &Map, smallest: usize) {
    let stop = Stop::default();
    std::thread::scope(|scope| {
        for mark in 1..=3_u8 {
            let (map, stop) = (&map, &stop);
            scope.spawn(move || {
                // Each thread owns a quarter of the bytes that are below every length.
                let own = smallest / 4 * usize::from(mark)..smallest / 4 * (usize::from(mark) + 1);
                while !stop.is_set() {
                    map.fill(mark, own.clone()).unwrap();
                    let read = map.to_vec(own.clone()).unwrap();
                    assert!(read.iter().all(|&byte| byte == mark), "a write was lost");
                    let _ = map.find(b"\xff\xff", ..);
                    let _ = map.get(map.len().saturating_sub(1));
                }
            });
        }
        let _stop = stop.set_on_drop();
        for round in 0..300_usize {
            map.resize(smallest + (round * 7919) % (1 << 21)).unwrap();
        }
    });
}

#[test]
fn a_file_is_resized_while_other_threads_read_and_write_it() {
    let file = TempFile::new(&[0; 8 * PAGE]);
    readers_and_writers_beside_resizes(&file.map(), 8 * PAGE);
}

#[test]
fn private_memory_is_moved_while_other_threads_read_and_write_it() {
    for start in 0..20 {
        let map = Options::new().len(8 * PAGE + start).anonymous().unwrap();
        readers_and_writers_beside_resizes(&map, 8 * PAGE);
    }
}

/// `protect` must not make the old region writable again during a move. Bytes written there are
/// lost.
#[test]
fn no_write_is_lost_while_private_memory_moves_and_is_protected() {
    const STEP: usize = 4096;
    // On Windows a resize waits for calls of other threads: two minutes for 300 rounds.
    for _ in 0..if cfg!(windows) { 60 } else { 300 } {
        let map = Options::new().len(8 * STEP).anonymous().unwrap();
        let stop = Stop::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.is_set() {
                    let all = safemap::Protection::READ | safemap::Protection::WRITE;
                    map.protect(all, ..8 * STEP).unwrap();
                }
            });
            scope.spawn(|| {
                for mark in (0..=u8::MAX).cycle() {
                    map.fill(mark, ..8 * STEP).unwrap();
                    assert_eq!(
                        map.to_vec(..8 * STEP).unwrap(),
                        [mark; 8 * STEP],
                        "a write was lost"
                    );
                    if stop.is_set() {
                        break;
                    }
                }
            });
            let _stop = stop.set_on_drop();
            (0..7).for_each(|step| map.resize((16 * STEP) << step).unwrap());
        });
    }
}
