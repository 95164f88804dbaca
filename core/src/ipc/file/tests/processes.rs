//! Files of the system, and processes that create them at once or are killed.

use std::{
    env, fs,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use super::{
    super::{CreationLock, Mode, Opened, PERMISSIONS, adopt, header, open},
    FILE, KIND, SMALL,
};
use crate::{
    Error, FormatError, Result,
    ipc::has_range_locks,
    mode::LockKind,
    sys::{self, file_lock::FileLock, token::Token},
    test_children::{FOLDER, child},
};

const CREATE: Mode = Mode::OpenOrCreate(SMALL);

fn open_or_create(path: &Path) -> Result<Opened> {
    open(path, KIND, CREATE, PERMISSIONS)
}

/// Creates files as fast as it can. Its parent starts it, and may kill it.
#[test]
fn create_files_in_a_child_process() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let new = (0..FILES).filter(|at| {
        let path = Path::new(&folder).join(at.to_string());
        open_or_create(&path).expect("a complete file").is_new
    });
    println!("created {}.", new.count());
}

const FILES: usize = 40;

/// Starts a process that creates `FILES` files in the folder.
fn creator(folder: &Path) -> Child {
    child(&[], module_path!(), "create_files_in_a_child_process", folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn of_several_processes_one_creates_each_file() {
    if !has_range_locks() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let creators = [(); 3].map(|()| creator(folder.path()));
    let created = creators.map(|creator| {
        let output = creator.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let number = text.split_once("created ").unwrap().1.split_once('.').unwrap().0;
        number.parse::<usize>().unwrap()
    });
    assert_eq!(created.iter().sum::<usize>(), FILES, "{created:?}");
}

#[test]
fn of_several_threads_one_creates_the_file() {
    if !has_range_locks() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = folder.path().join(round.to_string());
        let is_new = || open_or_create(&path).unwrap().is_new;
        let new = thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(is_new));
            threads.map(|thread| usize::from(thread.join().unwrap()))
        });
        assert_eq!(new.iter().sum::<usize>(), 1, "round {round}");
    }
}

/// Returns whether the file is complete. If it is not, that must be the error.
fn is_complete(path: &Path) -> bool {
    match open(path, KIND, Mode::Open, PERMISSIONS) {
        Ok(_) => true,
        Err(Error::Format { cause, .. }) => {
            let empty = FormatError::TooShort { len: 0, required: header::LEN as u64 };
            assert!([empty, FormatError::Incomplete].contains(&cause), "{cause}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_a_killed_process_has_begun_is_completed() {
    if !has_range_locks() {
        return;
    }
    let mut incomplete = 0;
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let mut creator = creator(folder.path());
        while fs::read_dir(folder.path()).unwrap().next().is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(fastrand::u64(..10_000)));
        creator.kill().unwrap();
        creator.wait().unwrap();
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let was_complete = is_complete(&path);
            assert_eq!(open_or_create(&path).unwrap().is_new, !was_complete);
            assert!(is_complete(&path));
            assert_eq!(fs::metadata(path).unwrap().len(), FILE as u64);
            incomplete += usize::from(!was_complete);
        }
    }
    println!("{incomplete} of 20 kills left an incomplete file");
}

#[test]
fn a_new_file_must_not_exist_if_that_is_requested() {
    if !has_range_locks() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let kind = |mode| open(&path, KIND, mode, PERMISSIONS).map(|opened| opened.is_new);
    let system = |mode| std::io::Error::from(kind(mode).unwrap_err()).kind();
    assert_eq!(system(Mode::Open), std::io::ErrorKind::NotFound);
    assert!(kind(Mode::Create(SMALL)).unwrap());
    assert_eq!(system(Mode::Create(SMALL)), std::io::ErrorKind::AlreadyExists);
    assert!(!kind(CREATE).unwrap());
}

#[test]
fn a_lock_of_the_whole_file_is_an_error() {
    if !has_range_locks() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let lock = FileLock::open(sys::borrow(file.as_file()), LockKind::Exclusive).unwrap();
    assert!(lock.try_lock(&(0..i64::MAX as u64), LockKind::Exclusive).unwrap());
    let error = open_or_create(file.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { call: "open_or_create" }), "{error}");
    let error = CreationLock::take("join", sys::borrow(file.as_file())).unwrap_err();
    assert!(matches!(error, Error::Locked { call: "join" }), "{error}");
    assert_eq!(file.as_file().metadata().unwrap().len(), 0);
}

#[test]
fn an_opener_waits_for_the_creation_lock() {
    if !has_range_locks() {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let lock = CreationLock::take("join", sys::borrow(file.as_file())).unwrap();
    thread::scope(|scope| {
        let opener = scope.spawn(|| open_or_create(file.path()).unwrap());
        thread::sleep(Duration::from_millis(50));
        assert!(!opener.is_finished());
        assert_eq!(file.as_file().metadata().unwrap().len(), 0);
        drop(lock);
        assert!(opener.join().unwrap().is_new);
    });
}

/// Makes the file look as if it were from before a reboot, with content.
fn age(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes[72] ^= 1;
    let sum = crc32c::crc32c(&bytes[..88]);
    bytes[88..92].copy_from_slice(&sum.to_ne_bytes());
    bytes[header::LEN..].fill(1);
    fs::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn a_channel_from_before_a_reboot_starts_empty_unless_a_process_uses_it() {
    if !has_range_locks() || sys::boot::boot_id() == [0; 16] {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let opened = open_or_create(&path).unwrap();
    let token = Token::new(sys::borrow(&opened.file)).unwrap();
    let old = age(&path);
    assert!(!open_or_create(&path).unwrap().is_new);
    assert!(fs::read(&path).unwrap() == old);
    drop(token);
    assert!(open(&path, KIND, Mode::Open, PERMISSIONS).unwrap().is_new);
    assert!(fs::read(&path).unwrap()[header::LEN..].iter().all(|&byte| byte == 0));
    assert!(!open_or_create(&path).unwrap().is_new);
}

#[test]
fn a_descriptor_is_completed_as_a_path() {
    if !has_range_locks() {
        return;
    }
    // Windows: one that others may open as well.
    let file = tempfile::NamedTempFile::new().unwrap().reopen().unwrap();
    let error = adopt(file.try_clone().unwrap(), KIND, None).unwrap_err();
    let expected = FormatError::TooShort { len: 0, required: 96 };
    assert!(matches!(error, Error::Format { cause, .. } if cause == expected), "{error}");
    assert!(adopt(file.try_clone().unwrap(), KIND, Some(SMALL)).unwrap().is_new);
    let opened = adopt(file, KIND, None).unwrap();
    assert!(!opened.is_new && opened.geometry == SMALL);
}

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, File, Permissions},
        os::{
            fd::AsRawFd,
            unix::fs::{MetadataExt, PermissionsExt, symlink},
        },
        path::Path,
    };

    use super::{CREATE, FILE, KIND, PERMISSIONS, SMALL, adopt, open, open_or_create};
    use crate::{Error, FormatError, ipc::has_range_locks, sys};

    #[test]
    fn only_the_user_may_open_a_file_unless_requested_otherwise() {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let mode = |name, permissions| {
            let opened = open(&folder.path().join(name), KIND, CREATE, permissions).unwrap();
            opened.file.metadata().unwrap().permissions().mode() & 0o777
        };
        assert_eq!(mode("private", PERMISSIONS), 0o600);
        assert_eq!(mode("shared", 0o640) & !0o040, 0o600); // less the umask
    }

    #[test]
    fn the_data_have_blocks_on_the_disk() {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let opened = open_or_create(&folder.path().join("file")).unwrap();
        assert!(opened.file.metadata().unwrap().blocks() * 512 >= FILE as u64);
    }

    #[test]
    fn a_symbolic_link_is_not_followed_but_one_of_a_descriptor_is() {
        if !has_range_locks() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let [target, link] = ["target", "link"].map(|name| folder.path().join(name));
        symlink(&target, &link).unwrap();
        assert!(matches!(open_or_create(&link), Err(Error::Os { .. })));
        let file = File::create_new(&target).unwrap();
        assert!(matches!(open_or_create(&link), Err(Error::Os { .. })));
        assert_eq!(file.metadata().unwrap().len(), 0);
        if !cfg!(target_os = "linux") {
            return;
        }
        let paths = ["/proc/self/fd", "/dev/fd"].map(|it| format!("{it}/{}", file.as_raw_fd()));
        assert!(open_or_create(Path::new(&paths[0])).unwrap().is_new);
        // A system without udev may lack the second one.
        if Path::new(&paths[1]).exists() {
            assert!(!open_or_create(Path::new(&paths[1])).unwrap().is_new);
        }
    }

    #[test]
    fn only_regular_files_are_opened() {
        if !has_range_locks() {
            return;
        }
        let error = open_or_create(Path::new("/dev/null")).unwrap_err();
        let is_format = matches!(error, Error::Format { cause: FormatError::NotSafemap, .. });
        assert!(is_format, "{error}");
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(socket));
        let error = adopt(pipe, KIND, Some(SMALL)).unwrap_err();
        let is_format = matches!(error, Error::Format { cause: FormatError::NotSafemap, .. });
        assert!(is_format, "{error}");
    }

    #[test]
    fn a_descriptor_that_only_appends_is_an_error() {
        if !has_range_locks() {
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let appending = File::options().read(true).append(true).open(file.path()).unwrap();
        let error = adopt(appending, KIND, Some(SMALL)).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        assert_eq!(file.as_file().metadata().unwrap().len(), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_memory_file_is_completed() {
        if !has_range_locks() {
            return;
        }
        let file = File::from(sys::file::create_memory_file(c"channel").unwrap());
        assert!(adopt(file.try_clone().unwrap(), KIND, Some(SMALL)).unwrap().is_new);
        assert!(!adopt(file, KIND, Some(SMALL)).unwrap().is_new);
    }

    /// As on a network file system.
    #[test]
    #[cfg(target_os = "linux")]
    fn nothing_is_written_where_locks_do_not_show_which_processes_exist() {
        if !has_range_locks() {
            return;
        }
        let path = Path::new("/proc/self/comm");
        let before = fs::read(path).unwrap();
        let error = open_or_create(path).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        let error = open(path, KIND, super::Mode::Open, PERMISSIONS).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error}");
        assert_eq!(fs::read(path).unwrap(), before);
    }

    #[test]
    fn a_file_that_may_not_be_written_is_an_error_of_the_system() {
        if !has_range_locks() {
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(0o400)).unwrap();
        let is_root = File::options().write(true).open(file.path()).is_ok();
        let error = open_or_create(file.path()).err();
        assert!(is_root || matches!(error, Some(Error::Os { .. })), "{error:?}");
    }
}
