//! The traits of the standard library that public types implement.
#![forbid(unsafe_code)]

use std::{collections::HashMap, fmt::Debug, sync::Arc};

use safemap::{Chunks, Cursor, Error, FileBytes, Lines, Map, Options, Snapshot, SnapshotSlice};
use safemap_testing::TempFile;

fn is_for_all_threads<T: Send + Sync + Debug>() {}
fn is_an_error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn values_can_be_used_by_any_thread() {
    is_for_all_threads::<Map>();
    is_for_all_threads::<Options>();
    is_for_all_threads::<Cursor>();
    is_for_all_threads::<Cursor<&Map>>();
    is_for_all_threads::<Lines<'_>>();
    is_for_all_threads::<Chunks<'_>>();
    is_for_all_threads::<FileBytes>();
    is_for_all_threads::<Snapshot>();
    is_for_all_threads::<SnapshotSlice>();
    is_an_error::<Error>();
}

// The lint sees the atomics of the mapping's owner, which neither the hash nor the order reads.
#[allow(clippy::mutable_key_type)]
#[test]
fn slices_compare_and_hash_as_their_bytes() {
    let (abc, abd) = (TempFile::new(b"abc"), TempFile::new(b"abd"));
    let [one, same, other] = [&abc, &abc, &abd].map(|it| FileBytes::open(it.path()).unwrap());
    assert!(one == same && one != other && one < other);
    let map = HashMap::from([(one, 1), (other, 2)]);
    assert_eq!((map.get(&b"abc"[..]), map.get(&b"x"[..])), (Some(&1), None));

    let snapshot = Snapshot::open(abc.path()).unwrap();
    let parts = [0..1, 0..1, 1..2].map(|range| snapshot.slice(range).unwrap());
    assert!(parts[0] == parts[1] && parts[0] < parts[2]);
    assert_eq!(HashMap::from([(parts[2].clone(), 1)]).get(&b"b"[..]), Some(&1));
}

#[test]
fn a_cursor_gives_its_map_back() {
    let map = Arc::new(Options::new().len(9).anonymous().unwrap());
    let mut cursor = Cursor::new(Arc::clone(&map));
    cursor.write_byte(1).unwrap();
    assert!(Arc::ptr_eq(&cursor.into_inner(), &map));
}
