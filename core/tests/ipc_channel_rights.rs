//! Channels in processes that may not open the file again, or cannot: sending, receiving, and
//! noticing that the other side is gone.
#![forbid(unsafe_code)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::Duration,
};

use safemap::{
    Error, Result,
    ipc::{Channel, Receiver, Sender},
};
use safemap_testing::{
    lock_byte,
    process::{Fork, drop_root_rights, use_up_descriptors},
    succeeds_in_child,
};
use tempfile::TempDir;

const BRIEFLY: Duration = Duration::from_millis(20);
const SOON: Duration = Duration::from_millis(1500);

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("channel")
    }

    /// Each channel takes part by itself, as if it was another process's.
    fn channel(&self) -> Channel {
        Channel::options().capacity(4096).open_or_create(self.path()).unwrap()
    }
}

/// Prevents that this process opens the file again. Returns what has to be kept.
type Prevent = fn(&Folder) -> Vec<File>;

fn without_descriptors(_: &Folder) -> Vec<File> {
    use_up_descriptors()
}

fn without_rights(folder: &Folder) -> Vec<File> {
    fs::set_permissions(folder.path(), Permissions::from_mode(0o000)).unwrap();
    // Without rights of root this process had none before.
    let _ = drop_root_rights();
    Vec::new()
}

/// No process can open the file by its path any more. (The system's links to it still work.)
fn without_a_path(folder: &Folder) -> Vec<File> {
    fs::remove_file(folder.path()).unwrap();
    Vec::new()
}

/// Another process was stopped while it joined.
fn beside_a_stopped_process(folder: &Folder) -> Vec<File> {
    const CREATION_BYTE: u64 = (1 << 62) - 1;
    let file = File::options().read(true).write(true).open(folder.path()).unwrap();
    lock_byte(&file, CREATION_BYTE).unwrap();
    vec![file]
}

/// Runs `test` in each of these situations, which last until the end of the process.
fn in_each(test: fn(Prevent)) {
    let situations: [Prevent; 4] =
        [without_descriptors, without_rights, without_a_path, beside_a_stopped_process];
    for (number, prevent) in situations.into_iter().enumerate() {
        let child = Fork::run(|| {
            test(prevent);
            0
        });
        let status = child.unwrap().wait_timeout(8 * SOON).unwrap();
        assert!(status.is_some_and(|status| status.success()), "situation {number}: {status:?}");
    }
}

fn pair(folder: &Folder) -> (Sender, Receiver) {
    (folder.channel().sender().unwrap(), folder.channel().receiver().unwrap())
}

fn received(receiver: &mut Receiver) -> Result<Option<usize>> {
    receiver.recv_timeout(&mut Vec::new(), SOON)
}

#[test]
fn messages_are_sent_and_received_by_processes_that_cannot_open_the_file() {
    succeeds_in_child(|| {
        in_each(|prevent| {
            let folder = Folder::new();
            let (mut sender, mut receiver) = pair(&folder);
            let _kept = prevent(&folder);
            // Longer than a handle goes without a look at the other side.
            for len in 0..40 {
                sender.send(&vec![0; len]).unwrap();
                assert_eq!(received(&mut receiver).unwrap(), Some(len));
                std::thread::sleep(BRIEFLY);
            }
            assert_eq!(receiver.recv_timeout(&mut Vec::new(), SOON / 2).unwrap(), None);
        });
    });
}

#[test]
fn a_receiver_that_cannot_open_the_file_learns_that_the_senders_left() {
    succeeds_in_child(|| {
        in_each(|prevent| {
            let folder = Folder::new();
            let (mut sender, mut receiver) = pair(&folder);
            let _kept = prevent(&folder);
            sender.send(b"last").unwrap();
            drop(sender);
            assert_eq!(received(&mut receiver).unwrap(), Some(4));
            let error = received(&mut receiver).unwrap_err();
            assert!(matches!(error, Error::Disconnected { died: false }), "{error:?}");
        });
    });
}

#[test]
fn a_receiver_that_cannot_open_the_file_learns_of_a_crash() {
    succeeds_in_child(|| {
        in_each(|prevent| {
            let folder = Folder::new();
            let mut receiver = folder.channel().receiver().unwrap();
            let child = Fork::run(|| {
                let mut sender = folder.channel().sender().unwrap();
                sender.send(b"last").unwrap();
                std::mem::forget(sender);
                0
            });
            child.unwrap().wait().unwrap();
            let _kept = prevent(&folder);
            assert_eq!(received(&mut receiver).unwrap(), Some(4));
            let error = received(&mut receiver).unwrap_err();
            assert!(matches!(error, Error::Disconnected { died: true }), "{error:?}");
        });
    });
}

#[test]
fn a_sender_that_cannot_open_the_file_learns_that_the_receivers_left() {
    succeeds_in_child(|| {
        in_each(|prevent| {
            let folder = Folder::new();
            let (mut sender, receiver) = pair(&folder);
            let _kept = prevent(&folder);
            sender.send(b"").unwrap();
            drop(receiver);
            let error = sender.send(b"").unwrap_err();
            assert!(matches!(error, Error::Disconnected { died: false }), "{error:?}");
        });
    });
}
