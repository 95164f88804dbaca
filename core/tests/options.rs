//! The options of a map.
#![forbid(unsafe_code)]

use std::fs::File;

use safemap::{
    Access, Advice, Error, Flags, HugePage, Map, Options, Protection, Sharing, granularity,
};
use safemap_testing::{PAGE, TempFile, pattern};

#[test]
fn any_part_of_a_file_can_be_mapped() {
    let bytes = pattern(5 * PAGE);
    let file = TempFile::new(&bytes);
    for offset in [0, 1, 4095, 4096, 4097, 3 * PAGE - 1, 5 * PAGE - 1] {
        for len in [1, 17, 5000] {
            let len = len.min(bytes.len() - offset);
            let map = Options::new().offset(offset as u64).len(len).open(file.path()).unwrap();
            assert_eq!(
                map.to_vec(..).unwrap(),
                bytes[offset..offset + len],
                "{len} bytes at {offset}"
            );
            assert_eq!(map.offset(), offset as u64);
        }
        let rest = Options::new().offset(offset as u64).open(file.path()).unwrap();
        assert_eq!(rest.to_vec(..).unwrap(), bytes[offset..]);
    }
}

#[test]
fn a_map_beyond_the_file_is_refused() {
    let file = TempFile::new(&[0; 10]);
    let longer = Options::new().len(11).open(file.path());
    assert!(matches!(longer, Err(Error::BeyondFile { offset: 0, len: 11, file_len: 10 })));
    let later = Options::new().offset(11).open(file.path());
    assert!(matches!(later, Err(Error::BeyondFile { offset: 11, len: 0, file_len: 10 })));
    let far = Options::new().offset(u64::MAX).len(usize::MAX).open(file.path());
    assert!(matches!(far, Err(Error::BeyondFile { .. })));
    let at_the_end = Options::new().offset(10).open(file.path()).unwrap();
    assert!(at_the_end.is_empty());
}

#[test]
fn a_file_is_passed_by_value_or_by_reference() {
    let file = TempFile::new(b"twelve bytes");
    let open = File::open(file.path()).unwrap();
    assert_eq!(Options::new().map(&open).unwrap().len(), 12);
    let map = Options::new().map(open).unwrap();
    assert_eq!(map.get(0).unwrap(), b't', "the map has its own descriptor");
    assert_eq!(map.file_len().unwrap(), 12);
    let open = File::open(file.path()).unwrap();
    assert_eq!(Map::try_from(&open).unwrap().len(), 12);
    assert_eq!(Map::try_from(open).unwrap().to_vec(..6).unwrap(), b"twelve");
}

#[test]
fn a_map_lends_the_descriptor_that_it_keeps() {
    let file = TempFile::new(b"abc");
    let map = file.map();
    let same = File::from(map.file().unwrap().try_clone_to_owned().unwrap());
    same.set_len(9).unwrap();
    assert_eq!(file.file_len(), 9);
    assert!(Options::new().untracked(true).open(file.path()).unwrap().file().is_none());
    assert!(Options::new().len(1).anonymous().unwrap().file().is_none());
}

#[test]
fn writing_requires_a_file_opened_for_writing() {
    let file = TempFile::new(b"abc");
    let read_only = File::open(file.path()).unwrap();
    let refused = Options::new().access(Access::Write).map(&read_only).unwrap_err();
    assert_eq!(std::io::Error::from(refused).kind(), std::io::ErrorKind::PermissionDenied);
    let copy = Options::new().access(Access::Copy).map(&read_only).unwrap();
    copy.set(b'x', 0).unwrap();
}

#[test]
fn anonymous_memory_is_zeros_and_can_be_written() {
    let map = Options::new().len(3 * PAGE + 1).anonymous().unwrap();
    assert!(map.is_anonymous());
    assert!(map.to_vec(..).unwrap().iter().all(|&byte| byte == 0));
    map.fill(7, ..).unwrap();
    assert_eq!(map.get(3 * PAGE).unwrap(), 7);
    assert_eq!(map.file_len().unwrap(), 3 * PAGE as u64 + 1);
    assert_eq!(map.sharing(), Sharing::Private);
}

#[test]
fn anonymous_memory_requires_a_possible_length() {
    assert!(matches!(Options::new().anonymous(), Err(Error::Unsupported(_))));
    assert!(matches!(Options::new().len(usize::MAX).anonymous(), Err(Error::TooLong { .. })));
    // A 32-bit address space has room for one of them.
    let maps = [(); 3].map(|()| Options::new().len(isize::MAX as usize - PAGE).anonymous());
    let is_refused = |map| matches!(map, &Err(Error::Os { .. } | Error::TooLong { .. }));
    assert!(maps.iter().any(is_refused), "{maps:?}");
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn a_length_beyond_the_address_space_is_not_blamed_on_a_limit() {
    const ABSURD: usize = 1 << 62;
    let file = TempFile::new(b"abc");
    let memory = Options::new().len(10).anonymous().unwrap();
    let refused = [
        memory.resize(ABSURD),
        file.map().resize(ABSURD),
        Options::new().len(ABSURD).anonymous().map(drop),
        Options::new().len(10).reserve(ABSURD).anonymous().map(drop),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(!error.to_string().contains("limit"), "{error}");
        assert!(matches!(error, Error::TooLong { len, .. } if len >= ABSURD as u64), "{error}");
    }
}

#[test]
fn an_untracked_map_keeps_no_descriptor() {
    let file = TempFile::new(b"abc");
    let map = Options::new().access(Access::Write).untracked(true).open(file.path()).unwrap();
    assert_eq!(map.get(0).unwrap(), b'a');
    assert!(matches!(map.file_len(), Err(Error::NoFile { call: "file_len" })));
    assert!(matches!(map.resize(9), Err(Error::NoFile { call: "resize" })));
}

#[test]
fn an_exact_offset_is_not_rounded() {
    let (step, bytes) = (granularity(), pattern(2 * granularity()));
    let file = TempFile::new(&bytes);
    for offset in [1, step as u64 / 2] {
        let refused = Options::new().exact_offset(true).offset(offset).open(file.path());
        assert!(matches!(refused, Err(Error::Unaligned { .. })), "{refused:?}");
    }
    let map = Options::new().exact_offset(true).offset(step as u64).open(file.path()).unwrap();
    assert_eq!(map.get(0).unwrap(), bytes[step]);
}

#[test]
fn access_that_the_protection_forbids_is_a_fault() {
    let closed = Options::new().len(PAGE).protection(Protection::NONE).anonymous().unwrap();
    assert!(matches!(closed.get(5), Err(Error::Fault { offset: 5 })));
    let code = Options::new()
        .len(PAGE)
        .protection(Protection::READ | Protection::EXEC)
        .anonymous()
        .unwrap();
    assert_eq!(code.get(0).unwrap(), 0);
    assert!(matches!(code.set(1, 9), Err(Error::Fault { offset: 9 })));
}

#[test]
fn exact_flags_replace_the_implied_ones() {
    let file = TempFile::new(b"abc");
    let read = File::open(file.path()).unwrap();
    let private =
        Options::new().access(Access::Write).exact_flags(Flags::PRIVATE).map(&read).unwrap();
    private.set(b'x', 0).unwrap();
    assert_eq!(private.sharing(), Sharing::Private);
    assert_eq!(file.read(), b"abc");
    let neither = Options::new().exact_flags(Flags::from_bits(0)).open(file.path());
    assert!(matches!(neither, Err(Error::Os { call: "map", .. })));
}

#[cfg(unix)]
#[test]
fn existing_mappings_cannot_be_replaced() {
    let refused = Options::new().len(PAGE).flags(Flags::from_bits(libc::MAP_FIXED)).anonymous();
    assert!(matches!(refused, Err(Error::Os { call: "map", .. })));
}

#[test]
fn huge_pages_come_from_the_pool_or_are_an_error() {
    let odd = Options::new().len(1).huge_pages(HugePage::Size(12345)).anonymous();
    assert!(matches!(odd, Err(Error::Unsupported(_))));
    match Options::new().len(1).huge_pages(HugePage::Default).anonymous() {
        Ok(map) => {
            assert!(map.capacity() >= 64 * 1024);
            map.set(1, 0).unwrap();
            map.close().unwrap();
        }
        Err(error) => assert!(
            matches!(error, Error::Os { call: "map", .. } | Error::Unsupported(_)),
            "{error}"
        ),
    }
}

#[test]
fn a_file_is_extended_if_requested() {
    let file = TempFile::new(b"abc");
    let map = Options::new()
        .access(Access::Write)
        .offset(1)
        .len(70_000)
        .extend(true)
        .open(file.path())
        .unwrap();
    assert_eq!(file.file_len(), 70_001);
    assert_eq!((map.len(), map.to_vec(..4).unwrap()), (70_000, b"bc\0\0".to_vec()));
    let shorter =
        Options::new().access(Access::Write).len(2).extend(true).open(file.path()).unwrap();
    assert_eq!((shorter.len(), file.file_len()), (2, 70_001), "a file is never truncated");
    for access in [Access::Read, Access::Copy] {
        let refused = Options::new().access(access).len(80_000).extend(true).open(file.path());
        assert!(matches!(refused, Err(Error::BeyondFile { .. })), "{access:?}: {refused:?}");
    }
}

#[test]
fn switches_can_be_switched_off() {
    let file = TempFile::new(b"abc");
    let mut options = Options::new();
    options.access(Access::Write).len(9).offset(1);
    options.untracked(true).exact_offset(true).extend(true).create(true).create_new(true);
    options.untracked(false).exact_offset(false).create(false).create_new(false);
    assert_eq!(options.open(file.path()).unwrap().file_len().unwrap(), 10);
    options.extend(false).len(10);
    assert!(matches!(options.open(file.path()), Err(Error::BeyondFile { .. })));
    let memory = Options::new().len(1).repair(true).repair(false).anonymous();
    assert!(memory.is_ok(), "anonymous memory cannot be repaired");
}

#[test]
fn a_file_is_created_with_the_length_of_its_map() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let mut options = Options::new();
    options.access(Access::Write).create(true).offset(5).len(100);
    options.open(&path).unwrap().fill(7, ..).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [vec![0; 5], vec![7; 100]].concat());
    options.len(50).open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().len(), 105, "a file is never truncated");
    assert!(matches!(options.len(200).open(&path), Err(Error::BeyondFile { .. })));
    options.extend(true).open(&path).unwrap();
    assert_eq!(path.metadata().unwrap().len(), 205);
    let empty = folder.path().join("empty");
    let map = Options::new().access(Access::Write).create_new(true).open(&empty).unwrap();
    assert_eq!((map.len(), empty.metadata().unwrap().len()), (0, 0));
}

#[test]
fn an_empty_file_gets_the_length_of_a_map_that_creates_it() {
    let file = TempFile::new(b"");
    let mut options = Options::new();
    options.access(Access::Write).len(100);
    assert!(matches!(options.open(file.path()), Err(Error::BeyondFile { .. })));
    assert!(matches!(options.create(true).map(file.open()), Err(Error::BeyondFile { .. })));
    assert_eq!(options.open(file.path()).unwrap().len(), 100);
}

#[test]
fn files_are_created_for_writing_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    for access in [Access::Read, Access::Copy] {
        let mut options = Options::new();
        options.access(access).len(9);
        for options in [options.clone().create(true), options.create_new(true)] {
            let refused = std::io::Error::from(options.open(&path).unwrap_err());
            assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput, "{refused}");
        }
    }
    assert!(!path.exists());
}

#[test]
fn a_new_file_is_removed_if_it_cannot_be_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let mut options = Options::new();
    options.access(Access::Write).exact_offset(true).offset(1).len(9);
    let refused = options.create_new(true).open(&path);
    assert!(matches!(refused, Err(Error::Unaligned { .. })), "{refused:?}");
    assert!(!path.exists());
    std::fs::write(&path, "abc").unwrap();
    let refused = std::io::Error::from(options.open(&path).unwrap_err());
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    options.create_new(false).create(true).offset(5).extend(true).open(&path).unwrap_err();
    assert!(path.exists(), "another process may use it");
}

#[test]
fn a_reserve_raises_the_capacity() {
    let map = Options::new().len(10).reserve(1 << 30).anonymous().unwrap();
    assert_eq!(map.len(), 10);
    assert!(map.capacity() >= 1 << 30);
    assert!(map.get(10).is_err());
}

#[test]
fn an_offset_is_ignored_for_memory() {
    let map = Options::new().offset(100).len(4096).anonymous().unwrap();
    map.fill(7, ..).unwrap();
    for len in [100_000, 5000] {
        map.resize(len).unwrap();
        assert_eq!(map.to_vec(..4096).unwrap(), [7; 4096]);
    }
}

#[test]
fn contradictory_options_are_refused() {
    let file = TempFile::new(b"original");
    let open = File::options().read(true).write(true).open(file.path()).unwrap();
    let copy = Options::new().access(Access::Copy).sharing(Sharing::Shared).map(&open);
    assert!(matches!(copy, Err(Error::Unsupported(_))));
    assert!(matches!(
        Options::new().len(1).huge_pages(HugePage::Size(1)).anonymous(),
        Err(Error::Unsupported(_))
    ));
}

#[cfg(unix)]
#[test]
fn the_flag_for_anonymous_memory_overrides_the_file() {
    let file = TempFile::new(b"original");
    let open = File::options().read(true).write(true).open(file.path()).unwrap();
    let flags = Flags::from_bits(libc::MAP_ANON);
    let mut options = Options::new();
    // Flags of a second call are added.
    options.access(Access::Write).len(8).flags(flags).flags(Flags::default());
    for memory in [options.map(&open).unwrap(), options.open(file.path()).unwrap()] {
        assert!(memory.is_anonymous());
        memory.set(1, 0).unwrap();
        memory.resize(16).unwrap();
        assert_eq!(memory.get(0).unwrap(), 1);
        memory.resize(1).unwrap();
        assert_eq!(file.read(), b"original");
    }
}

#[test]
fn flags_are_sets() {
    let both = Protection::READ | Protection::WRITE;
    let mut flags = Protection::default();
    assert_eq!((flags, flags.is_empty()), (Protection::NONE, true));
    flags |= both;
    assert_eq!((flags, flags.is_empty()), (both, false));
    assert_eq!(flags & Protection::WRITE, Protection::WRITE);
    flags &= !Protection::READ;
    assert_eq!(flags, Protection::WRITE);
    assert!((Flags::SHARED & !Flags::SHARED).is_empty());
    let distinct = std::collections::HashSet::from([both, Protection::READ, both]);
    assert_eq!(distinct.len(), 2);
    assert_eq!(format!("{0:#x} {0:X} {0:#o} {0:b}", Flags::from_bits(42)), "0x2a 2A 0o52 101010");
    assert_eq!(HugePage::default(), HugePage::Default);
    assert_eq!(Advice::default(), Advice::Normal);
}

#[test]
fn transactional_maps_are_unsupported_without_range_locks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "bytes").unwrap();
    for access in [Access::Read, Access::Write] {
        let opened = Options::new().access(access).transactional(true).open(&path);
        match safemap::ipc::has_range_locks() && cfg!(unix) {
            true => assert_eq!(opened.unwrap().to_vec(..).unwrap(), b"bytes"),
            false => assert!(matches!(opened, Err(Error::Unsupported(_))), "{opened:?}"),
        }
    }
}
