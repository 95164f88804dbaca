//! Files, offsets and lengths beyond what 32 bits count: right, or refused.
#![forbid(unsafe_code)]

mod support;

use safemap::{Access, Error, Map, Options};
use support::{PAGE, cut, cuts, survives};
use tempfile::NamedTempFile;

const FAR: u64 = 5 << 30;

/// A file of `FAR` bytes and some, nearly all of them a hole.
fn large_file() -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    file.as_file().set_len(FAR + 100).expect("a sparse file of 5 GiB");
    file
}

fn far(file: &NamedTempFile) -> Map {
    Options::new().access(Access::Write).offset(FAR).open(file.path()).expect("a map of the last bytes")
}

#[test]
fn what_lies_far_in_a_file_is_mapped_there_and_nowhere_else() {
    let file = large_file();
    let map = far(&file);
    assert_eq!((map.len(), map.offset(), map.file_len().unwrap()), (100, FAR, FAR + 100));
    map.write_at(b"far away", 7).unwrap();
    assert_eq!(map.find(b"away", ..).unwrap(), Some(11));
    map.flush().unwrap();
    // Where the offset would be if its upper half were lost.
    let near = Options::new().offset(FAR & u64::from(u32::MAX)).len(100).open(file.path()).unwrap();
    assert_eq!(near.to_vec(..).unwrap(), [0; 100]);
    let again = Options::new().offset(FAR + 7).len(8).open(file.path()).unwrap();
    assert_eq!(again.to_vec(..).unwrap(), b"far away");
}

#[test]
fn a_map_far_in_a_file_resizes_all_of_it() {
    let file = large_file();
    let map = far(&file);
    for len in [3 * PAGE, 1, 0, 50_000] {
        map.resize(len).unwrap();
        assert_eq!(map.file_len().unwrap(), FAR + len as u64);
    }
    map.set(49_999, 9).unwrap();
    assert_eq!(map.get(49_999).unwrap(), 9);
}

#[test]
fn a_file_is_mapped_whole_if_there_are_addresses_for_it() {
    let file = large_file();
    let whole = Options::new().access(Access::Write).open(file.path());
    if cfg!(target_pointer_width = "32") {
        assert!(matches!(whole, Err(Error::TooLong { len }) if len == FAR + 100), "{whole:?}");
        return;
    }
    let map = whole.unwrap();
    assert_eq!(map.len() as u64, FAR + 100);
    let last = map.len() - 1;
    map.set(last, 5).unwrap();
    map.copy_within(last.., 5).unwrap();
    assert_eq!((map.get(5).unwrap(), map.rfind(b"\x05", last - 10..).unwrap()), (5, Some(last)));
    assert!(matches!(map.get(last + 1), Err(Error::OutOfBounds { .. })));
}

#[test]
fn more_than_half_of_the_addresses_is_refused_and_changes_nothing() {
    let file = large_file();
    let map = far(&file);
    for len in [isize::MAX as usize + 1, usize::MAX - 10, usize::MAX] {
        let refused = map.resize(len);
        assert!(matches!(refused, Err(Error::TooLong { .. } | Error::Os { .. })), "{refused:?}");
        assert_eq!((map.len(), map.file_len().unwrap()), (100, FAR + 100));
        let refused = Options::new().len(len).anonymous();
        assert!(matches!(refused, Err(Error::TooLong { .. })), "{refused:?}");
    }
    let refused = Options::new().offset(u64::MAX - 5).len(3).open(file.path());
    assert!(matches!(refused, Err(Error::BeyondFile { .. })), "{refused:?}");
}

#[test]
fn a_fault_far_in_a_file_has_the_offset_of_the_map() {
    if !cuts() {
        return;
    }
    survives("a_fault_far_in_a_file_has_the_offset_of_the_map", || {
        let file = large_file();
        let map = far(&file);
        map.resize(3 * PAGE).unwrap();
        cut(&file, FAR + PAGE as u64);
        assert!(matches!(map.to_vec(..), Err(Error::Fault { offset: PAGE })));
        assert_eq!(map.to_vec(..PAGE).unwrap(), [0; PAGE]);
    });
}
