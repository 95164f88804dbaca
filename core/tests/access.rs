//! Changing what the program may do with an existing map.
#![forbid(unsafe_code)]

use std::io::ErrorKind;

use safemap::{Access, Advice, Error, Map, Options, Protection, Sharing};
use safemap_testing::{PAGE, TempFile, pattern};

fn is_read_only(map: &Map) -> bool {
    matches!(map.set(1, 0), Err(Error::ReadOnly { call: "set" }))
}

/// Windows makes no view writable that was created for reading.
#[cfg(unix)]
#[test]
fn a_map_for_reading_becomes_writable_if_its_file_is() {
    let file = TempFile::new(&pattern(PAGE + 9));
    // The descriptor allows writing.
    let map = Options::new().reserve(1 << 20).map(file.open()).unwrap();
    let address = map.as_ptr();
    assert!(is_read_only(&map));
    let map = map.into_access(Access::Write).unwrap();
    assert_eq!((map.access(), map.as_ptr()), (Access::Write, address));
    map.fill(b'x', ..).unwrap();
    map.flush().unwrap();
    assert_eq!(file.read(), vec![b'x'; PAGE + 9]);
    for len in [8 * PAGE, 2 << 20] {
        map.resize(len).unwrap();
        map.fill(b'y', ..).unwrap();
        assert_eq!(file.read(), vec![b'y'; len]);
    }
}

#[test]
fn a_map_for_writing_becomes_read_only_and_writable_again() {
    let file = TempFile::new(&pattern(2 * PAGE));
    let mut maps = vec![Options::new().access(Access::Write).map(file.open()).unwrap()];
    for sharing in [Sharing::Private, Sharing::Shared] {
        let mut options = Options::new();
        options.len(2 * PAGE).reserve(8 * PAGE).sharing(sharing);
        maps.push(options.anonymous().unwrap());
    }
    for map in maps {
        map.fill(b'a', ..).unwrap();
        map.protect(Protection::READ, ..).unwrap();
        let map = map.into_access(Access::Read).unwrap();
        assert!(is_read_only(&map), "{map:?}");
        let map = map.into_access(Access::Write).unwrap();
        assert_eq!(map.get(PAGE).unwrap(), b'a');
        map.fill(b'b', ..).unwrap();
        map.resize(3 * PAGE).unwrap();
        map.fill(b'c', ..).unwrap();
        if let Ok(()) | Err(Error::Fault { .. }) = map.advise(Advice::Remove, ..PAGE) {
            assert_eq!(map.get(0).unwrap(), 0, "the pages allow writing");
        }
    }
}

#[test]
fn a_refused_change_gives_the_map_back() {
    let file = TempFile::new(b"abc");
    let map = Map::open(file.path()).unwrap();
    let (error, map) = map.into_access(Access::Write).unwrap_err();
    assert_eq!(map.to_vec(..).unwrap(), b"abc");
    assert!(matches!(error, Error::Os { call: "into_access", .. }), "{error}");
    if cfg!(unix) {
        assert_eq!(std::io::Error::from(error).kind(), ErrorKind::PermissionDenied);
    }
    assert!(is_read_only(&map));
    let (error, map) = map.into_access(Access::Copy).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error}");
    assert_eq!(map.into_access(Access::Read).unwrap().access(), Access::Read);
}

#[test]
fn a_private_map_of_a_file_becomes_a_copy() {
    let file = TempFile::new(b"abc");
    let mut maps = vec![Options::new().access(Access::Copy).map(file.open()).unwrap()];
    if cfg!(unix) {
        maps.push(Options::new().sharing(Sharing::Private).map(file.open()).unwrap());
    }
    for map in maps {
        let map = map.into_access(Access::Read).unwrap();
        assert!(is_read_only(&map));
        let (error, map) = map.into_access(Access::Write).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        let map = map.into_access(Access::Copy).unwrap();
        map.set(b'x', 0).unwrap();
        assert_eq!((map.to_vec(..).unwrap(), file.read()), (b"xbc".to_vec(), b"abc".to_vec()));
    }
}

#[test]
fn an_empty_map_changes_its_access() {
    let map = Options::new().len(0).anonymous().unwrap();
    let map = map.into_access(Access::Read).unwrap();
    let map = map.into_access(Access::Write).unwrap();
    map.resize(PAGE).unwrap();
    map.fill(1, ..).unwrap();
}
