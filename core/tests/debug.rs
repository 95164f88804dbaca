//! What `Debug` prints: a short line without addresses.
#![forbid(unsafe_code)]

use safemap::{Access, Cursor, FileBytes, HugePage, Map, Options, Sharing, Snapshot};
use safemap_testing::TempFile;

/// Returns the text with `N` for the number of the descriptor, which other tests influence.
fn without_descriptor(text: &str) -> String {
    let Some((before, after)) = text.split_once("file: ") else { return text.to_owned() };
    let end = after.find(',').unwrap_or(after.len());
    format!("{before}file: N{}", &after[end..])
}

#[test]
fn a_map_prints_what_it_shows() {
    let file = TempFile::new(b"twelve bytes");
    let map = Options::new().access(Access::Write).offset(9).open(file.path()).unwrap();
    let path = format!("path: {:?}", file.path());
    let expected =
        format!("Map {{ len: 3, access: Write, sharing: Shared, file: N, offset: 9, {path} }}");
    let text = format!("{map:?}");
    assert_eq!(without_descriptor(&text), expected);
    assert_ne!(text, expected, "the number of the descriptor is printed");

    let untracked = Options::new().sharing(Sharing::Private).untracked(true).open(file.path());
    assert_eq!(
        format!("{:?}", untracked.unwrap()),
        format!(
            "Map {{ len: 12, access: Read, sharing: Private, file: untracked, offset: 0, {path} }}"
        )
    );
    let memory = Options::new().len(4).anonymous().unwrap();
    assert_eq!(format!("{memory:?}"), "Map { len: 4, access: Write, sharing: Private }");
}

#[test]
fn a_value_that_uses_a_map_prints_its_place_and_the_map() {
    let map = Options::new().len(10).anonymous().unwrap();
    map.fill(b'x', ..).unwrap();
    let text = "Map { len: 10, access: Write, sharing: Private }";

    let view = map.view(4..).unwrap();
    assert_eq!(format!("{view:?}"), "View { range: 4..10, access: Write }");
    assert_eq!(
        format!("{:?}", view.iter()),
        "ViewIter { view: View { range: 4..10, access: Write }, at: 0, end: 6 }"
    );
    let mut cursor = Cursor::new(&map);
    cursor.next_line().unwrap();
    assert_eq!(format!("{cursor:?}"), format!("Cursor {{ position: 10, map: {text} }}"));
    let mut lines = map.lines();
    lines.next();
    assert_eq!(format!("{lines:?}"), format!("Lines {{ position: 10, map: {text} }}"));
    let mut chunks = map.chunks(4);
    chunks.next_chunk().unwrap();
    assert_eq!(format!("{chunks:?}"), format!("Chunks {{ position: 4, size: 4, map: {text} }}"));
}

#[test]
fn slices_print_their_length() {
    let file = TempFile::new(b"twelve bytes");
    let bytes = FileBytes::open(file.path()).unwrap();
    assert_eq!(format!("{bytes:?}"), "FileBytes { len: 12, backing: Heap }");
    let snapshot = Snapshot::open(file.path()).unwrap();
    assert_eq!(format!("{snapshot:?}"), "Snapshot { len: 12 }");
    assert_eq!(format!("{:?}", snapshot.slice(1..3).unwrap()), "SnapshotSlice { len: 2 }");
}

#[test]
fn options_print_what_was_set() {
    assert_eq!(format!("{:?}", Options::new()), "Options");
    let mut options = Options::new();
    options.access(Access::Copy).offset(9).len(0).huge_pages(HugePage::Default).repair(true);
    options.untracked(true);
    assert_eq!(
        format!("{options:?}"),
        "Options { access: Copy, huge_pages: Default, offset: 9, len: 0, untracked: true, \
         repair: true }"
    );
    assert!(format!("{:?}", Map::open("no such file")).starts_with("Err(Os { call: \"open\""));
}
