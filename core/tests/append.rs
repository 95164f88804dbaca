//! `Map::append`, `write_growing` and `grow`: maps that grow with their file.
#![forbid(unsafe_code)]

use std::{fs::File, io, thread};

use safemap::{Access, Error, Map, Options, Sharing};
use safemap_testing::{PAGE, TempFile, can_truncate_mapped, noise, pattern};

fn writable(file: &TempFile) -> Map {
    Options::new().access(Access::Write).open(file.path()).unwrap()
}

#[test]
fn appended_bytes_are_in_file_map_and_refreshed_maps() {
    for (old, offset) in [(0, 0), (5, 0), (PAGE, 0), (3 * PAGE + 7, 100), (2 * PAGE, 2 * PAGE)] {
        let mut expected = pattern(old);
        let file = TempFile::new(&expected);
        let mut options = Options::new();
        let map = options.access(Access::Write).offset(offset as u64).open(file.path()).unwrap();
        let reader = Map::open(file.path()).unwrap();
        for (seed, len) in
            [1, 0, 100, PAGE, PAGE - 1, 3 * PAGE + 1, 300 * PAGE, 2].into_iter().enumerate()
        {
            let bytes = noise(seed as u64, len);
            assert_eq!(map.append(&bytes).unwrap(), expected.len() - offset);
            expected.extend(bytes);
            assert!(map.to_vec(..).unwrap() == expected[offset..]);
            assert_eq!(reader.refresh().unwrap(), expected.len());
            assert!(reader.to_vec(..).unwrap() == expected && file.read() == expected);
        }
        map.set(b'x', map.len() - 1).unwrap();
        assert_eq!(reader.get(reader.len() - 1).unwrap(), b'x');
    }
}

#[test]
fn a_map_appends_at_the_end_of_its_file_only() {
    let file = TempFile::new(b"abcdef");
    let part = Options::new().access(Access::Write).len(3).open(file.path()).unwrap();
    let text = part.append(b"x").unwrap_err().to_string();
    assert!(text.contains("refresh"), "{text}");
    let map = writable(&file);
    io::Write::write_all(&mut File::options().append(true).open(file.path()).unwrap(), b"g")
        .unwrap();
    assert!(matches!(map.append(b"x"), Err(Error::Unsupported(_))));
    map.refresh().unwrap();
    assert_eq!(map.append(b"h").unwrap(), 7);
    if can_truncate_mapped() {
        file.set_len(2);
        assert!(matches!(map.append(b"x"), Err(Error::Unsupported(_))));
        assert_eq!(file.read(), b"ab");
    }
}

#[test]
fn maps_that_cannot_grow_refuse_to_append() {
    let file = TempFile::new(b"abc");
    let unsupported = |map: Map| matches!(map.append(b"x"), Err(Error::Unsupported(_)));
    let map = |options: &mut Options| options.open(file.path()).unwrap();
    assert!(matches!(file.map().append(b""), Ok(3)));
    assert!(matches!(
        map(&mut Options::new()).append(b"x"),
        Err(Error::ReadOnly { call: "append" })
    ));
    assert!(unsupported(map(Options::new().access(Access::Copy))));
    let untracked = map(Options::new().access(Access::Write).untracked(true));
    assert!(matches!(untracked.append(b"x"), Err(Error::NoFile { call: "append" })));
    assert!(unsupported(Options::new().len(3).anonymous().unwrap()));
    assert!(unsupported(Options::new().len(3).sharing(Sharing::Shared).anonymous().unwrap()));
    #[cfg(unix)]
    {
        let open = File::options().read(true).append(true).open(file.path()).unwrap();
        assert!(unsupported(Options::new().access(Access::Write).map(&open).unwrap()));
    }
    assert_eq!(file.read(), b"abc");
}

#[test]
fn threads_append_in_turns() {
    let file = TempFile::new(b"");
    let map = writable(&file);
    thread::scope(|scope| {
        for thread in 0..4_u8 {
            let map = &map;
            scope.spawn(move || {
                for round in 0..500_u32 {
                    let record = vec![thread + 1; 1 + (round % 300) as usize];
                    let at = map.append(&record).unwrap();
                    assert_eq!(map.to_vec(at..at + record.len()).unwrap(), record);
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..200 {
                let len = map.refresh().unwrap();
                assert!(map.to_vec(..len).unwrap().iter().all(|&byte| byte != 0));
            }
        });
    });
    let expected: usize = (0..500).map(|round| 4 * (1 + round % 300)).sum();
    assert_eq!((map.len(), file.read().len()), (expected, expected));
    assert!(file.read().iter().all(|&byte| byte != 0));
}

/// Otherwise a resize would cut the file between a write and the length that it publishes.
#[test]
fn calls_that_change_the_length_exclude_each_other() {
    let file = TempFile::new(b"");
    let map = writable(&file);
    for round in 0..40 {
        thread::scope(|scope| {
            for thread in 0..4 {
                let map = &map;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(round * 4 + thread);
                    for _ in 0..30 {
                        let len = random.usize(..20 * PAGE);
                        match thread {
                            0 if can_truncate_mapped() => map.resize(len).unwrap(),
                            1 => drop(map.write_growing(&[1; 100], len)),
                            2 => map.refresh().map(drop).unwrap(),
                            _ => map.append(&vec![1; len]).map(drop).unwrap(),
                        }
                    }
                });
            }
        });
        assert_eq!(map.len() as u64, file.file_len(), "round {round}");
    }
}

#[test]
fn writing_past_the_end_makes_the_map_longer() {
    let file = TempFile::new(b"abc");
    let map = writable(&file);
    map.write_growing(b"XY", 1).unwrap();
    map.write_growing(b"0123", 2).unwrap();
    assert_eq!(file.read(), b"aX0123");
    map.write_growing(b"!", 2 * PAGE).unwrap();
    assert_eq!(map.len(), 2 * PAGE + 1);
    let mut expected = b"aX0123".to_vec();
    expected.resize(2 * PAGE, 0);
    expected.push(b'!');
    assert!(file.read() == expected && map.to_vec(..).unwrap() == expected);
    map.write_growing(b"", 10 * PAGE).unwrap();
    assert_eq!(map.len(), expected.len());
    assert!(map.write_growing(b"x", usize::MAX).is_err());
    let read_only = Map::open(file.path()).unwrap();
    assert!(matches!(read_only.write_growing(b"x", 0), Err(Error::ReadOnly { .. })));
    assert!(matches!(read_only.write_growing(b"x", map.len()), Err(Error::ReadOnly { .. })));
}

/// A map that is behind keeps what another process has appended.
#[test]
fn only_resizing_makes_a_file_shorter() {
    let file = TempFile::new(&[1; 100]);
    let behind = || {
        let map = Options::new().access(Access::Write).len(100).open(file.path()).unwrap();
        file.open().set_len(1000).unwrap();
        map
    };
    let map = behind();
    map.grow(110).unwrap();
    assert_eq!((map.len(), file.file_len()), (110, 1000));
    map.write_growing(&[2; 20], 100).unwrap();
    assert_eq!((map.len(), file.file_len()), (120, 1000));
    assert_eq!((map.get(119).unwrap(), &file.read()[119..121]), (2, &[2, 0][..]));
    map.grow(50).unwrap();
    assert_eq!(map.len(), 120);
    map.grow(1200).unwrap();
    assert_eq!((map.len(), file.file_len()), (1200, 1200));
    drop(map);
    file.set_len(100);
    let map = behind();
    // The control: a resize cuts what the map does not show.
    map.resize(110).unwrap();
    assert_eq!(file.file_len(), 110);
}

#[test]
fn memory_grows_without_a_file() {
    for sharing in [Sharing::Private, Sharing::Shared] {
        let map = Options::new().len(5).reserve(1 << 20).sharing(sharing).anonymous().unwrap();
        map.fill(1, ..).unwrap();
        map.grow(3 * PAGE).unwrap();
        map.grow(1).unwrap();
        assert_eq!((map.len(), map.get(4).unwrap(), map.get(5).unwrap()), (3 * PAGE, 1, 0));
    }
}

#[cfg(unix)]
mod in_place {
    use super::*;

    #[test]
    fn neither_address_nor_bytes_change_within_the_reserve() {
        let bytes = pattern(PAGE + 5);
        let file = TempFile::new(&bytes);
        let options = |access| {
            let mut options = Options::new();
            options.access(access).offset(100).reserve(1 << 20);
            options.open(file.path()).unwrap()
        };
        let (map, reader) = (options(Access::Write), options(Access::Read));
        let addresses = (map.as_ptr(), reader.as_ptr());
        let mut expected = bytes[100..].to_vec();
        assert_eq!(map.in_place().append(b"more").unwrap(), expected.len());
        expected.extend(b"more");
        map.in_place().write_growing(&[7; 3 * PAGE], 2).unwrap();
        expected.resize(2, 0);
        expected.extend([7; 3 * PAGE]);
        map.in_place().grow(1 << 19).unwrap();
        map.in_place().resize(1 << 20).unwrap();
        expected.resize(1 << 20, 0);
        assert_eq!(reader.in_place().refresh().unwrap(), 1 << 20);
        assert!(map.to_vec(..).unwrap() == expected && reader.to_vec(..).unwrap() == expected);
        assert_eq!((map.as_ptr(), reader.as_ptr()), addresses);
    }

    #[test]
    fn a_call_that_would_move_or_shorten_the_map_changes_nothing() {
        let file = TempFile::new(&pattern(2 * PAGE));
        let map = Options::new().access(Access::Write).reserve(4 * PAGE).open(file.path()).unwrap();
        let (in_place, beyond) = (map.in_place(), map.capacity() + 1);
        let refused = |result: Result<(), Error>| matches!(result, Err(Error::InUse { .. }));
        assert!(refused(in_place.resize(PAGE)) && refused(in_place.resize(beyond)));
        assert!(refused(in_place.grow(beyond)));
        assert!(refused(in_place.append(&vec![1; beyond - map.len()]).map(drop)));
        assert!(refused(in_place.write_growing(&[1; 2], beyond - 2)));
        assert_eq!((map.len(), file.file_len()), (2 * PAGE, 2 * PAGE as u64));
        in_place.grow(1).unwrap();
        in_place.write_growing(&[1; 2], 3).unwrap();
        file.set_len(PAGE as u64);
        assert!(refused(in_place.refresh().map(drop)));
        file.set_len(beyond as u64);
        assert!(refused(in_place.refresh().map(drop)));
        assert_eq!(map.len(), 2 * PAGE);
        // The control.
        assert_eq!(map.refresh().unwrap(), beyond);
    }

    #[test]
    fn a_reserve_that_is_of_no_use_is_refused() {
        let file = TempFile::new(b"abc");
        let mut options = Options::new();
        options.reserve(1 << 20);
        assert!(options.open(file.path()).is_ok());
        let private = options.access(Access::Copy).open(file.path());
        assert!(matches!(private, Err(Error::Unsupported(_))));
    }
}

#[cfg(windows)]
#[test]
fn a_file_has_no_reserve() {
    let file = TempFile::new(b"abc");
    let refused = Options::new().reserve(1 << 20).open(file.path());
    assert!(matches!(refused, Err(Error::Unsupported(_))));
}

#[cfg(target_os = "linux")]
mod refused_by_the_system {
    use safemap_testing::{
        process::limit_file_size_with_signal,
        seccomp::{Forbidden, forbid},
        succeeds_in_child,
    };

    use super::*;

    #[test]
    fn an_append_beyond_the_limit_of_file_sizes_writes_nothing() {
        succeeds_in_child(|| {
            limit_file_size_with_signal(10_000);
            let file = TempFile::new(b"0123456789");
            let map = writable(&file);
            let refused = map.append(&[1; 9_991]).unwrap_err();
            assert_eq!(refused.raw_os_error(), Some(libc::EFBIG), "{refused}");
            assert!(refused.to_string().contains("RLIMIT_FSIZE"), "{refused}");
            assert!(map.write_growing(b"x", 10_000).is_err());
            assert_eq!((map.len(), file.file_len()), (10, 10));
            assert_eq!(map.append(&[1; 9_990]).unwrap(), 10);
        });
    }

    #[test]
    fn appending_works_where_space_cannot_be_allocated_before() {
        succeeds_in_child(|| {
            let file = TempFile::new(b"");
            let map = writable(&file);
            for errno in [libc::ENOSYS, libc::EOPNOTSUPP] {
                if forbid(&[libc::SYS_fallocate], Forbidden::Fails(errno)).is_err() {
                    return println!("skipped: this system has no filters");
                }
                map.append(&[1; 5 * PAGE]).unwrap();
            }
            assert_eq!(map.to_vec(..).unwrap(), [1; 10 * PAGE]);
        });
    }

    #[test]
    fn a_refused_allocation_or_write_changes_nothing() {
        for call in [libc::SYS_fallocate, libc::SYS_pwrite64] {
            let number = libc::ENOSPC;
            succeeds_in_fork(|| {
                let file = TempFile::new(b"abc");
                let map = writable(&file);
                if forbid(&[call], Forbidden::Fails(number)).is_err() {
                    return println!("skipped: this system has no filters");
                }
                let refused = map.append(&[1; 5 * PAGE]).unwrap_err();
                assert_eq!(refused.raw_os_error(), Some(number), "{refused}");
                assert_eq!((map.len(), &file.read()[..]), (3, &b"abc"[..]));
                assert_eq!(map.to_vec(..).unwrap(), b"abc");
            });
        }
    }

    fn succeeds_in_fork(body: impl FnOnce()) {
        let child = safemap_testing::process::Fork::run(|| {
            body();
            0
        });
        assert!(child.unwrap().wait().unwrap().success());
    }
}
