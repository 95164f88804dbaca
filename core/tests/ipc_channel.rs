//! Channels: delivery, order, disconnection, crashes, forks, refusals.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Error,
    ipc::{Channel, Receiver, Sender, Spin},
};
use safemap_testing::{noise, process::Fork, succeeds_in_child};
use tempfile::TempDir;

const SOON: Duration = Duration::from_millis(1500);
const BRIEFLY: Duration = Duration::from_millis(20);

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("channel")
    }

    fn channel(&self, capacity: usize) -> Channel {
        open(&self.path(), capacity)
    }
}

fn open(path: &Path, capacity: usize) -> Channel {
    Channel::options().capacity(capacity).open_or_create(path).unwrap()
}

fn received(receiver: &mut Receiver) -> Vec<u8> {
    let mut message = Vec::new();
    let len = receiver.recv_timeout(&mut message, 4 * SOON).unwrap();
    assert_eq!(len, Some(message.len()));
    message
}

fn error_of(receiver: &mut Receiver) -> Error {
    let start = Instant::now();
    let error = receiver.recv_timeout(&mut Vec::new(), 4 * SOON).unwrap_err();
    assert!(start.elapsed() < SOON, "{error} after {:?}", start.elapsed());
    error
}

#[test]
fn messages_of_every_length_arrive_in_their_order() {
    let channel = Channel::options().capacity(4096).anonymous().unwrap();
    assert_eq!((channel.capacity(), channel.longest_message()), (4096, 4080));
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut rng = fastrand::Rng::with_seed(1);
    let lengths: Vec<_> = (0..=4080).chain((0..5000).map(|_| rng.usize(..600))).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (seed, &len) in lengths.iter().enumerate() {
                sender.send(&noise(seed as u64, len)).unwrap();
            }
        });
        for (seed, &len) in lengths.iter().enumerate() {
            assert_eq!(received(&mut receiver), noise(seed as u64, len));
        }
    });
    assert!(channel.is_empty().unwrap());
    let long = sender.send(&[0; 4081]).unwrap_err();
    assert!(matches!(long, Error::TooLong { len: 4081, limit: 4080 }), "{long}");
}

/// A message: the number of its sender, its own number, and bytes that follow from both.
fn message(sender: u32, number: u32) -> Vec<u8> {
    let len = (u64::from(sender) * 7919 + u64::from(number) * 104_729) % 3000;
    let mut message = [sender.to_le_bytes(), number.to_le_bytes()].concat();
    message.extend(noise(number.into(), len as usize));
    message
}

/// Checks that a message is complete, and that it follows the last one of its sender.
fn check(message: &[u8], last: &mut BTreeMap<u32, u32>) {
    let [sender, number] =
        [0, 4].map(|at| u32::from_le_bytes(message[at..at + 4].try_into().unwrap()));
    assert_eq!(message, self::message(sender, number), "message {number} of {sender} is torn");
    let before = last.insert(sender, number);
    assert!(before.is_none_or(|before| before < number), "{before:?} before {number} of {sender}");
}

#[test]
fn each_message_of_several_processes_is_delivered_once() {
    succeeds_in_child(|| {
        const MESSAGES: u32 = 3000;
        for spin in [Spin::Learn, Spin::Never] {
            let folder = Folder::new();
            let channel = folder.channel(1 << 16);
            let open = || Channel::options().spin(spin).open(folder.path()).unwrap();
            // The receivers wait until senders come.
            let receive = || {
                let (mut receiver, mut last) = (open().receiver().unwrap(), BTreeMap::new());
                let (mut bytes, mut count) = (Vec::new(), 0);
                loop {
                    match receiver.recv(&mut bytes) {
                        Ok(_) => check(&bytes, &mut last),
                        Err(Error::Disconnected { died: false }) => break count / 100,
                        Err(error) => panic!("{error}"),
                    }
                    count += 1;
                }
            };
            let receivers = [0, 1].map(|_| Fork::run(receive).unwrap());
            let send = |id| {
                let mut sender = open().sender().unwrap();
                (0..MESSAGES).for_each(|number| sender.send(&message(id, number)).unwrap());
                0
            };
            let senders = [1, 2, 3].map(|id| Fork::run(|| send(id)).unwrap());
            assert!(senders.into_iter().all(|child| child.wait().unwrap().success()));
            let counts = receivers.map(|child| child.wait().unwrap().code().unwrap());
            assert!((88..=90).contains(&counts.iter().sum()), "{counts:?} hundred messages");
            assert!(channel.is_empty().unwrap());
        }
    });
}

#[test]
fn several_messages_are_sent_and_received_at_once() {
    let channel = Channel::options().capacity(4096).anonymous().unwrap();
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let all: Vec<_> = (0..500).map(|number| message(1, number)).collect();
    thread::scope(|scope| {
        let sent = scope.spawn(|| sender.send_many(&all));
        let mut messages = Vec::new();
        while messages.len() < all.len() {
            let count = receiver.recv_many(&mut messages, 7).unwrap();
            assert!((1..=7).contains(&count));
        }
        assert!(messages == all);
        assert_eq!(sent.join().unwrap().unwrap(), 500);
    });
    let mut sender = channel.sender().unwrap();
    assert_eq!(sender.send_many([vec![1; 10], vec![2; 10], vec![3; 5000]]).unwrap(), 2);
    assert!(sender.send_many([vec![3; 5000]]).is_err());
    assert_eq!(sender.send_many([b""; 0]).unwrap(), 0);
    assert_eq!(channel.len().unwrap(), 2);
}

#[test]
fn a_claim_that_is_dropped_sends_nothing() {
    let channel = Channel::anonymous().unwrap();
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    let mut claim = sender.claim(10).unwrap();
    assert!(claim.write_all(b"first").is_ok() && claim.write_all(b" time, too long").is_err());
    assert!(matches!(claim.write_at(b"x", 10), Err(Error::OutOfBounds { len: 10, .. })));
    drop(claim);
    assert!(channel.is_empty().unwrap());
    let claim = sender.claim(6).unwrap();
    claim.write_at(b"second", 0).unwrap();
    claim.commit().unwrap();
    assert_eq!(received(&mut receiver), b"second");
}

#[test]
fn a_message_that_is_not_accepted_stays() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(1 << 16);
        let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
        sender.send_many(["first", "second"]).unwrap();
        assert_eq!(receiver.peek().unwrap().len(), 5);
        // A process crashes while it has a message.
        let crashing = Fork::run_and_stay(|| {
            let channel = folder.channel(1 << 16);
            let mut receiver = channel.receiver().unwrap();
            let message = receiver.peek().unwrap();
            std::mem::forget(message);
            std::mem::forget((receiver, channel));
        });
        crashing.unwrap().kill().unwrap();
        let message = receiver.peek_timeout(SOON).unwrap().unwrap();
        let mut bytes = [0; 8];
        assert_eq!(message.read_at(&mut bytes, 2).unwrap(), 3);
        assert_eq!(&bytes[..3], b"rst");
        assert_eq!(message.read_at(&mut bytes, 9).unwrap(), 0);
        message.accept().unwrap();
        assert_eq!(received(&mut receiver), b"second");
        assert!(receiver.try_peek().unwrap().is_none());
    });
}

#[test]
fn senders_that_leave_disconnect_after_their_messages() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(4096);
        let mut receiver = channel.receiver().unwrap();
        assert!(receiver.recv_timeout(&mut Vec::new(), BRIEFLY).unwrap().is_none());
        let child = Fork::run(|| {
            folder.channel(4096).sender().unwrap().send(b"last").unwrap();
            0
        });
        assert!(child.unwrap().wait().unwrap().success());
        assert_eq!(received(&mut receiver), b"last");
        assert!(matches!(error_of(&mut receiver), Error::Disconnected { died: false }));
        assert!(matches!(receiver.try_recv(&mut Vec::new()), Err(Error::Disconnected { .. })));
        // Another sender joins.
        channel.sender().unwrap().send(b"again").unwrap();
        assert_eq!(received(&mut receiver), b"again");
    });
}

#[test]
fn a_sender_that_left_before_the_receiver_joined_is_noticed() {
    let channel = Channel::anonymous().unwrap();
    channel.sender().unwrap().send(b"only").unwrap();
    let mut receiver = channel.receiver().unwrap();
    assert_eq!(received(&mut receiver), b"only");
    assert!(matches!(error_of(&mut receiver), Error::Disconnected { died: false }));
}

#[test]
fn a_waiting_receiver_learns_at_once_that_the_senders_left() {
    let channel = Channel::anonymous().unwrap();
    let (sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let error = receiver.recv(&mut Vec::new()).unwrap_err();
            (error, Instant::now())
        });
        // Long enough that the receiver sleeps for a second.
        thread::sleep(SOON);
        let start = Instant::now();
        drop(sender);
        let (error, end) = waiting.join().unwrap();
        assert!(matches!(error, Error::Disconnected { died: false }));
        assert!(end - start < Duration::from_millis(200), "{:?}", end - start);
    });
}

/// A process crashes that has what `made` returns.
fn crashing<T>(made: impl FnOnce() -> T) {
    Fork::run_and_stay(made).unwrap().kill().unwrap();
}

#[test]
fn a_crash_of_the_last_sender_is_reported_after_its_messages() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let mut receiver = folder.channel(4096).receiver().unwrap();
        crashing(|| {
            let mut sender = folder.channel(4096).sender().unwrap();
            sender.send(b"last").unwrap();
            sender
        });
        assert_eq!(received(&mut receiver), b"last");
        assert!(matches!(error_of(&mut receiver), Error::Disconnected { died: true }));
        // A receiver that starts now waits for senders.
        drop(receiver);
        let mut receiver = folder.channel(4096).receiver().unwrap();
        assert!(receiver.recv_timeout(&mut Vec::new(), BRIEFLY).unwrap().is_none());
    });
}

#[test]
fn senders_learn_that_no_receiver_is_left() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let mut sender = folder.channel(4096).sender().unwrap();
        let receiver = folder.channel(4096).receiver().unwrap();
        sender.send(b"first").unwrap();
        drop(receiver);
        assert!(matches!(sender.send(b"second"), Err(Error::Disconnected { died: false })));
        crashing(|| folder.channel(4096).receiver().unwrap());
        let start = Instant::now();
        // The ring is not full.
        let error = loop {
            match sender.send(b"") {
                Ok(()) => thread::sleep(Duration::from_millis(50)),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Disconnected { died: true }));
        assert!(start.elapsed() < SOON);
    });
}

#[test]
fn a_sender_that_waits_for_space_learns_of_a_crash() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let mut sender = folder.channel(4096).sender().unwrap();
        let receiving = Fork::run_and_stay(|| folder.channel(4096).receiver().unwrap());
        while sender.try_send(&[0; 300]).unwrap() {}
        assert!(!sender.send_timeout(&[0; 300], BRIEFLY).unwrap());
        assert!(sender.try_claim(300).unwrap().is_none());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| sender.send(&[0; 300]));
            thread::sleep(BRIEFLY);
            receiving.unwrap().kill().unwrap();
            assert!(matches!(waiting.join().unwrap(), Err(Error::Disconnected { died: true })));
        });
    });
}

#[test]
fn the_number_of_messages_can_be_limited() {
    let channel = Channel::options().capacity(4096).max_messages(3).anonymous().unwrap();
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    assert_eq!((channel.max_messages(), channel.longest_message()), (Some(3), 4072));
    for round in 0..1000_u32 {
        let sent = (0..5).filter(|_| sender.try_send(&round.to_le_bytes()).unwrap()).count();
        assert_eq!((sent as u64, channel.len().unwrap()), (3, 3));
        (0..3).for_each(|_| assert_eq!(received(&mut receiver), round.to_le_bytes()));
    }
    sender.send(&[7; 4072]).unwrap();
    assert_eq!(received(&mut receiver), [7; 4072]);
}

#[test]
fn no_more_than_64_processes_take_part_on_a_side() {
    let folder = Folder::new();
    // Each of them has an id.
    let channels: Vec<_> = (0..65).map(|_| folder.channel(4096)).collect();
    let senders: io::Result<Vec<Sender>> =
        channels[..64].iter().map(|channel| Ok(channel.sender()?)).collect();
    let mut senders = senders.unwrap();
    assert_eq!(channels[64].peers().unwrap().senders, 64);
    assert!(matches!(channels[64].sender(), Err(Error::TooManyProcesses { limit: 64 })));
    // Threads of one process share its place.
    channels[0].sender().unwrap().send(b"").unwrap();
    senders.pop();
    channels[64].sender().unwrap().send(b"").unwrap();
    assert_eq!(channels[0].len().unwrap(), 2);
}

#[test]
fn places_of_crashed_processes_are_used_again() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        folder.channel(4096);
        crashing(|| {
            let senders = (0..64).map(|_| folder.channel(4096).sender().unwrap());
            senders.collect::<Vec<_>>()
        });
        let channel = folder.channel(4096);
        assert_eq!(channel.peers().unwrap().senders, 0);
        let _sender = channel.sender().unwrap();
        assert_eq!(channel.peers().unwrap().senders, 1);
    });
}

#[test]
fn a_forked_child_takes_part_by_itself() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(1 << 16);
        let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let child = Fork::run(|| {
            for number in 0..1000 {
                sender.send(&message(2, number)).unwrap();
            }
            0
        });
        let child = child.unwrap();
        (0..1000).for_each(|number| assert_eq!(received(&mut receiver), message(2, number)));
        assert!(child.wait().unwrap().success());
    });
}

/// The child has joined when `fork` returns, so its parent can leave when it sees that.
#[test]
fn a_forked_child_joins_before_it_uses_a_handle() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(1 << 16);
        let receiver = channel.receiver().unwrap();
        let child = Fork::run_and_stay(|| ()).unwrap();
        let receivers = || channel.peers().unwrap().receivers;
        let both = receivers();
        drop(receiver);
        let (one, sent) = (receivers(), channel.sender().unwrap().send(b"to the child"));
        // Before anything fails: a child that stays would keep the test from ending.
        child.kill().unwrap();
        assert_eq!((both, one, receivers()), (2, 1, 0));
        sent.unwrap();
    });
}

#[test]
fn a_claim_and_a_message_of_the_parent_are_not_the_childs() {
    succeeds_in_child(|| {
        let channel = Channel::anonymous().unwrap();
        let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
        sender.send(b"first").unwrap();
        let (claim, message) = (sender.claim(2).unwrap(), receiver.peek().unwrap());
        let child =
            Fork::run(move || i32::from(claim.commit().is_ok() || message.accept().is_ok()));
        assert!(child.unwrap().wait().unwrap().success());
        assert_eq!(channel.len().unwrap(), 1);
    });
}

#[test]
fn four_senders_get_a_share_each() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(1 << 16);
        let send = |id: u32| {
            let mut sender = open(&folder.path(), 1 << 16).sender().unwrap();
            for number in 0.. {
                if sender.send(&message(id, number)).is_err() {
                    break;
                }
            }
            0
        };
        let senders = [0, 1, 2, 3].map(|id| Fork::run(|| send(id)).unwrap());
        let mut receiver = channel.receiver().unwrap();
        let (mut counts, mut last, end) = ([0; 4], BTreeMap::new(), Instant::now() + SOON);
        while Instant::now() < end {
            let message = received(&mut receiver);
            check(&message, &mut last);
            counts[message[0] as usize] += 1;
        }
        drop(receiver);
        assert!(senders.into_iter().all(|child| child.wait().unwrap().success()));
        let third_of_share = counts.iter().sum::<u32>() / 12;
        assert!(counts.iter().all(|&count| count >= third_of_share), "{counts:?}");
    });
}

#[test]
fn a_long_message_is_sent_beside_short_ones() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(1 << 14);
        let send = |len: usize| {
            let mut sender = open(&folder.path(), 1 << 14).sender().unwrap();
            while sender.send(&vec![0; len]).is_ok() {}
            0
        };
        let senders = [1000, 1000, 1000, 10_000].map(|len| Fork::run(|| send(len)).unwrap());
        let mut receiver = channel.receiver().unwrap();
        let (mut long, mut short, end) = (0, 0, Instant::now() + SOON);
        while Instant::now() < end {
            match received(&mut receiver).len() {
                1000 => short += 1,
                _ => long += 1,
            }
            thread::sleep(Duration::from_micros(300));
        }
        drop(receiver);
        assert!(senders.into_iter().all(|child| child.wait().unwrap().success()));
        assert!(long > 10 && short > 10, "{long} long messages, {short} short ones");
    });
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    let folder = Folder::new();
    folder.channel(8192);
    assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let error = Channel::options().capacity(4096).open_or_create(folder.path()).unwrap_err();
    assert!(error.to_string().contains("4096") && error.to_string().contains("8192"), "{error}");
    assert!(Channel::options().create(folder.path()).is_err());
    assert!(Channel::options().max_messages(3).open(folder.path()).is_err());
    assert_eq!(Channel::open(folder.path()).unwrap().capacity(), 8192);
    let huge = Channel::options().capacity((4 << 30) + 1).anonymous().unwrap_err();
    assert!(matches!(huge, Error::TooLong { limit: 0x1_0000_0000, .. }), "{huge}");
    let text = folder.0.path().join("text");
    fs::write(&text, "not a channel").unwrap();
    assert!(Channel::options().open_or_create(&text).is_err());
    assert_eq!(fs::read(&text).unwrap(), b"not a channel");
}

#[test]
fn a_file_that_is_cut_is_an_error() {
    succeeds_in_child(|| {
        let folder = Folder::new();
        let channel = folder.channel(1 << 16);
        let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
        sender.send(&[1; 30_000]).unwrap();
        let file = fs::OpenOptions::new().write(true).open(folder.path()).unwrap();
        file.set_len(8192).unwrap();
        assert!(receiver.recv(&mut Vec::new()).is_err());
        file.set_len(0).unwrap();
        assert!(receiver.recv(&mut Vec::new()).is_err());
        assert!(sender.send(b"more").is_err());
        drop((sender, receiver));
    });
}

#[test]
fn messages_before_a_damaged_one_are_received_once() {
    let channel = Channel::options().capacity(4096).anonymous().unwrap();
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    sender.send_many(["first", "second"]).unwrap();
    let file = fs::File::from(channel.file().try_clone_to_owned().unwrap());
    // The header of the second message, behind a header and 8 bytes.
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 8], 4096 + 16).unwrap();
    let mut messages = Vec::new();
    assert_eq!(receiver.recv_many(&mut messages, 9).unwrap(), 1);
    assert!(matches!(receiver.recv_many(&mut messages, 9), Err(Error::Corrupt { .. })));
    assert_eq!(messages, [b"first"]);
}
