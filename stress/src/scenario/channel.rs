//! Processes that send through a channel, receive from it or create it are killed at random
//! instants.
//!
//! Each message says which process sent it and which of its messages it is, and its other bytes
//! follow from that. So a process that checks knows every byte.

use std::{collections::BTreeMap, os::unix::process::parent_id};

use safemap::ipc::Channel;

use super::{
    stage::{
        COUNTS, END, LONGEST_WAIT, MESSAGES, Stage, WORKERS, acknowledged, checked,
        ensure_all_came, message, note_wait,
    },
    *,
};

const CAPACITY: usize = 256 << 10;
const LONGEST: u64 = 60_000;

/// Opens or creates the channel.
fn open(stage: &Stage) -> safemap::Result<Channel> {
    Channel::options().capacity(CAPACITY).open_or_create(stage.path())
}

pub(crate) fn killed_senders(settings: &Settings) -> Result {
    let stage = Stage::new(settings)?;
    open(&stage)?;
    let kills = settings.times(300, 10_000);
    let checker = stage.start(|| check_all(&stage))?;
    kill_at_random(kills, WORKERS, |id| stage.start(|| send(&stage, id as u64)))?;
    stage.counts().store(1_u64, END)?;
    assert!(checker.wait()?.success(), "see above");
    stage.report(settings, (kills, "senders of a channel killed"), open(&stage)?.takeovers()?)
}

pub(crate) fn killed_receivers(settings: &Settings) -> Result {
    let stage = Stage::new(settings)?;
    open(&stage)?;
    let kills = settings.times(300, 10_000);
    let sender = stage.start(|| send(&stage, 0))?;
    kill_at_random(kills, 2, |_| stage.start(|| receive(&stage)))?;
    stage.counts().store(1_u64, END)?;
    // It may wait for room.
    let (channel, counts) = (open(&stage)?, stage.counts());
    let (mut receiver, mut bytes) = (channel.receiver()?, Vec::new());
    let mut has_ended = false;
    while !has_ended || !channel.is_empty()? {
        has_ended = has_ended || sender.try_wait()?.is_some();
        match receiver.recv_timeout(&mut bytes, Duration::from_millis(1)) {
            Ok(None) | Err(Error::Disconnected { .. }) => {}
            received => {
                received?;
                count(&counts, &bytes)?;
            }
        }
    }
    let sent = counts.load::<u64>(acknowledged(0))?;
    let deliveries = (0..sent).map(|number| counts.get(COUNTS + number as usize));
    let deliveries = deliveries.collect::<safemap::Result<Vec<_>>>()?;
    let twice = deliveries.iter().filter(|&&count| count > 1).count();
    let lost = deliveries.iter().filter(|&&count| count == 0).count();
    assert_eq!(twice, 0, "messages were delivered twice");
    assert!(lost <= kills + 2, "{lost} messages lost");
    stage.report(settings, (kills, "receivers of a channel killed"), open(&stage)?.takeovers()?)
}

pub(crate) fn killed_creators(settings: &Settings) -> Result {
    let folder = tempfile::tempdir()?;
    let rounds = settings.times(150, 5000);
    let path = |number: usize| folder.path().join(number.to_string());
    let mut rng = fastrand::Rng::with_seed(7);
    let mut completed = 0;
    for round in 0..rounds {
        let create = || Fork::run(|| create(settings, &path(round)));
        let workers = [create()?, create()?];
        thread::sleep(Duration::from_micros(rng.u64(..1000)));
        for worker in workers {
            assert!(worker.try_wait()?.is_none(), "a process ended before it was killed");
            worker.send(libc::SIGKILL)?;
            worker.wait()?;
        }
        completed += usize::from(path(round).exists());
        let channel = open_small(&path(round))?;
        let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
        sender.send(b"complete")?;
        let mut bytes = Vec::new();
        while !channel.is_empty()? {
            receiver.recv(&mut bytes)?;
            assert_eq!(bytes, b"complete");
        }
        fs::remove_file(path(round))?;
    }
    let note = format!("{completed} had created the file");
    Ok(Report::new(2 * rounds, "creators of a channel killed").note(note))
}

/// A sender and a receiver are stopped while they have the locks of their sides.
pub(crate) fn stopped(settings: &Settings) -> Result {
    let stage = Stage::new(settings)?;
    open(&stage)?;
    let (channel, counts, time) = (open(&stage)?, stage.counts(), settings.time(1000, 5000));
    let owner = stage.start(|| own_both(&stage))?;
    while counts.load::<u64>(MESSAGES)? == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    owner.send(libc::SIGSTOP)?;
    let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
    let (start, mut bytes) = (Instant::now(), Vec::new());
    assert!(!sender.send_timeout(b"", time / 2)?, "the lock of a stopped sender was taken");
    let received = receiver.recv_timeout(&mut bytes, time / 2)?;
    assert_eq!(received, None, "the lock of a stopped receiver was taken");
    assert!(start.elapsed() >= time, "waited for {:?}", start.elapsed());
    owner.send(libc::SIGCONT)?;
    sender.send(b"last")?;
    for expected in [&b"claimed"[..], b"last"] {
        receiver.recv_timeout(&mut bytes, LONGEST_WAIT)?.expect("the owner unlocks");
        assert_eq!(bytes, expected);
    }
    assert!(owner.wait()?.success(), "see above");
    assert_eq!(channel.takeovers()?, 0);
    Ok(Report::new(1, "process stopped that has both locks").note(format!("for {time:?}")))
}

/// Has a claim and a message for 200 ms, then completes both.
fn own_both(stage: &Stage) -> Result<()> {
    let channel = open(stage)?;
    let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
    sender.send(b"first")?;
    let (claim, message) = (sender.claim(7)?, receiver.peek()?);
    stage.hide_tokens()?;
    claim.write_at(b"claimed", 0)?;
    stage.counts().store(1_u64, MESSAGES)?;
    thread::sleep(Duration::from_millis(200));
    message.accept()?;
    Ok(claim.commit()?)
}

fn open_small(path: &Path) -> safemap::Result<Channel> {
    Channel::options().capacity(1 << 13).open_or_create(path)
}

/// Creates a channel, sends a message and waits to be killed. Returns after an error.
fn create(settings: &Settings, path: &Path) -> i32 {
    let run = || -> Result<()> {
        if settings.control {
            // As a program would create a file.
            let file = fs::File::create(path)?;
            file.write_all_at(b"\x89SMIPC\r\n", 0)?;
            thread::sleep(Duration::from_millis(1));
            return Ok(file.set_len(1 << 14)?);
        }
        Ok(open_small(path)?.sender()?.send(b"complete")?)
    };
    if let Err(error) = run() {
        eprintln!("a process ended: {error}");
        return 1;
    }
    thread::sleep(Duration::from_secs(100));
    0
}

/// Sends messages until the process is killed or the scenario ends.
fn send(stage: &Stage, id: u64) -> Result<()> {
    let (channel, counts) = (open(stage)?, stage.counts());
    let mut sender = channel.sender()?;
    stage.hide_tokens()?;
    let parent = parent_id();
    for number in 0.. {
        if parent_id() != parent || counts.load::<u64>(END)? == 1 {
            break;
        }
        let start = Instant::now();
        match sender.send(&message::<LONGEST>(id, number)) {
            Err(Error::Disconnected { .. }) => continue,
            sent => sent?,
        }
        note_wait(&counts, start)?;
        counts.store(number + 1, acknowledged(id))?;
    }
    Ok(())
}

/// Receives messages, and counts them, until the process is killed.
fn receive(stage: &Stage) -> Result<()> {
    let (channel, counts) = (open(stage)?, stage.counts());
    let (mut receiver, mut bytes) = (channel.receiver()?, Vec::new());
    stage.hide_tokens()?;
    let parent = parent_id();
    while parent_id() == parent {
        let start = Instant::now();
        if receiver.recv_timeout(&mut bytes, LONGEST_WAIT)?.is_none() {
            continue;
        }
        note_wait(&counts, start)?;
        count(&counts, &bytes)?;
    }
    Ok(())
}

/// Checks all messages until the scenario ends: none is torn, lost or out of order.
fn check_all(stage: &Stage) -> Result<()> {
    let (channel, counts) = (open(stage)?, stage.counts());
    let (mut receiver, mut bytes) = (channel.receiver()?, Vec::new());
    stage.hide_tokens()?;
    let (parent, mut next) = (parent_id(), BTreeMap::new());
    while parent_id() == parent {
        let has_ended = stage.has_ended()?;
        match receiver.recv_timeout(&mut bytes, Duration::from_millis(20)) {
            Ok(None) | Err(Error::Disconnected { .. }) if has_ended => break,
            Ok(None) | Err(Error::Disconnected { .. }) => continue,
            received => received?,
        };
        let (id, number) = checked::<LONGEST>(&bytes);
        let expected = next.insert(id, number + 1).unwrap_or(0);
        assert_eq!(number, expected, "sender {id}");
        counts.store(counts.load::<u64>(MESSAGES)? + 1, MESSAGES)?;
    }
    ensure_all_came(&counts, &next)
}

/// Counts one delivery of a message of sender 0.
fn count(counts: &Map, message: &[u8]) -> Result<()> {
    let (_, number) = checked::<LONGEST>(message);
    counts.atomic::<u8>(COUNTS + number as usize)?.fetch_add(1, SeqCst)?;
    counts.atomic::<u64>(MESSAGES)?.fetch_add(1, SeqCst)?;
    Ok(())
}
