//! Full disks, limits of the process, mounts.
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::{Folder, Wait, commit, enter, put, reader, writer};
use crate::{
    Error, Options, page_size,
    test_children::{FOLDER, succeeds_after},
    transaction::{
        commit::allocate,
        log::{Change, Failure, NewLen},
    },
};

/// The data file in a child process; `None` in other processes.
fn data() -> Option<PathBuf> {
    env::var_os(FOLDER).map(|folder| Path::new(&folder).join("data"))
}

fn succeeds_in(folder: &Folder, commands: &str, test: &str) {
    succeeds_after(commands, module_path!(), test, folder.path());
}

fn kind(error: impl Into<io::Error>) -> ErrorKind {
    error.into().kind()
}

const SMALL_DISK: &str = r#"mount -t tmpfs -o size=1m none "$SAFEMAP_TEST_FILES""#;

#[test]
fn a_full_disk_is_an_error_before_anything_is_written() {
    succeeds_in(&Folder::with(b""), SMALL_DISK, "on_a_disk_of_1_mib");
}

#[test]
fn on_a_disk_of_1_mib() {
    let Some(data) = data() else { return };
    let filler = data.with_file_name("filler");
    let file = File::create_new(&data).unwrap();
    file.set_len(512 << 10).unwrap();
    // No space for the journal.
    fs::write(&filler, vec![1; (1 << 20) - 4096]).unwrap();
    let error = writer(&data).err().unwrap();
    assert_eq!(kind(error), ErrorKind::StorageFull);
    fs::write(&filler, vec![1; 700 << 10]).unwrap();
    let opened = writer(&data).unwrap();
    let wait = Wait::FOREVER;
    let lock = || opened.lock_for_commit("commit", &wait).unwrap().unwrap();
    assert!(lock().next_hole(0).unwrap() < 512 << 10);
    assert_eq!(lock().allocate(0..512 << 10).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(lock().allocate(512 << 10..2 << 20).unwrap_err().kind(), ErrorKind::StorageFull);
    // A record that does not fit into the journal.
    let large = vec![7; 400 << 10];
    let change = Change { ranges: &[(0, &large)], len: None };
    let done = lock().write(&change);
    match done {
        Err(Failure::Unchanged(error)) => assert_eq!(error.kind(), ErrorKind::StorageFull),
        done => panic!("{done:?}"),
    }
    assert_eq!(fs::read(&data).unwrap(), vec![0; 512 << 10]);
    assert!(!opened.is_in_doubt());
    fs::remove_file(filler).unwrap();
    lock().allocate(0..100).unwrap();
    put(&opened, b"B", 0).unwrap();
    opened.close().unwrap();
    assert_eq!(fs::read(&data).unwrap()[..2], *b"B\0");
    assert!(!data.with_file_name("data-commit").exists());
}

#[test]
fn each_hole_below_a_change_gets_space() {
    let folder = Folder::with(&[1; 64 << 10]);
    let file = File::options().write(true).open(folder.data()).unwrap();
    let len = 3 << 20;
    file.set_len(len).unwrap();
    file.write_all_at(&[2; 64 << 10], 1 << 20).unwrap();
    // From then on the number of blocks is right.
    file.sync_all().unwrap();
    let opened = writer(&folder.data()).unwrap();
    let lock = opened.lock_for_commit("commit", &Wait::FOREVER).unwrap().unwrap();
    let allocated = || file.metadata().unwrap().blocks() * 512;
    let before = allocated();
    let changes =
        |places: &[u64]| -> Vec<_> { places.iter().map(|&at| (at, &b"new"[..])).collect() };
    allocate(&lock, &changes(&[9, 1 << 20]), len, None).unwrap();
    assert_eq!(allocated(), before, "the file has no holes there");
    allocate(&lock, &changes(&[9, 1 << 19, 1 << 20, 2 << 20]), len, None).unwrap();
    assert!(allocated() >= before + 2 * page_size() as u64);
}

#[test]
fn a_limit_of_the_length_is_an_error_before_anything_is_written() {
    // The shell counts in units of 512 bytes.
    succeeds_in(&Folder::with(&[0; 1 << 20]), "ulimit -f 200", "with_a_limit_of_100_kib");
}

#[test]
fn with_a_limit_of_100_kib() {
    let Some(data) = data() else { return };
    let opened = writer(&data).unwrap();
    let large =
        |result: crate::Result<()>| assert_eq!(kind(result.unwrap_err()), ErrorKind::FileTooLarge);
    large(put(&opened, b"B", 500 << 10));
    large(put(&opened, b"BB", (100 << 10) - 1));
    large(commit(&opened, &Change { ranges: &[], len: Some(NewLen::Grow(2 << 20)) }));
    let allocated = opened.lock_for_commit("commit", &Wait::FOREVER).unwrap().unwrap();
    assert_eq!(allocated.allocate(0..1 << 20).unwrap_err().kind(), ErrorKind::FileTooLarge);
    drop(allocated);
    // The journal cannot become longer.
    large(put(&opened, &vec![1; 99 << 10], 0));
    assert!(!opened.is_in_doubt());
    put(&opened, b"B", (100 << 10) - 1).unwrap();
    commit(&opened, &Change { ranges: &[], len: Some(NewLen::Cut(100 << 10)) }).unwrap();
    opened.close().unwrap();
    let bytes = fs::read(&data).unwrap();
    assert_eq!((bytes.len(), bytes[(100 << 10) - 1]), (100 << 10, b'B'));
    assert!(bytes[..(100 << 10) - 1].iter().all(|&byte| byte == 0));
}

/// ext4 has files of up to 16 TiB less a block. A record of a longer one would be durable, and
/// could never be applied.
#[test]
fn a_length_that_no_file_can_have_is_an_error_before_anything_is_written() {
    let folder = Folder::with(b"old");
    let opened = writer(&folder.data()).unwrap();
    let longer = Change { ranges: &[], len: Some(NewLen::Grow(1 << 44)) };
    if let Err(error) = commit(&opened, &longer) {
        assert_eq!(kind(error), ErrorKind::FileTooLarge);
    }
    assert!(!opened.is_in_doubt());
    put(&opened, b"new", 0).unwrap();
    drop(opened);
    let opened = writer(&folder.data()).unwrap();
    commit(&opened, &Change { ranges: &[], len: Some(NewLen::Cut(3)) }).unwrap();
    opened.close().unwrap();
    assert_eq!(fs::read(folder.data()).unwrap(), b"new");
}

#[test]
fn a_file_that_is_mounted_by_itself_is_refused() {
    let mount = r#"cd "$SAFEMAP_TEST_FILES" && mkdir inside && cp data inside/alone &&
        touch target && mount --bind inside/alone target && mkdir folder &&
        mount --bind inside folder"#;
    succeeds_in(&Folder::with(b"bytes"), mount, "with_mounted_files");
}

#[test]
fn with_mounted_files() {
    let Some(data) = data() else { return };
    for opened in [writer, reader].map(|open| open(&data.with_file_name("target"))) {
        let error = opened.err().unwrap();
        assert!(matches!(error, Error::Unsupported(reason) if reason.contains("mounted")));
    }
    let opened = writer(&data.with_file_name("folder").join("alone")).unwrap();
    put(&opened, b"B", 0).unwrap();
    assert!(data.with_file_name("inside").join("alone-commit").exists());
}

/// Mounts have other numbers in the child, so that the journal seems to be from before a reboot.
#[test]
fn a_reader_with_other_mounts_relies_on_the_writer() {
    let folder = Folder::with(b"bytes");
    let opened = writer(&folder.data()).unwrap();
    put(&opened, b"B", 0).unwrap();
    succeeds_in(&folder, "true", "with_other_mounts");
}

#[test]
fn with_other_mounts() {
    let Some(data) = data() else { return };
    assert!(matches!(writer(&data), Err(Error::HasWriter { .. })));
    drop(enter(&reader(&data).unwrap()).unwrap());
}

#[test]
fn a_reader_on_an_overlay_sees_later_commits() {
    let mount = r#"cd "$SAFEMAP_TEST_FILES" && mount -t tmpfs none "$SAFEMAP_TEST_FILES" &&
        mkdir "$SAFEMAP_TEST_FILES/lower" && cp data "$SAFEMAP_TEST_FILES/lower" &&
        cd "$SAFEMAP_TEST_FILES" && cp lower/data lower/control && mkdir upper work &&
        mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none \
        "$SAFEMAP_TEST_FILES""#;
    succeeds_in(&Folder::with(b"bytes"), mount, "on_an_overlay");
}

#[test]
fn on_an_overlay() {
    let Some(data) = data() else { return };
    let opened = reader(&data).unwrap();
    assert!(sees_later_commits(&data, &Options::new().map(opened.file()).unwrap()));
    // The control: a map of any descriptor for reading shows the lower file.
    let control = data.with_file_name("control");
    assert!(!sees_later_commits(&control, &Options::new().open(&control).unwrap()));
}

fn sees_later_commits(data: &Path, map: &crate::Map) -> bool {
    put(&writer(data).unwrap(), b"B", 0).unwrap();
    map.get(0).unwrap() == b'B'
}
