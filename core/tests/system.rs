//! What a map asks of the system: flush, advise, lock, protect, name, close.
#![forbid(unsafe_code)]

mod support;

use safemap::{Access, Advice, Error, Map, Options, Protection};
use support::{PAGE, file_with, pattern, writable};

#[test]
fn a_flushed_map_is_in_the_file() {
    let file = file_with(&[0; 3 * PAGE]);
    let map = Options::new().access(Access::Write).offset(100).open(file.path()).unwrap();
    map.fill(9, 5000..5010).unwrap();
    map.flush_range(5000..5010).unwrap();
    map.flush_async_range(1..2).unwrap();
    map.flush().unwrap();
    map.flush_async().unwrap();
    map.flush_range(7..7).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap()[5100..5110], [9; 10]);
}

#[test]
fn there_is_nothing_to_flush_in_a_map_that_reaches_nobody() {
    let file = file_with(b"abc");
    Map::open(file.path()).unwrap().flush().unwrap();
    Options::new().access(Access::Copy).open(file.path()).unwrap().flush().unwrap();
    Options::new().len(10).anonymous().unwrap().flush().unwrap();
}

#[test]
fn a_synced_map_is_in_the_file_and_the_file_is_synced() {
    let file = file_with(&[0; 3 * PAGE]);
    let map = writable(&file);
    map.resize(4 * PAGE).unwrap();
    map.fill(9, 3 * PAGE..).unwrap();
    map.sync_all().unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap()[3 * PAGE..], [9; PAGE]);
    let untracked = Options::new().access(Access::Write).untracked().open(file.path()).unwrap();
    assert!(matches!(untracked.sync_all(), Err(Error::NoFile { call: "sync_all" })));
    Map::open(file.path()).unwrap().sync_all().unwrap();
    Options::new().len(10).anonymous().unwrap().sync_all().unwrap();
}

#[test]
fn pages_are_fetched_and_let_go_and_keep_their_bytes() {
    let bytes = pattern(3 * PAGE + 5);
    let file = file_with(&bytes);
    let map = writable(&file);
    for advice in [Advice::WillNeed, Advice::PageOut] {
        for range in [0..bytes.len(), 17..5000, 17..17] {
            match map.advise(advice, range) {
                // Newer than the oldest system that we run on, or not there.
                Err(error) => {
                    assert!(matches!(error, Error::Os { call: "advise", .. } | Error::Unsupported(_)), "{error}")
                }
                Ok(()) => assert_eq!(map.to_vec(..).unwrap(), bytes),
            }
        }
    }
}

#[test]
fn pages_that_were_used_are_in_memory() {
    let page = safemap::page_size();
    let file = file_with(&pattern(700 * page + 5));
    let map = writable(&file);
    let bytes = map.to_vec(..).unwrap();
    match map.residency(..) {
        Ok(there) => assert_eq!((there.len(), there.iter().filter(|&&it| it).count()), (701, 701)),
        Err(error) => return assert!(matches!(error, Error::Os { call: "residency", .. }), "{error}"),
    }
    assert_eq!(map.residency(page - 1..page + 1).unwrap(), [true, true]);
    assert_eq!(map.residency(7..7).unwrap(), []);
    assert!(matches!(map.residency(bytes.len()..bytes.len() + 1), Err(Error::OutOfBounds { .. })));
    let memory = Options::new().len(8 * page).anonymous().unwrap();
    memory.set(3 * page + 1, 1).unwrap();
    assert_eq!(memory.residency(..).unwrap(), [false, false, false, true, false, false, false, false]);
}

#[test]
fn unknown_advice_is_refused() {
    let map = Options::new().len(PAGE).anonymous().unwrap();
    assert!(matches!(map.advise(Advice::Other(12_345), ..), Err(Error::Os { call: "advise", .. })));
}

#[test]
fn pages_can_be_locked_and_let_go() {
    let map = Options::new().len(2 * PAGE).anonymous().unwrap();
    map.lock(10..20).unwrap();
    map.unlock(10..20).unwrap();
    map.lock(..).unwrap();
    map.unlock(..).unwrap();
}

#[test]
fn protected_pages_are_faults_until_they_are_opened_again() {
    let map = Options::new().len(3 * PAGE).anonymous().unwrap();
    map.fill(1, ..).unwrap();
    map.protect(PAGE..2 * PAGE, Protection::NONE).unwrap();
    assert!(matches!(map.to_vec(..), Err(Error::Fault { offset: PAGE })));
    map.protect(PAGE..2 * PAGE, Protection::READ).unwrap();
    assert_eq!(map.get(PAGE).unwrap(), 1);
    assert!(matches!(map.fill(2, PAGE - 1..), Err(Error::Fault { offset: PAGE })));
    assert_eq!(map.get(PAGE - 1).unwrap(), 2, "bytes before the fault are written");
    map.protect(.., Protection::READ | Protection::WRITE).unwrap();
    map.fill(3, ..).unwrap();
    assert!(matches!(map.protect(1.., Protection::READ), Err(Error::Unaligned { offset: 1, .. })));
}

#[test]
fn a_file_opened_for_reading_is_not_opened_for_writing_by_protection() {
    let file = file_with(b"abc");
    let map = Map::open(file.path()).unwrap();
    assert!(matches!(map.protect(.., Protection::READ | Protection::WRITE), Err(Error::Os { call: "protect", .. })));
}

#[test]
fn closing_leaves_the_bytes_in_the_file_and_no_descriptor() {
    let file = file_with(b"abc");
    let map = writable(&file);
    map.resize(3 << 20).unwrap();
    map.set(0, b'x').unwrap();
    map.close().unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap()[..3], *b"xbc");
}

#[test]
fn errors_name_the_call_and_turn_into_io_errors() {
    let error = Map::open("no such file").unwrap_err();
    assert!(error.to_string().starts_with("open: "), "{error}");
    assert_eq!(error.os_code(), Some(2));
    let error = std::io::Error::from(error);
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.get_ref().unwrap().is::<Error>());
    let texts = [
        Error::Fault { offset: 7 },
        Error::Buffer { offset: 7 },
        Error::BeyondFile { offset: 1, len: 2, file_len: 2 },
        Error::BeyondFile { offset: 3, len: 0, file_len: 2 },
        Error::TooLong { len: 7 },
        Error::Unaligned { call: "map", offset: 1, multiple: 4096 },
        Error::Damaged { offset: 7 },
        Error::ReadOnly { call: "set" },
        Error::NoFile { call: "resize" },
        Error::Unsupported("this"),
    ]
    .map(|error| error.to_string());
    assert!(texts.iter().all(|text| !text.is_empty() && !text.ends_with('.')), "{texts:?}");
}
