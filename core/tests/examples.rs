//! The examples do what they say.
#![forbid(unsafe_code)]

use std::{
    collections::BTreeMap,
    fs, io,
    num::NonZero,
    path::{Path, PathBuf},
    thread,
};

use safemap::{Access, Error, FileBytes, Options};
use safemap_testing::{TempFile, pattern};

#[allow(dead_code)]
#[path = "../examples/archive.rs"]
mod archive;
#[allow(dead_code)]
#[path = "../examples/arrays.rs"]
mod arrays;
#[allow(dead_code)]
#[path = "../examples/bank.rs"]
mod bank;
#[allow(dead_code)]
#[path = "../examples/grep.rs"]
mod grep;
#[allow(dead_code)]
#[path = "../examples/heat.rs"]
mod heat;
#[allow(dead_code)]
#[path = "../examples/journal.rs"]
mod journal;
#[allow(dead_code)]
#[path = "../examples/key_value.rs"]
mod key_value;
#[allow(dead_code)]
#[path = "../examples/last_value/main.rs"]
mod last_value;
#[allow(dead_code)]
#[path = "../examples/records.rs"]
mod records;
#[allow(dead_code)]
#[path = "../examples/scan.rs"]
mod scan;
#[allow(dead_code)]
#[path = "../examples/search_lines.rs"]
mod search_lines;
#[allow(dead_code)]
#[path = "../examples/tree_checksum.rs"]
mod tree_checksum;

#[test]
fn lines_are_found_with_their_numbers() {
    let text = b"error: one\nfine\n\nanother error, error\nfine\nerror";
    let file = TempFile::new(text);
    let bytes = FileBytes::open(file.path()).unwrap();
    for needle in ["error", "fine", "another", "one\nfine", "missing", "e"] {
        let lines: Vec<_> = (1..).zip(text.split(|&byte| byte == b'\n')).collect();
        let contains = |line: &[u8]| String::from_utf8_lossy(line).contains(needle);
        let expected: Vec<_> = lines.into_iter().filter(|(_, line)| contains(line)).collect();
        if !needle.contains('\n') {
            assert_eq!(search_lines::matching_lines(&bytes, needle.as_bytes()), expected);
        }
    }
}

#[test]
fn several_texts_are_found_in_one_pass() {
    let file = TempFile::new(b"FATAL a\nfine\nan ERROR and FATAL b\n");
    let mut printed = vec![];
    grep::print(&file.map(), &[b"FATAL", b" ERROR "], &mut printed).unwrap();
    assert_eq!(printed, b"1:FATAL a\n3:an ERROR and FATAL b\n");
}

#[test]
fn the_means_of_columns_are_those_of_the_numbers() {
    let rows = (0..200_000).flat_map(|row| [f64::from(row), 1.0, -f64::from(row)]);
    let mut bytes: Vec<u8> = rows.flat_map(f64::to_le_bytes).collect();
    bytes.extend(b"incomplete");
    let means = arrays::means(&TempFile::new(&bytes).map(), NonZero::new(3).unwrap()).unwrap();
    assert_eq!(means, [99_999.5, 1.0, -99_999.5]);
}

#[test]
fn an_archive_grows_and_lists_its_members() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [("first", 3), ("second", 0), ("third", 5000)].map(|(name, size)| {
        fs::write(folder.path().join(name), pattern(size)).unwrap();
        folder.path().join(name)
    });
    let path = folder.path().join("archive");
    let open = || Options::new().access(Access::Write).create(true).open(&path).unwrap();
    archive::add(&open(), &paths[..1]).unwrap();
    archive::add(&open(), &paths[1..]).unwrap();
    let expected = [("first", 3), ("second", 0), ("third", 5000)];
    let expected: Vec<_> = expected.map(|(name, size)| (name.to_owned(), size)).into();
    assert_eq!(archive::members(&open()).unwrap(), expected);
}

#[test]
fn a_checksum_depends_on_the_content_of_each_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    let paths = ["a", "empty", "inner/b"].map(|name| folder.path().join(name));
    for (path, len) in paths.iter().zip([1_000_000, 0, 5]) {
        fs::write(path, pattern(len)).unwrap();
    }
    assert_eq!(tree_checksum::files(folder.path()).unwrap(), paths);
    let mut expected = tree_checksum::Checksum::default();
    assert_eq!(tree_checksum::checksum(&paths[1]).unwrap(), expected.0);
    expected.add(&pattern(1_000_000));
    assert_eq!(tree_checksum::checksum(&paths[0]).unwrap(), expected.0);
}

#[test]
fn values_are_found_by_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("index");
    let keys: Vec<String> = (0..5000).map(|number| format!("key {number}")).collect();
    let pairs: BTreeMap<&str, &str> = keys.iter().map(|key| (&key[..], &key[4..])).collect();
    key_value::write(&path, &pairs).unwrap();
    let index = key_value::Index::open(&path).unwrap();
    let value = |key: &str| index.get(key.as_bytes()).unwrap().map(|value| value.to_vec());
    assert!(keys.iter().all(|key| value(key).unwrap() == key.as_bytes()[4..]));
    assert_eq!((value("key"), value("key 5000"), value("")), (None, None, None));
    // What was read stays. What was not is an error, not wrong.
    fs::write(&path, "").unwrap();
    assert_eq!(value("key 1234").unwrap(), b"1234");
}

#[test]
fn other_files_are_errors_for_the_index() {
    let open = |bytes: &[u8]| key_value::Index::open(Path::new(TempFile::new(bytes).path()));
    assert!(open(b"short").is_err());
    let index = open(&[255; 100]).unwrap();
    assert!(matches!(index.get(b"key"), Err(Error::OutOfBounds { .. } | Error::Unsupported(_))));
}

#[test]
fn a_journal_is_followed_while_it_grows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    journal::append(&path, &["one"]).unwrap();
    let mut lines = vec![];
    thread::scope(|scope| {
        let reader = scope.spawn(|| journal::follow(&path, &mut lines));
        for line in ["two", "", "three", "end"] {
            journal::append(&path, &[line]).unwrap();
        }
        reader.join().unwrap().unwrap();
    });
    assert_eq!(lines, b"one\ntwo\n\nthree\nend\n");
}

#[test]
fn records_are_changed_in_place_or_appended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for (name, amount) in
        [("one", 5), ("two", -7), ("one", 10), ("a name that is too long to fit", 1)]
    {
        records::add(&path, name, amount).unwrap();
    }
    let expected = [("one", 15), ("two", -7), ("a name that is too long ", 1)];
    assert_eq!(records::show(&path).unwrap(), expected.map(|(name, sum)| (name.to_owned(), sum)));
}

#[test]
fn a_scan_counts_texts_and_adds_bytes() {
    let file = TempFile::new(&b"some needles, a needle".repeat(100_000));
    let sum: u64 = file.read().iter().map(|&byte| u64::from(byte)).sum();
    assert_eq!(scan::scan(file.path(), b"needle").unwrap(), (200_000, sum));
}

#[test]
fn the_last_value_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("position");
    let published = last_value::publish(&path, &["first", "second"]);
    if published.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Unsupported) {
        return; // This system has no mutexes.
    }
    published.unwrap();
    let mut printed = vec![];
    last_value::print(&path, &mut printed).unwrap();
    assert_eq!(printed, b"2: second\n");
}

/// The rest of that block is a test of the documentation.
#[test]
fn the_documentation_shows_the_recipe_for_a_last_value() {
    let shown = include_str!("../../docs/ipc-recipes.md");
    let recipe = include_str!("../examples/last_value/recipe.rs").replace("pub(crate) ", "");
    assert!(shown.contains(&recipe[recipe.find("const MUTEX").unwrap()..]));
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn a_bank_keeps_its_sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank");
    let (bank, mut printed) = (bank::open(&path).unwrap(), vec![]);
    bank::work(&bank, &mut printed, 100).unwrap();
    assert!(printed.ends_with(b"\n99\n100\n"));
    assert_eq!(bank::look(&path).unwrap(), (100, 0));
    assert_ne!(bank.load::<i64>(8).unwrap(), 0);
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[test]
fn heat_spreads_and_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rod");
    for run in 1..=2 {
        let rod = heat::open(&path).unwrap();
        heat::step(&rod).unwrap();
        assert_eq!(rod.load_le::<f64>(0).unwrap(), f64::from(run));
        assert_eq!(heat::sum(&rod).unwrap(), 100_000.0);
        assert!(rod.load_le::<f64>(8 * 50_100).unwrap() > 0.0);
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 8 * 100_001);
}
