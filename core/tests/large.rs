//! Files, offsets and lengths that need more than 32 bits are handled correctly or refused.
#![forbid(unsafe_code)]

use safemap::{Access, Error, Map, Options};
use safemap_testing::{PAGE, TempFile, succeeds_while_truncated};

const FAR: u64 = 5 << 30;

fn large_file() -> TempFile {
    TempFile::sparse(FAR + 100)
}

/// Maps the file from `FAR` on.
fn far(file: &TempFile) -> Map {
    Options::new().access(Access::Write).offset(FAR).open(file.path()).expect("map the last bytes")
}

#[test]
fn a_large_offset_is_mapped_exactly() {
    let file = large_file();
    let map = far(&file);
    assert_eq!((map.len(), map.offset(), map.file_len().unwrap()), (100, FAR, FAR + 100));
    map.write_at(b"far away", 7).unwrap();
    assert_eq!(map.find(b"away", ..).unwrap(), Some(11));
    map.flush().unwrap();
    // The offset without its upper 32 bits.
    let near = Options::new().offset(FAR & u64::from(u32::MAX)).len(100).open(file.path()).unwrap();
    assert_eq!(near.to_vec(..).unwrap(), [0; 100]);
    let again = Options::new().offset(FAR + 7).len(8).open(file.path()).unwrap();
    assert_eq!(again.to_vec(..).unwrap(), b"far away");
}

#[test]
fn a_map_at_a_large_offset_resizes_the_whole_file() {
    let file = large_file();
    let map = far(&file);
    for len in [3 * PAGE, 1, 0, 50_000] {
        map.resize(len).unwrap();
        assert_eq!(map.file_len().unwrap(), FAR + len as u64);
    }
    map.set(9, 49_999).unwrap();
    assert_eq!(map.get(49_999).unwrap(), 9);
}

#[test]
fn a_file_is_mapped_if_the_address_space_is_large_enough() {
    let file = large_file();
    let whole = Options::new().access(Access::Write).open(file.path());
    if cfg!(target_pointer_width = "32") {
        assert!(matches!(whole, Err(Error::TooLong { len, .. }) if len == FAR + 100), "{whole:?}");
        return;
    }
    let map = whole.unwrap();
    assert_eq!(map.len() as u64, FAR + 100);
    let last = map.len() - 1;
    map.set(5, last).unwrap();
    map.copy_within(last.., 5).unwrap();
    assert_eq!((map.get(5).unwrap(), map.rfind(b"\x05", last - 10..).unwrap()), (5, Some(last)));
    assert!(matches!(map.get(last + 1), Err(Error::OutOfBounds { .. })));
}

#[test]
fn a_length_beyond_half_of_the_address_space_is_refused_and_changes_nothing() {
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
fn a_fault_at_a_large_file_offset_reports_the_offset_in_the_map() {
    succeeds_while_truncated(|| {
        let file = large_file();
        let map = far(&file);
        map.resize(3 * PAGE).unwrap();
        file.set_len(FAR + PAGE as u64);
        assert!(matches!(map.to_vec(..), Err(Error::Fault { offset: PAGE })));
        assert_eq!(map.to_vec(..PAGE).unwrap(), [0; PAGE]);
    });
}
