//! Journals of others: planted, copied, of another file or user.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::Command,
};

use super::{Folder, enter, journal_of, put, reader, writer};
use crate::{Error, FormatError, Result, sys, transaction::opened::Opened};

const UNPRIVILEGED: u32 = 65534;

fn is_root() -> bool {
    sys::file::user() == 0
}

fn both(path: &Path) -> [Result<Opened>; 2] {
    [writer(path), reader(path)]
}

#[test]
fn a_planted_journal_is_refused_and_stays() {
    let folder = Folder::with(b"bytes");
    let (journal, other) = (folder.journal(), folder.path().join("other"));
    fs::write(&other, "secret").unwrap();
    let pipe = |path: &Path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let plants: [&dyn Fn(); 5] = [
        &|| symlink(&other, &journal).unwrap(),
        &|| symlink("nowhere", &journal).unwrap(),
        &|| fs::hard_link(&other, &journal).unwrap(),
        &|| pipe(&journal),
        &|| symlink("/dev/null", &journal).unwrap(),
    ];
    for plant in plants {
        plant();
        for opened in both(&folder.data()) {
            let error = opened.err().unwrap();
            assert!(matches!(error, Error::Unsupported(_)), "{error}");
        }
        assert!(journal.symlink_metadata().is_ok());
        fs::remove_file(&journal).unwrap();
    }
    assert_eq!(fs::read(&other).unwrap(), b"secret");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_journal_of_another_user_is_refused_unless_both_may_replace_the_file() {
    if !is_root() {
        return println!("skipped: needs root");
    }
    let folder = Folder::with(b"bytes");
    let bytes = leave_journal(&folder);
    let permit = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
    // The owner and the group of the data file, those of the journal, and the folder's permissions.
    let is_trusted = |data: [u32; 2], journal: [u32; 2], mode| {
        fs::write(folder.journal(), &bytes).unwrap();
        for (path, [owner, group]) in [(folder.data(), data), (folder.journal(), journal)] {
            chown(path, Some(owner), Some(group)).unwrap();
        }
        permit(mode);
        let read = reader(&folder.data());
        fs::write(folder.journal(), &bytes).unwrap();
        chown(folder.journal(), Some(journal[0]), Some(journal[1])).unwrap();
        let opened = writer(&folder.data());
        assert_eq!(read.is_ok(), opened.is_ok());
        for error in [read.err(), opened.err()].into_iter().flatten() {
            assert!(matches!(error, Error::Unsupported(_)), "{error}");
        }
        !folder.journal().exists()
    };
    assert!(is_trusted([0, 0], [0, 0], 0o1777));
    assert!(!is_trusted([0, 0], [UNPRIVILEGED, UNPRIVILEGED], 0o700));
    for mode in [0o1777, 0o777, 0o1700] {
        assert!(!is_trusted([0, 0], [UNPRIVILEGED, 0], mode), "{mode:o}");
    }
    assert!(is_trusted([0, 0], [UNPRIVILEGED, 0], 0o770));
    // That of the file's owner.
    assert!(is_trusted([UNPRIVILEGED, 0], [UNPRIVILEGED, UNPRIVILEGED], 0o1777));
    permit(0o700);
}

#[test]
fn the_journal_has_the_owner_and_the_permissions_of_the_file() {
    let folder = Folder::with(b"bytes");
    if is_root() {
        chown(folder.data(), Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
    }
    let data = fs::metadata(folder.data()).unwrap();
    for mode in [0o600, 0o640, 0o664, 0o606, 0o6755] {
        fs::set_permissions(folder.data(), Permissions::from_mode(mode)).unwrap();
        let opened = writer(&folder.data()).unwrap();
        let journal = fs::metadata(folder.journal()).unwrap();
        assert_eq!(journal.mode() & 0o7777, mode & 0o777);
        assert_eq!([journal.uid(), journal.gid()], [data.uid(), data.gid()]);
        drop(opened);
    }
}

#[test]
fn a_file_of_another_program_or_a_cut_journal_stays_as_it_is() {
    for bytes in [&b"text"[..], &[1; 100_000], &[0; 100_000], b""] {
        let folder = Folder::with(b"bytes");
        fs::write(folder.journal(), bytes).unwrap();
        for opened in both(&folder.data()) {
            let error = opened.err().unwrap();
            assert!(matches!(error, Error::Format { call: "open", .. }), "{error}");
        }
        assert_eq!(fs::read(folder.journal()).unwrap(), bytes);
    }
}

/// Leaves a journal with a record, as a crash does.
fn leave_journal(folder: &Folder) -> Vec<u8> {
    let opened = writer(&folder.data()).unwrap();
    put(&opened, b"B", 0).unwrap();
    let bytes = fs::read(folder.journal()).unwrap();
    drop(opened);
    bytes
}

#[test]
fn a_copied_pair_is_refused_and_the_pair_itself_is_not() {
    let folder = Folder::with(b"bytes");
    let journal = leave_journal(&folder);
    let copy = folder.path().join("copy");
    fs::copy(folder.data(), &copy).unwrap();
    fs::write(journal_of(&copy), &journal).unwrap();
    for opened in both(&copy) {
        let error = opened.err().unwrap();
        let is_foreign = matches!(error, Error::Format { cause: FormatError::OtherFile, .. });
        assert!(is_foreign, "{error}");
    }
    assert_eq!(fs::read(journal_of(&copy)).unwrap(), journal);
    // The same, renamed.
    let moved = folder.path().join("moved");
    fs::rename(folder.data(), &moved).unwrap();
    fs::write(journal_of(&moved), &journal).unwrap();
    drop(writer(&moved).unwrap());
    assert_eq!(fs::read(&moved).unwrap(), b"Bytes");
}

#[test]
fn a_file_that_gets_the_inode_of_another_one_is_not_the_same() {
    let folder = Folder::with(b"bytes");
    let handle = || {
        let file = fs::File::open(folder.data()).unwrap();
        let inode = file.metadata().unwrap().ino();
        (sys::file::handle(sys::borrow(&file)).unwrap(), inode)
    };
    let (first, inode) = handle();
    assert_eq!(handle(), (first.clone(), inode));
    for _ in 0..100 {
        fs::remove_file(folder.data()).unwrap();
        fs::write(folder.data(), "other").unwrap();
        let (next, next_inode) = handle();
        assert_ne!(next, first);
        if next_inode == inode {
            return;
        }
    }
    println!("skipped: inodes are not used again here");
}

#[test]
fn a_writer_of_a_file_that_had_the_name_keeps_the_journal() {
    let folder = Folder::with(b"bytes");
    let first = writer(&folder.data()).unwrap();
    put(&first, b"B", 0).unwrap();
    fs::rename(folder.data(), folder.path().join("old")).unwrap();
    fs::write(folder.data(), "other").unwrap();
    assert!(matches!(writer(&folder.data()), Err(Error::HasWriter { .. })));
    assert!(put(&first, b"C", 0).is_err());
    drop(first);
    // Its journal is empty, and was removed: the name of the journal had not changed.
    drop(writer(&folder.data()).unwrap());
    assert_eq!(fs::read(folder.path().join("old")).unwrap(), b"Bytes");
}

#[test]
fn a_reader_follows_journals_that_are_removed_and_created() {
    let folder = Folder::with(b"bytes");
    let reader = reader(&folder.data()).unwrap();
    for round in 0..5 {
        let opened = writer(&folder.data()).unwrap();
        for at in 0..3 {
            put(&opened, &[round], at).unwrap();
            drop(enter(&reader).unwrap());
        }
        drop(opened);
        drop(enter(&reader).unwrap());
    }
    assert_eq!(fs::read(folder.data()).unwrap(), [4, 4, 4, b'e', b's']);
}

/// Does `work` while no file of the folder can be created or removed. Returns false if that is not
/// possible here.
fn while_fixed(folder: &Folder, work: impl FnOnce()) -> bool {
    let permit = |mode| fs::set_permissions(folder.path(), Permissions::from_mode(mode));
    if !is_root() {
        permit(0o500).unwrap();
        work();
        permit(0o700).unwrap();
        return true;
    }
    let change = |attribute| Command::new("chattr").arg(attribute).arg(folder.path()).status();
    let is_fixed = change("+i").is_ok_and(|status| status.success());
    if is_fixed {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        assert!(change("-i").unwrap().success());
        done.unwrap();
    }
    is_fixed
}

#[test]
fn a_journal_that_cannot_be_created_is_an_error_for_writers_only() {
    let folder = Folder::with(b"bytes");
    let is_done = while_fixed(&folder, || {
        let error = writer(&folder.data()).err().unwrap();
        let says_why = |reason: &str| reason.contains("not writable");
        assert!(matches!(error, Error::Unsupported(reason) if says_why(reason)), "{error}");
        drop(enter(&reader(&folder.data()).unwrap()).unwrap());
    });
    println!("{}", if is_done { "done" } else { "skipped: there are no immutable folders" });
}

#[test]
fn a_journal_that_cannot_be_removed_stays_without_records() {
    for is_writer in [false, true] {
        let folder = Folder::with(b"bytes");
        let bytes = leave_journal(&folder);
        fs::write(folder.journal(), &bytes).unwrap();
        fs::write(folder.data(), b"other").unwrap();
        while_fixed(&folder, || {
            if is_writer {
                writer(&folder.data()).unwrap().close().unwrap();
            } else {
                drop(enter(&reader(&folder.data()).unwrap()).unwrap());
            }
            assert_eq!(fs::read(folder.data()).unwrap(), b"Bther");
            assert!(folder.journal().exists());
            fs::write(folder.data(), b"other").unwrap();
            drop(enter(&reader(&folder.data()).unwrap()).unwrap());
            assert_eq!(fs::read(folder.data()).unwrap(), b"other");
        });
    }
}
