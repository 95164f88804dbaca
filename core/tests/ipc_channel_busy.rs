//! Channels while others are slow: calls with a timeout end, and waiting threads are woken.
#![forbid(unsafe_code)]
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    fs::File,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Result,
    ipc::{Channel, Receiver, Sender},
};
use safemap_testing::{lock_byte, process::Fork, succeeds_in_child};

const BRIEFLY: Duration = Duration::from_millis(20);
const SOON: Duration = Duration::from_millis(1500);

/// The byte that processes lock while they create a file, or join.
const CREATION_BYTE: u64 = (1 << 62) - 1;

/// Locks this byte, as a process that was stopped there.
fn stopped_process(path: &Path) -> File {
    let file = File::options().read(true).write(true).open(path).unwrap();
    lock_byte(&file, CREATION_BYTE).unwrap();
    file
}

/// All calls that do not wait for ever. Each returns that there is no space or message.
fn call_each(sender: &mut Sender, receiver: &mut Receiver) -> Result<()> {
    assert!(!sender.try_send(b"")? && !sender.send_timeout(b"", BRIEFLY)?);
    assert!(!sender.send_now(b"")? && sender.try_claim(0)?.is_none());
    let (mut bytes, mut messages) = (Vec::new(), Vec::new());
    assert!(receiver.try_recv(&mut bytes)?.is_none() && receiver.recv_now(&mut bytes)?.is_none());
    assert!(receiver.recv_timeout(&mut bytes, BRIEFLY)?.is_none());
    assert_eq!(receiver.recv_many_timeout(&mut messages, 1, BRIEFLY)?, 0);
    assert!(receiver.try_peek()?.is_none() && receiver.peek_now()?.is_none());
    assert!(receiver.peek_timeout(BRIEFLY)?.is_none());
    Ok(())
}

#[test]
fn calls_with_a_timeout_end_in_a_child_that_cannot_join() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channel");
        let channel = Channel::options().open_or_create(&path).unwrap();
        let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
        let stopped = stopped_process(&path);
        let child = Fork::run(|| {
            let start = Instant::now();
            call_each(&mut sender, &mut receiver).unwrap();
            assert!(start.elapsed() < 2 * SOON, "{:?}", start.elapsed());
            0
        });
        let status = child.unwrap().wait_timeout(4 * SOON).unwrap();
        assert!(status.expect("a call hangs").success());
        drop(stopped);
        let child = Fork::run(|| sender.send(b"joined").map_or(1, |()| 0)).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(receiver.recv_timeout(&mut Vec::new(), SOON).unwrap(), Some(6));
    });
}

#[test]
fn a_handle_is_dropped_while_another_thread_cannot_join() {
    succeeds_in_child(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("channel");
        let channel = Channel::options().open_or_create(&path).unwrap();
        let sender = channel.sender().unwrap();
        let stopped = stopped_process(&path);
        thread::scope(|scope| {
            let joining = scope.spawn(|| channel.sender());
            thread::sleep(10 * BRIEFLY);
            let dropping = thread::spawn(move || drop(sender));
            thread::sleep(10 * BRIEFLY);
            let (was_dropped, was_joined) = (dropping.is_finished(), joining.is_finished());
            drop(stopped);
            assert!(was_dropped && !was_joined);
            joining.join().unwrap().unwrap();
        });
    });
}

/// How long a sender waits after a receiver has taken a message and does not come back soon.
fn latency(channel: &Channel, len: usize) -> Duration {
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    while sender.try_send(&vec![0; len]).unwrap() {}
    let start = thread::scope(|scope| {
        scope.spawn(|| sender.send(&vec![0; len]));
        // Long enough that the sender sleeps.
        thread::sleep(BRIEFLY);
        receiver.recv(&mut Vec::new()).unwrap();
        Instant::now()
    });
    start.elapsed()
}

/// Otherwise the sender would look by itself, every 5 ms.
#[test]
fn senders_that_wait_for_the_number_of_messages_are_woken() {
    let limited = Channel::options().max_messages(3).anonymous().unwrap();
    let small = Channel::options().capacity(4096).anonymous().unwrap();
    let mut latencies: Vec<_> =
        (0..25).map(|_| (latency(&limited, 1), latency(&small, 2000))).collect();
    latencies.sort();
    let by_number = latencies[12].0;
    latencies.sort_by_key(|latency| latency.1);
    let by_bytes = latencies[12].1;
    assert!(by_number < 3 * by_bytes + Duration::from_millis(1), "{by_number:?}, {by_bytes:?}");
}

/// Receivers wake senders when a quarter of the ring is free. Otherwise the sender looks by itself.
#[test]
fn a_sender_that_has_waited_for_long_notices_a_little_space() {
    let channel = Channel::options().capacity(4096).anonymous().unwrap();
    let (mut sender, mut receiver) = (channel.sender().unwrap(), channel.receiver().unwrap());
    while sender.try_send(&[0; 300]).unwrap() {}
    let start = thread::scope(|scope| {
        scope.spawn(|| sender.send(&[0; 300]));
        // A receiver would sleep for up to 640 ms from now on.
        thread::sleep(Duration::from_millis(700));
        receiver.recv(&mut Vec::new()).unwrap();
        Instant::now()
    });
    assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
}
