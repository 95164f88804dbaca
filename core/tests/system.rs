//! Methods that call the operating system: flush, advise, lock, protect, residency, close.
#![forbid(unsafe_code)]

use safemap::{Access, Advice, Error, Map, Options, Protection, page_size};
use safemap_testing::{PAGE, TempFile, pattern};

#[test]
fn a_flushed_map_is_in_the_file() {
    let file = TempFile::new(&[0; 3 * PAGE]);
    let map = Options::new().access(Access::Write).offset(100).open(file.path()).unwrap();
    map.fill(9, 5000..5010).unwrap();
    map.flush_range(5000..5010).unwrap();
    map.flush_async_range(1..2).unwrap();
    map.flush().unwrap();
    map.flush_async().unwrap();
    map.flush_range(7..7).unwrap();
    assert_eq!(file.read()[5100..5110], [9; 10]);
}

#[test]
fn a_map_that_does_not_write_to_a_file_is_flushed_without_effect() {
    let file = TempFile::new(b"abc");
    Map::open(file.path()).unwrap().flush().unwrap();
    Options::new().access(Access::Copy).open(file.path()).unwrap().flush().unwrap();
    Options::new().len(10).anonymous().unwrap().flush().unwrap();
}

#[test]
fn a_synced_map_is_in_the_file_and_the_file_is_synced() {
    let file = TempFile::new(&[0; 3 * PAGE]);
    let map = file.map();
    map.resize(4 * PAGE).unwrap();
    map.fill(9, 3 * PAGE..).unwrap();
    map.sync_all().unwrap();
    assert_eq!(file.read()[3 * PAGE..], [9; PAGE]);
    let untracked = Options::new().access(Access::Write).untracked(true).open(file.path()).unwrap();
    assert!(matches!(untracked.sync_all(), Err(Error::NoFile { call: "sync_all" })));
    Map::open(file.path()).unwrap().sync_all().unwrap();
    Options::new().len(10).anonymous().unwrap().sync_all().unwrap();
}

#[test]
fn pages_that_are_loaded_and_evicted_keep_their_bytes() {
    let bytes = pattern(3 * PAGE + 5);
    let file = TempFile::new(&bytes);
    let map = file.map();
    for advice in [Advice::WillNeed, Advice::PageOut] {
        for range in [0..bytes.len(), 17..5000, 17..17] {
            match map.advise(advice, range) {
                // Some systems do not have this advice, others have it since a later version.
                Err(error) => {
                    assert!(
                        matches!(error, Error::Os { call: "advise", .. } | Error::Unsupported(_)),
                        "{error}"
                    )
                }
                Ok(()) => assert_eq!(map.to_vec(..).unwrap(), bytes),
            }
        }
    }
}

#[test]
fn pages_that_were_accessed_are_resident() {
    let page = safemap::page_size();
    let file = TempFile::new(&pattern(700 * page + 5));
    let map = file.map();
    let bytes = map.to_vec(..).unwrap();
    match map.residency(..) {
        Ok(resident) => assert_eq!(resident, [true; 701]),
        Err(error) => {
            return assert!(matches!(error, Error::Os { call: "residency", .. }), "{error}");
        }
    }
    assert_eq!(map.residency(page - 1..page + 1).unwrap(), [true, true]);
    assert_eq!(map.residency(7..7).unwrap(), []);
    assert!(matches!(map.residency(bytes.len()..bytes.len() + 1), Err(Error::OutOfBounds { .. })));
    let memory = Options::new().len(8 * page).anonymous().unwrap();
    memory.set(1, 3 * page + 1).unwrap();
    assert_eq!(
        memory.residency(..).unwrap(),
        [false, false, false, true, false, false, false, false]
    );
}

#[test]
fn unknown_advice_is_refused() {
    let map = Options::new().len(PAGE).anonymous().unwrap();
    assert!(matches!(map.advise(Advice::Other(12_345), ..), Err(Error::Os { call: "advise", .. })));
    assert!(!Advice::Other(12_345).is_supported());
    assert!(Advice::WillNeed.is_supported());
}

#[test]
fn the_address_of_an_empty_map_is_aligned_to_a_page() {
    let (empty, file) = (TempFile::new(b""), TempFile::new(b"abc"));
    let maps = [
        Options::new().open(empty.path()).unwrap(),
        Options::new().offset(3).open(file.path()).unwrap(),
        Options::new().access(Access::Copy).offset(1).len(0).open(file.path()).unwrap(),
        Options::new().len(0).anonymous().unwrap(),
    ];
    for map in maps {
        assert_eq!((map.len(), map.as_ptr().addr() % page_size()), (0, 0), "{map:?}");
    }
}

#[test]
fn all_pages_of_a_map_at_an_odd_offset_can_be_protected() {
    let file = TempFile::new(&pattern(3 * PAGE));
    let mut options = Options::new();
    let map = options.access(Access::Write).offset(5).open(file.path()).unwrap();
    map.protect(Protection::READ, ..).unwrap();
    for at in [0, PAGE, map.len() - 1] {
        assert!(matches!(map.set(1, at), Err(Error::Fault { offset }) if offset == at));
    }
    map.protect(Protection::READ | Protection::WRITE, ..).unwrap();
    map.fill(1, ..).unwrap();
}

#[test]
fn pages_can_be_locked_and_unlocked() {
    let map = Options::new().len(2 * PAGE).anonymous().unwrap();
    map.lock(10..20).unwrap();
    map.unlock(10..20).unwrap();
    map.lock(..).unwrap();
    map.unlock(..).unwrap();
}

#[test]
fn access_to_a_protected_page_is_a_fault_until_it_is_allowed_again() {
    let map = Options::new().len(3 * PAGE).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.protect(Protection::NONE, PAGE..2 * PAGE).unwrap();
    assert!(matches!(map.to_vec(..), Err(Error::Fault { offset: PAGE })));
    map.protect(Protection::READ, PAGE..2 * PAGE).unwrap();
    assert_eq!(map.get(PAGE).unwrap(), 1);
    assert!(matches!(map.fill(2, PAGE - 1..), Err(Error::Fault { offset: PAGE })));
    assert_eq!(map.get(PAGE - 1).unwrap(), 2, "bytes before the fault are written");
    map.protect(Protection::READ | Protection::WRITE, ..).unwrap();
    map.fill(3, ..).unwrap();
    assert!(matches!(map.protect(Protection::READ, 1..), Err(Error::Unaligned { offset: 1, .. })));
}

#[test]
fn protection_does_not_make_a_read_only_file_writable() {
    let file = TempFile::new(b"abc");
    let map = Map::open(file.path()).unwrap();
    assert!(matches!(
        map.protect(Protection::READ | Protection::WRITE, ..),
        Err(Error::Os { call: "protect", .. })
    ));
}

#[test]
fn closing_keeps_the_bytes_in_the_file() {
    let file = TempFile::new(b"abc");
    let map = file.map();
    map.resize(3 << 20).unwrap();
    map.set(b'x', 0).unwrap();
    map.close().unwrap();
    assert_eq!(file.read()[..3], *b"xbc");
}
