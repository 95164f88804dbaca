//! Where the journal is, and which data files are refused.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::symlink,
    path::Path,
    time::Duration,
};

use super::{Folder, journal_of, put, reader, request, writer};
use crate::{
    Error, Result,
    sys::{self, segment::Creation},
    transaction::opened::{Opened, Request},
};

fn create(path: &Path, creation: Creation, truncate: bool) -> Result<Opened> {
    Opened::open(path, &Request { creation, truncate, ..request(Duration::ZERO) })
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    std::io::Error::from(result.err().expect("an error")).kind()
}

#[test]
fn symbolic_links_are_followed_before_the_journal_is_placed() {
    let folder = Folder::with(b"bytes");
    fs::create_dir(folder.path().join("links")).unwrap();
    let (first, second) = (folder.path().join("links/first"), folder.path().join("links/second"));
    symlink("second", &first).unwrap();
    symlink("../data", &second).unwrap();
    let opened = writer(&first).unwrap();
    assert_eq!(opened.path(), fs::canonicalize(folder.data()).unwrap());
    assert!(folder.journal().exists() && !journal_of(&first).exists());
    assert!(matches!(writer(&folder.data()), Err(Error::HasWriter { .. })));
    put(&opened, b"B", 0).unwrap();
    opened.close().unwrap();
    assert_eq!(fs::read(&second).unwrap(), b"Bytes");
}

#[test]
fn a_link_without_a_file_names_the_new_file() {
    let folder = Folder::with(b"");
    let link = folder.path().join("link");
    symlink("other", &link).unwrap();
    assert_eq!(kind(writer(&link)), ErrorKind::NotFound);
    // open(2): a link is a name that is not free.
    assert_eq!(kind(create(&link, Creation::Always, false)), ErrorKind::AlreadyExists);
    let opened = create(&link, Creation::IfMissing, false).unwrap();
    assert!(folder.path().join("other-commit").exists());
    assert_eq!(opened.path().file_name().unwrap(), "other");
    symlink("circle", folder.path().join("circle")).unwrap();
    assert!(create(&folder.path().join("circle"), Creation::IfMissing, false).is_err());
}

#[test]
fn creation_is_as_requested() {
    let folder = Folder::with(b"bytes");
    let (data, new) = (folder.data(), folder.path().join("new"));
    assert_eq!(kind(create(&data, Creation::Always, false)), ErrorKind::AlreadyExists);
    drop(create(&data, Creation::IfMissing, false).unwrap());
    assert_eq!(fs::read(&data).unwrap(), b"bytes");
    drop(create(&data, Creation::IfMissing, true).unwrap());
    assert_eq!(fs::read(&data).unwrap(), b"");
    drop(create(&new, Creation::Always, false).unwrap());
    assert_eq!(fs::metadata(&new).unwrap().len(), 0);
    fs::remove_file(&new).unwrap();
    // Where no journal can be, no new file stays.
    fs::create_dir(journal_of(&new)).unwrap();
    assert_eq!(kind(create(&new, Creation::Always, false)), ErrorKind::Unsupported);
    assert!(!new.exists());
}

#[test]
fn a_truncation_waits_for_the_writer() {
    let folder = Folder::with(b"bytes");
    let first = writer(&folder.data()).unwrap();
    let second = create(&folder.data(), Creation::IfMissing, true);
    assert!(matches!(second, Err(Error::HasWriter { .. })));
    assert_eq!(fs::read(folder.data()).unwrap(), b"bytes");
    drop(first);
}

#[test]
fn files_whose_journal_could_be_missed_are_refused() {
    let folder = Folder::with(b"bytes");
    fs::hard_link(folder.data(), folder.path().join("other")).unwrap();
    for opened in [writer(&folder.data()), reader(&folder.data())] {
        assert_eq!(kind(opened), ErrorKind::Unsupported);
    }
    fs::remove_file(folder.path().join("other")).unwrap();
    drop(writer(&folder.data()).unwrap());
}

#[test]
fn a_file_that_has_got_another_name_is_not_committed_to() {
    let folder = Folder::with(b"bytes");
    let opened = writer(&folder.data()).unwrap();
    fs::hard_link(folder.data(), folder.path().join("other")).unwrap();
    assert_eq!(kind(put(&opened, b"B", 0)), ErrorKind::Unsupported);
    assert_eq!(fs::read(folder.data()).unwrap(), b"bytes");
    fs::remove_file(folder.path().join("other")).unwrap();
    put(&opened, b"B", 0).unwrap();
    assert_eq!(fs::read(folder.data()).unwrap(), b"Bytes");
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let folder = Folder::with(b"");
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [Path::new("/dev/null"), &pipe, folder.path(), Path::new("/")] {
        assert_eq!(kind(writer(path)), ErrorKind::Unsupported, "{path:?}");
        assert_eq!(kind(reader(path)), ErrorKind::Unsupported, "{path:?}");
    }
    #[cfg(target_os = "linux")]
    assert_eq!(kind(reader(Path::new("/proc/version"))), ErrorKind::Unsupported);
}

#[test]
fn an_open_file_is_found_by_its_path() {
    let folder = Folder::with(b"bytes");
    let file = File::open(folder.data()).unwrap();
    let moved = folder.path().join("moved");
    fs::rename(folder.data(), &moved).unwrap();
    let adopt = || Opened::adopt(sys::borrow(&file), &request(Duration::ZERO));
    let opened = adopt().unwrap();
    assert!(journal_of(&moved).exists());
    drop(opened);
    fs::remove_file(&moved).unwrap();
    assert_eq!(kind(adopt()), ErrorKind::Unsupported);
    fs::write(&moved, "another file").unwrap();
    assert_eq!(kind(adopt()), ErrorKind::Unsupported);
}

#[test]
fn a_file_or_journal_that_was_moved_is_not_committed_to() {
    for name in ["data", "data-commit"] {
        let folder = Folder::with(b"bytes");
        let opened = writer(&folder.data()).unwrap();
        put(&opened, b"B", 0).unwrap();
        fs::rename(folder.path().join(name), folder.path().join("moved")).unwrap();
        assert_eq!(kind(put(&opened, b"C", 0)), ErrorKind::Other);
        fs::rename(folder.path().join("moved"), folder.path().join(name)).unwrap();
        put(&opened, b"D", 0).unwrap();
        opened.close().unwrap();
        assert_eq!(fs::read(folder.data()).unwrap(), b"Dytes");
    }
}

#[test]
fn the_folder_may_be_moved() {
    let folder = Folder::with(b"");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::create_dir(&old).unwrap();
    fs::write(old.join("data"), "bytes").unwrap();
    let opened = writer(&old.join("data")).unwrap();
    fs::rename(&old, &new).unwrap();
    put(&opened, b"B", 0).unwrap();
    opened.close().unwrap();
    assert_eq!(fs::read(new.join("data")).unwrap(), b"Bytes");
    assert!(!new.join("data-commit").exists());
}

#[test]
fn a_descriptor_that_belongs_to_another_file_now_is_not_used() {
    let folder = Folder::with(b"bytes");
    let opened = writer(&folder.data()).unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "other").unwrap();
    let other = File::options().read(true).write(true).open(&victim).unwrap();
    sys::file::replace_descriptor(opened.file(), sys::borrow(&other));
    assert_eq!(kind(put(&opened, b"B", 0)), ErrorKind::Other);
    assert!(opened.close().is_err());
    assert_eq!(fs::read(&victim).unwrap(), b"other");
    assert_eq!(fs::read(folder.data()).unwrap(), b"bytes");
    assert!(folder.journal().exists());
}
