//! Files of channels where programs run: small and overlay file systems, users without rights.
#![forbid(unsafe_code)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
    sync::Barrier,
    thread,
};

use safemap::{Error, FormatError, Result, ipc::Channel};
use safemap_testing::{
    namespace::{mount_memory, overlay_with},
    process::{Fork, drop_root_rights},
    succeeds_in_child,
};

fn open_or_create(path: &Path, capacity: usize) -> Result<Channel> {
    Channel::options().capacity(capacity).open_or_create(path)
}

/// Sends a message from another process.
fn assert_delivers(channel: &Channel) {
    let mut receiver = channel.receiver().unwrap();
    let send = || {
        channel.sender().unwrap().send(&[7; 1000]).unwrap();
        0
    };
    assert!(Fork::run(send).unwrap().wait().unwrap().success());
    let mut message = Vec::new();
    assert_eq!(receiver.recv(&mut message).unwrap(), 1000);
    assert_eq!(message, [7; 1000]);
}

/// As Docker's `/dev/shm`, where a sparse file would be a SIGBUS later.
#[test]
fn a_full_file_system_is_an_error_of_the_creation() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        if let Err(error) = mount_memory(folder.path(), 1 << 20) {
            return println!("skipped: no file system in memory ({error})");
        }
        let path = folder.path().join("channel");
        let error = io::Error::from(open_or_create(&path, 1 << 20).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        // It took no space but that of the header.
        let error = Channel::open(&path).unwrap_err();
        let is_incomplete = matches!(error, Error::Format { cause: FormatError::Incomplete, .. });
        assert!(is_incomplete, "{error}");
        fs::write(folder.path().join("other"), vec![1; 800 << 10]).unwrap();
        assert_delivers(&open_or_create(&path, 1 << 16).unwrap());
    });
}

/// As the root of a container.
#[test]
fn a_file_of_an_overlay_is_created_and_opened() {
    succeeds_in_child(|| {
        let below = match overlay_with("below", b"") {
            Ok(path) => path,
            Err(error) => return println!("skipped: no overlay file system ({error})"),
        };
        // The first one is copied up, and the second one is new.
        for path in [below.clone(), below.with_file_name("new")] {
            let channel = open_or_create(&path, 1 << 16).unwrap();
            assert_delivers(&channel);
            assert_delivers(&Channel::open(&path).unwrap());
        }
    });
}

#[test]
fn a_user_without_rights_gets_the_error_of_the_system() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channel");
        drop(open_or_create(&path, 1 << 16).unwrap());
        let public = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        fs::set_permissions(folder.path(), public).unwrap();
        if !drop_root_rights() {
            return println!("skipped: this user owns the file");
        }
        for refused in [Channel::open(&path), open_or_create(&path, 1 << 16)] {
            let error = io::Error::from(refused.unwrap_err());
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
    });
}

#[test]
fn a_channel_is_opened_that_another_thread_creates_with_other_settings() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..150 {
        let (path, both) = (folder.path().join(round.to_string()), Barrier::new(2));
        thread::scope(|scope| {
            let default = scope.spawn(|| {
                both.wait();
                Channel::options().open_or_create(&path)
            });
            both.wait();
            let small = open_or_create(&path, 4096);
            default.join().unwrap().unwrap();
            let has_other = |error: &Error| error.to_string().contains("1048576");
            assert!(small.is_ok() || has_other(small.as_ref().unwrap_err()));
        });
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_file_that_was_cut_is_too_short_for_any_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("channel");
    drop(open_or_create(&path, 4096).unwrap());
    fs::File::options().write(true).open(&path).unwrap().set_len(5000).unwrap();
    for refused in [Channel::options().open_or_create(&path), open_or_create(&path, 4096)] {
        let error = refused.unwrap_err();
        let is_short = matches!(error, Error::Format { cause: FormatError::TooShort { .. }, .. });
        assert!(is_short, "{error}");
    }
}
