//! Channels in forked children that end before they have used them.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use safemap::{
    Error,
    ipc::{Channel, Receiver, Sender},
};
use safemap_testing::{
    process::{Fork, forks},
    succeeds_in_child,
};
use tempfile::TempDir;

const SOON: Duration = Duration::from_millis(1500);

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// Each channel takes part by itself, as if it was another process's.
    fn channel(&self) -> Channel {
        Channel::options().capacity(4096).open_or_create(self.0.path().join("channel")).unwrap()
    }
}

fn error_of_receiver(receiver: &mut Receiver) -> Error {
    receiver.recv_timeout(&mut Vec::new(), 2 * SOON).unwrap_err()
}

fn error_of_sender(sender: &mut Sender) -> Error {
    let end = Instant::now() + 2 * SOON;
    while Instant::now() < end {
        if let Err(error) = sender.try_send(b"") {
            return error;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the sender learns nothing");
}

/// Runs another program in a child that is forked. `vfork` and `posix_spawn` run no fork handlers.
fn executes_a_program() {
    assert!(forks(&mut Command::new("true")).status().unwrap().success());
}

#[test]
fn a_child_that_executes_a_program_is_not_a_sender_that_crashed() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let (sender, mut receiver) =
            (folder.channel().sender().unwrap(), folder.channel().receiver().unwrap());
        executes_a_program();
        drop(sender);
        let error = error_of_receiver(&mut receiver);
        assert!(matches!(error, Error::Disconnected { died: false }), "{error:?}");
    });
}

#[test]
fn a_child_that_executes_a_program_is_not_a_receiver_that_crashed() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let (mut sender, receiver) =
            (folder.channel().sender().unwrap(), folder.channel().receiver().unwrap());
        executes_a_program();
        sender.send(b"to the parent").unwrap();
        drop(receiver);
        let error = error_of_sender(&mut sender);
        assert!(matches!(error, Error::Disconnected { died: false }), "{error:?}");
    });
}

/// The program runs on after its process has left.
#[test]
fn a_program_that_a_child_executes_does_not_take_part() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel();
        let (sender, mut receiver) =
            (channel.sender().unwrap(), folder.channel().receiver().unwrap());
        let mut child = forks(Command::new("sleep").arg("60")).spawn().unwrap();
        // The kernel releases the child's id some time after `execve`.
        let end = Instant::now() + SOON;
        while channel.peers().unwrap().senders > 1 && Instant::now() < end {}
        assert_eq!(channel.peers().unwrap().senders, 1);
        drop(sender);
        let error = error_of_receiver(&mut receiver);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(matches!(error, Error::Disconnected { died: false }), "{error:?}");
    });
}

/// How receivers learn of a child that executes `work` and is killed.
fn error_beside(work: impl FnOnce(&Channel, &mut Sender)) -> Error {
    let folder = Folder::new();
    let channel = folder.channel();
    let (mut sender, mut receiver) =
        (channel.sender().unwrap(), folder.channel().receiver().unwrap());
    let child = Fork::run_and_stay(|| work(&channel, &mut sender)).unwrap();
    drop((sender, channel));
    child.kill().unwrap();
    while receiver.try_recv(&mut Vec::new()).is_ok_and(|len| len.is_some()) {}
    error_of_receiver(&mut receiver)
}

/// Otherwise no crash in a child would be reported.
#[test]
fn a_child_that_has_used_a_handle_has_crashed() {
    succeeds_in_child(|| {
        let uses: [fn(&Channel, &mut Sender); 4] = [
            |_, sender| sender.send(b"first").unwrap(),
            |_, sender| drop(sender.claim(1).unwrap()),
            |_, sender| assert_eq!(sender.send_many([b"first"]).unwrap(), 1),
            |channel, _| std::mem::forget(channel.sender().unwrap()),
        ];
        for use_handle in uses {
            let error = error_beside(use_handle);
            assert!(matches!(error, Error::Disconnected { died: true }), "{error:?}");
        }
    });
}

#[test]
fn a_child_that_is_killed_before_it_has_used_a_handle_has_left() {
    succeeds_in_child(|| {
        let error = error_beside(|_, _| {});
        assert!(matches!(error, Error::Disconnected { died: false }), "{error:?}");
    });
}
