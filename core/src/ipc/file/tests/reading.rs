//! Journals that are opened for reading only.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::Path,
    thread,
    time::Duration,
};

use super::{
    super::{
        CreationLock, Geometry, Kind, Mode, Opened, PERMISSIONS, adopt_for_reading, boot, header,
        is_in_use, open, open_for_reading,
    },
    FILE, KIND, SMALL,
};
use crate::{
    Error, FormatError, Result,
    ipc::has_range_locks,
    mode::LockKind,
    sys::{self, file_lock::FileLock, token::Token, token_id::CREATION_BYTE},
};

fn create(path: &Path) -> Opened {
    open(path, Kind::Journal, Mode::OpenOrCreate(SMALL), PERMISSIONS).unwrap()
}

/// Returns the reason for which the file cannot be opened.
fn refusal(opened: Result<Opened>) -> FormatError {
    match opened.unwrap_err() {
        Error::Format { cause, .. } => cause,
        error => panic!("{error}"),
    }
}

fn refusal_of(bytes: &[u8]) -> FormatError {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let cause = refusal(open_for_reading(file.path()));
    assert_eq!(refusal(adopt_for_reading(File::open(file.path()).unwrap())), cause);
    assert_eq!(fs::read(file.path()).unwrap(), bytes);
    cause
}

#[test]
fn a_journal_is_read_through_a_path_and_through_a_descriptor() {
    if !has_range_locks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        return assert!(matches!(open_for_reading(file.path()), Err(Error::Unsupported(_))));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let created = create(&path);
    let [by_path, by_file] =
        [open_for_reading(&path), adopt_for_reading(File::open(&path).unwrap())];
    for opened in [by_path.unwrap(), by_file.unwrap()] {
        assert_eq!((opened.id, opened.geometry), (created.id, SMALL));
        assert!(!opened.is_new);
        assert!(sys::file::write_at(sys::borrow(&opened.file), b"byte", 5000).is_err());
    }
    assert_eq!(created.id[..], fs::read(&path).unwrap()[56..72]);
    assert_ne!(created.id, create(&folder.path().join("other")).id);
}

#[test]
fn a_file_that_is_not_a_complete_journal_is_an_error_that_says_why() {
    if !has_range_locks() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    assert_eq!(open_for_reading(&path).map_err(kind).unwrap_err(), ErrorKind::NotFound);
    create(&path);
    let journal = fs::read(&path).unwrap();
    let required = header::LEN as u64;
    for len in [0, 5, 95] {
        let expected = FormatError::TooShort { len: len as u64, required };
        assert_eq!(refusal_of(&journal[..len]), expected);
    }
    let (len, required) = (8000, FILE as u64);
    assert_eq!(refusal_of(&journal[..8000]), FormatError::TooShort { len, required });
    let mut incomplete = journal.clone();
    incomplete[92..96].copy_from_slice(&1_u32.to_ne_bytes());
    assert_eq!(refusal_of(&incomplete), FormatError::Incomplete);
    let mut damaged = journal;
    damaged[56] ^= 1;
    assert_eq!(refusal_of(&damaged), FormatError::DamagedHeader);
    assert_eq!(refusal_of(&[1; 5000]), FormatError::NotSafemap);
    // A file that a creator could complete.
    assert_eq!(refusal_of(&[0; FILE]), FormatError::NotSafemap);
    let channel = open(&folder.path().join("channel"), KIND, Mode::Create(SMALL), PERMISSIONS);
    drop(channel.unwrap());
    let other = FormatError::OtherKind { found: 1, requested: 2 };
    assert_eq!(refusal(open_for_reading(&folder.path().join("channel"))), other);
}

fn kind(error: Error) -> ErrorKind {
    std::io::Error::from(error).kind()
}

#[test]
fn readers_wait_for_a_creator_and_not_for_each_other() {
    if !has_range_locks() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    create(file.path());
    let borrowed = sys::borrow(file.as_file());
    let reader = FileLock::open(borrowed, LockKind::Shared).unwrap();
    reader.lock_byte(CREATION_BYTE, LockKind::Shared).unwrap();
    open_for_reading(file.path()).unwrap();
    assert!(CreationLock::try_take("join", borrowed).unwrap().is_none());
    drop(reader);
    let creator = CreationLock::take("join", borrowed).unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| open_for_reading(file.path()).map(drop));
        thread::sleep(Duration::from_millis(50));
        assert!(!reader.is_finished());
        drop(creator);
        reader.join().unwrap().unwrap();
    });
}

#[test]
fn a_lock_of_the_whole_file_is_an_error_for_readers_too() {
    if !has_range_locks() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    create(file.path());
    let lock = FileLock::open(sys::borrow(file.as_file()), LockKind::Exclusive).unwrap();
    assert!(lock.try_lock(&(0..i64::MAX as u64), LockKind::Exclusive).unwrap());
    let error = open_for_reading(file.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { call: "open" }), "{error}");
}

/// A reader has locked the byte as well, so the kernel may report that lock.
#[test]
#[cfg(unix)]
fn a_shared_lock_of_the_whole_file_is_an_error_for_creators() {
    if !has_range_locks() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    create(file.path());
    let borrowed = sys::borrow(file.as_file());
    let [reader, other] = [(); 2].map(|()| FileLock::open(borrowed, LockKind::Shared).unwrap());
    reader.lock_byte(CREATION_BYTE, LockKind::Shared).unwrap();
    assert!(other.try_lock(&(0..i64::MAX as u64), LockKind::Shared).unwrap());
    let error = CreationLock::take("join", borrowed).unwrap_err();
    assert!(matches!(error, Error::Locked { call: "join" }), "{error}");
    open_for_reading(file.path()).unwrap();
}

#[test]
fn a_descriptor_for_reading_shows_whether_a_process_takes_part() {
    if !has_range_locks() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let created = create(file.path());
    let reader = open_for_reading(file.path()).unwrap();
    let is_in_use = || is_in_use("next", sys::borrow(&reader.file)).unwrap();
    assert!(!is_in_use());
    let lock = CreationLock::take("writer", sys::borrow(&created.file)).unwrap();
    // The lock of creation is no token.
    assert!(!is_in_use());
    let token = Token::new(sys::borrow(&created.file)).unwrap();
    assert!(is_in_use());
    drop(lock);
    assert!(is_in_use());
    drop(token);
    assert!(!is_in_use());
}

#[test]
fn the_boot_id_has_two_words() {
    let bytes: Vec<u8> = boot().iter().flat_map(|word| word.to_ne_bytes()).collect();
    assert_eq!(bytes[..], sys::boot::boot_id());
}

#[test]
fn the_capacity_of_a_journal_only_counts_for_its_creation() {
    if !has_range_locks() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let with = |capacity| {
        let mode = Mode::OpenOrCreate(Geometry { capacity, slots: 0 });
        open(&path, Kind::Journal, mode, PERMISSIONS)
    };
    for capacity in [0, 4095, i64::MAX as u64, u64::MAX] {
        assert_eq!(refusal(with(capacity)), FormatError::InvalidCapacity { capacity });
    }
    assert!(!path.exists() || fs::read(&path).unwrap().is_empty());
    assert!(with(5001).unwrap().is_new);
    assert_eq!(fs::metadata(&path).unwrap().len(), 4096 + 5001);
    let opened = with(1 << 20).unwrap();
    assert!(!opened.is_new && opened.geometry.capacity == 5001);
    // It has grown.
    opened.file.set_len(1 << 16).unwrap();
    for opened in [with(4096).unwrap(), open_for_reading(&path).unwrap()] {
        assert!(!opened.is_new && opened.geometry.capacity == 5001);
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 16);
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt, symlink},
        path::Path,
    };

    use super::{Error, File, FormatError, create, has_range_locks, open_for_reading, refusal};

    /// Root may write the file all the same.
    #[test]
    fn the_right_to_read_is_enough() {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        create(&path);
        fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
        let opened = open_for_reading(&path);
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        opened.unwrap();
    }

    #[test]
    fn a_link_or_a_device_is_refused_as_by_writers() {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let [path, link] = ["journal", "link"].map(|name| folder.path().join(name));
        create(&path);
        symlink(&path, &link).unwrap();
        let error = open_for_reading(&link).unwrap_err();
        assert!(matches!(error, Error::Os { call: "open", .. }), "{error}");
        let device = open_for_reading(Path::new("/dev/null"));
        assert_eq!(refusal(device), FormatError::NotSafemap);
        // Reading one would wait for a writer.
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(socket));
        assert_eq!(refusal(super::adopt_for_reading(pipe)), FormatError::NotSafemap);
    }

    #[test]
    fn a_descriptor_that_only_appends_may_be_read() {
        if !has_range_locks() {
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        create(file.path());
        let appending = File::options().read(true).append(true).open(file.path()).unwrap();
        super::adopt_for_reading(appending).unwrap();
    }
}

#[cfg(target_os = "linux")]
mod mounts {
    use std::{
        env,
        path::{Path, PathBuf},
    };

    use super::{
        ErrorKind, File, Kind, Mode, PERMISSIONS, create, has_range_locks, is_in_use, kind, open,
        open_for_reading, sys,
    };
    use crate::{
        Options,
        test_children::{FOLDER, succeeds_after},
    };

    /// The path of the journal in a child process; `None` in other processes.
    fn journal() -> Option<PathBuf> {
        env::var_os(FOLDER).map(|folder| PathBuf::from(folder).join("journal"))
    }

    /// Runs the test with a journal in the folder, on which `commands` mount something.
    fn succeeds_with_journal(commands: &str, test: &str) {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        create(&folder.path().join("journal"));
        succeeds_after(commands, module_path!(), test, folder.path());
    }

    #[test]
    fn a_journal_on_a_file_system_for_reading_is_opened() {
        let mount = r#"cd "$SAFEMAP_TEST_FILES" && mount --bind . . &&
            mount -o remount,bind,ro "$SAFEMAP_TEST_FILES""#;
        succeeds_with_journal(mount, "on_a_file_system_for_reading");
    }

    #[test]
    fn on_a_file_system_for_reading() {
        let Some(path) = journal() else { return };
        let error = open(&path, Kind::Journal, Mode::Open, PERMISSIONS).unwrap_err();
        assert_eq!(kind(error), ErrorKind::ReadOnlyFilesystem);
        assert!(!open_for_reading(&path).unwrap().is_new);
    }

    #[test]
    fn a_reader_on_an_overlay_sees_what_later_writers_store() {
        let mount = r#"cd "$SAFEMAP_TEST_FILES" && mount -t tmpfs none "$SAFEMAP_TEST_FILES" &&
            mkdir "$SAFEMAP_TEST_FILES/lower" && cp journal "$SAFEMAP_TEST_FILES/lower" &&
            cd "$SAFEMAP_TEST_FILES" && cp lower/journal lower/control && mkdir upper work &&
            mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none \
            "$SAFEMAP_TEST_FILES""#;
        succeeds_with_journal(mount, "on_an_overlay");
    }

    #[test]
    fn on_an_overlay() {
        let Some(path) = journal() else { return };
        assert!(sees_later_writers(&path, open_for_reading(&path).unwrap().file));
        // The control: a map of any descriptor for reading shows the lower file.
        let path = path.with_file_name("control");
        assert!(!sees_later_writers(&path, File::open(&path).unwrap()));
    }

    fn sees_later_writers(path: &Path, reader: File) -> bool {
        let map = Options::new().map(reader).unwrap();
        let writer = open(path, Kind::Journal, Mode::Open, PERMISSIONS).unwrap().file;
        sys::file::write_at(sys::borrow(&writer), b"record", 5000).unwrap();
        map.get(5000).unwrap() == b'r'
    }

    #[test]
    fn a_user_with_the_right_to_read_opens_a_journal() {
        let change = r#"chmod 444 "$SAFEMAP_TEST_FILES/journal" &&
            chmod 555 "$SAFEMAP_TEST_FILES" &&
            set -- setpriv --reuid 65534 --regid 65534 --clear-groups "$@" &&
            setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$7""#;
        succeeds_with_journal(change, "as_a_user_with_the_right_to_read");
    }

    #[test]
    fn as_a_user_with_the_right_to_read() {
        let Some(path) = journal() else { return };
        let error = open(&path, Kind::Journal, Mode::Open, PERMISSIONS).unwrap_err();
        assert_eq!(kind(error), ErrorKind::PermissionDenied);
        let opened = open_for_reading(&path).unwrap();
        assert!(!is_in_use("next", sys::borrow(&opened.file)).unwrap());
    }
}
