//! Longer and shorter maps.
#![forbid(unsafe_code)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use safemap::{Access, Error, Map, Options, Sharing, page_size};
use support::{PAGE, file_with, grow_by_pages, pattern, writable};

#[test]
fn a_file_grows_and_shrinks_with_its_map() {
    for reserve in [0, 1 << 20] {
        let bytes = pattern(PAGE + 10);
        let file = file_with(&bytes);
        let map = Options::new().access(Access::Write).reserve(reserve).open(file.path()).unwrap();
        for len in [PAGE + 11, 3 * PAGE, 1 << 20, 100, 0, 5000] {
            let before = map.to_vec(..).unwrap();
            map.resize(len).unwrap();
            let mut expected = before;
            expected.resize(len, 0);
            assert_eq!(map.len(), len);
            assert_eq!(map.to_vec(..).unwrap(), expected);
            assert_eq!(std::fs::read(file.path()).unwrap(), expected);
        }
        map.fill(1, 4000..).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap()[4999], 1);
    }
}

#[test]
fn an_empty_file_can_grow() {
    let file = file_with(b"");
    let map = writable(&file);
    map.resize(10).unwrap();
    map.write_at(b"0123456789", 0).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), b"0123456789");
}

#[test]
fn a_map_of_a_part_resizes_the_file_from_its_offset() {
    let bytes = pattern(3 * PAGE);
    let file = file_with(&bytes);
    let map = Options::new().access(Access::Write).offset(5000).open(file.path()).unwrap();
    map.resize(3 * PAGE).unwrap();
    assert_eq!(file.path().metadata().unwrap().len(), 5000 + 3 * PAGE as u64);
    assert_eq!(map.to_vec(..2 * PAGE - 1000).unwrap(), bytes[5000..4000 + 2 * PAGE]);
    map.resize(1).unwrap();
    assert_eq!(file.path().metadata().unwrap().len(), 5001);
    assert_eq!(map.get(0).unwrap(), bytes[5000]);
}

#[test]
fn within_the_reserve_memory_stays_where_it_is() {
    let map = Options::new().len(10).reserve(1 << 24).anonymous().unwrap();
    let address = map.as_ptr();
    map.fill(1, ..).unwrap();
    for len in [5000, 1 << 20, 3, 1 << 24] {
        map.resize(len).unwrap();
        map.set(len - 1, 2).unwrap();
        assert_eq!(map.as_ptr(), address);
    }
    assert_eq!(map.to_vec(..2).unwrap(), [1, 1]);
}

#[test]
fn memory_that_grows_by_small_steps_moves_seldom() {
    grow_by_pages(&Options::new().len(10).anonymous().unwrap());
}

#[test]
fn private_memory_grows_and_keeps_its_bytes() {
    for reserve in [0, 1 << 22] {
        let map = Options::new().len(PAGE + 1).reserve(reserve).anonymous().unwrap();
        let mut twin = vec![0; PAGE + 1];
        for (round, len) in [2 * PAGE, 100, 5000, 1 << 22, PAGE, 10 * PAGE, 0, 3].into_iter().enumerate() {
            let mark = round as u8 + 1;
            map.fill(mark, ..).unwrap();
            twin.fill(mark);
            map.resize(len).unwrap();
            twin.resize(len, 0);
            assert_eq!(map.to_vec(..).unwrap(), twin, "after resizing to {len}");
        }
    }
}

#[test]
fn shared_memory_grows_within_its_reserve_only() {
    let map = Options::new().len(100).sharing(Sharing::Shared).anonymous().unwrap();
    map.resize(page_size()).unwrap();
    assert!(matches!(map.resize(page_size() + 1), Err(Error::Unsupported(_))));
    assert_eq!(map.len(), page_size());
    let map = Options::new().len(100).sharing(Sharing::Shared).reserve(1 << 20).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.resize(1 << 20).unwrap();
    map.fill(2, 100..).unwrap();
    assert_eq!(map.to_vec(98..102).unwrap(), [1, 1, 2, 2]);
}

#[test]
fn a_refused_resize_leaves_everything_as_it_was() {
    let file = file_with(b"0123456789");
    let map = writable(&file);
    // On 32 bits nearly half of all addresses may be had, on s390x all of them.
    let far = usize::try_from(1_u64 << 62).unwrap_or(usize::MAX / 4 * 3);
    let far = if cfg!(target_arch = "s390x") { usize::MAX - 1 } else { far };
    for len in [isize::MAX as usize + 1, usize::MAX, far] {
        let error = map.resize(len).unwrap_err();
        assert!(matches!(error, Error::Os { call: "resize", .. } | Error::TooLong { .. }), "{error}");
        assert_eq!(map.len(), 10);
        assert_eq!(std::fs::read(file.path()).unwrap(), b"0123456789");
    }
    let memory = Options::new().len(10).anonymous().unwrap();
    memory.fill(3, ..).unwrap();
    memory.resize(far).unwrap_err();
    assert_eq!(memory.to_vec(..).unwrap(), [3; 10]);
}

#[test]
fn a_private_map_of_a_file_is_not_resized() {
    let file = file_with(b"0123456789");
    let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
    let private = Options::new().access(Access::Write).sharing(Sharing::Private).open(file.path()).unwrap();
    for map in [copy, private] {
        assert!(matches!(map.resize(5), Err(Error::Unsupported(_))));
        assert_eq!(file.path().metadata().unwrap().len(), 10);
    }
}

fn readers_and_writers_beside_resizes(map: &Map, smallest: usize) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for mark in 1..=3_u8 {
            let (map, stop) = (&map, &stop);
            scope.spawn(move || {
                // Each thread owns a third of the bytes that are always there.
                let mine = smallest / 4 * usize::from(mark)..smallest / 4 * (usize::from(mark) + 1);
                while !stop.load(Ordering::Relaxed) {
                    map.fill(mark, mine.clone()).unwrap();
                    let seen = map.to_vec(mine.clone()).unwrap();
                    assert!(seen.iter().all(|&byte| byte == mark), "a write was lost");
                    let _ = map.find(b"\xff\xff", ..);
                    let _ = map.get(map.len().saturating_sub(1));
                }
            });
        }
        for round in 0..300_usize {
            map.resize(smallest + (round * 7919) % (1 << 21)).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_file_is_resized_while_others_read_and_write_it() {
    let file = file_with(&[0; 8 * PAGE]);
    readers_and_writers_beside_resizes(&writable(&file), 8 * PAGE);
}

#[test]
fn private_memory_is_moved_while_others_read_and_write_it() {
    for start in 0..20 {
        let map = Options::new().len(8 * PAGE + start).anonymous().unwrap();
        readers_and_writers_beside_resizes(&map, 8 * PAGE);
    }
}

/// Protecting what a resize has just left would open the door to writers that come late, whose bytes nobody sees again.
#[test]
fn private_memory_is_protected_while_it_moves_and_no_write_is_lost() {
    const STEP: usize = 4096;
    for _ in 0..300 {
        let map = Options::new().len(8 * STEP).anonymous().unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let all = safemap::Protection::READ | safemap::Protection::WRITE;
                    map.protect(..8 * STEP, all).unwrap();
                }
            });
            scope.spawn(|| {
                for mark in (0..=u8::MAX).cycle() {
                    map.fill(mark, ..8 * STEP).unwrap();
                    assert_eq!(map.to_vec(..8 * STEP).unwrap(), [mark; 8 * STEP], "a write was lost");
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            (0..7).for_each(|step| map.resize((16 * STEP) << step).unwrap());
            stop.store(true, Ordering::Relaxed);
        });
    }
}
