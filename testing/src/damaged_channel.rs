//! Runs bytes as a program that damages a channel, opens it, and uses it beside a thread that
//! overwrites its words.

use std::{
    fs::File,
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Access, Error, Map, Options, Result,
    ipc::{Channel, Receiver, Sender},
};

use crate::{Stop, decode::Decoder};

const CAPACITY: usize = 4096;
const LEN: usize = 4096 + CAPACITY;
const MOST_CALLS: usize = 40;
const TIMEOUT: Duration = Duration::from_millis(1);
/// A call waits 100 ms for a lock. The machine may be busy.
const LONGEST_CALL: Duration = Duration::from_secs(3);

/// Runs the program that `bytes` encode. Panics if a call takes too long.
///
/// Each call may return any result.
///
/// # Panics
///
/// If a call takes much longer than its timeout, or returns a message longer than the channel.
pub fn use_damaged_channel(bytes: &[u8]) {
    let mut steps = Decoder(bytes);
    let limit = u64::from(steps.byte() % 3);
    let Ok(file) = file_of_a_channel(limit) else { return };
    let map = Options::new().access(Access::Write).map(&file).expect("map a memory file");
    for _ in 0..steps.byte() % 8 {
        damage(&map, &mut steps);
    }
    let (stop, seed, is_busy) = (Stop::default(), steps.byte(), steps.byte() % 4 != 0);
    thread::scope(|scope| {
        let _stop = stop.set_on_drop();
        if is_busy {
            scope.spawn(|| overwrite(&map, seed.into(), &stop));
        }
        // The file may be refused.
        let _ = use_file(file, &map, &mut steps);
    });
}

/// Returns the file of a channel with some messages.
fn file_of_a_channel(limit: u64) -> Result<File> {
    let channel = Channel::options().capacity(CAPACITY).max_messages(limit).anonymous()?;
    let mut sender = channel.sender()?;
    for len in [5, 0, 1000] {
        sender.try_send(&vec![7; len])?;
    }
    let file = channel.file().try_clone_to_owned();
    file.map(File::from).map_err(|source| Error::Os { call: "clone", source })
}

/// Replaces a word, also by another word of the channel.
fn damage(map: &Map, steps: &mut Decoder<'_>) {
    let at = position(steps);
    let word = match steps.byte() % 6 {
        0 => 0,
        1 => u64::MAX - u64::from(steps.byte()),
        2 => steps.number() as u64,
        3 => 1 << 63 | steps.number() as u64,
        4 => map.load::<u64>(position(steps)).unwrap_or(0),
        _ => map.load::<u64>(at).unwrap_or(0) ^ 1 << (steps.byte() % 64),
    };
    map.store(word, at).expect("the words lie in the map");
}

/// Most words of a channel lie in the first 2048 bytes, and few are used in other places.
fn position(steps: &mut Decoder<'_>) -> usize {
    const USED: [usize; 14] = [16, 18, 19, 32, 48, 64, 80, 96, 97, 98, 99, 128, 192, 512];
    let near = USED[usize::from(steps.byte()) % USED.len()] + usize::from(steps.byte() % 4);
    8 * match steps.byte() % 4 {
        0 => usize::from(steps.byte()) % 12,
        1 => steps.number() % (LEN / 8),
        _ => near,
    }
}

fn overwrite(map: &Map, seed: u64, stop: &Stop) {
    let mut rng = fastrand::Rng::with_seed(seed);
    while !stop.is_set() {
        let bytes: [u8; 8] = rng.u64(..).to_ne_bytes();
        damage(map, &mut Decoder(&bytes));
        (0..rng.u32(..1000)).for_each(|_| std::hint::spin_loop());
    }
}

fn use_file(file: File, map: &Map, steps: &mut Decoder<'_>) -> Result<()> {
    let channel = Channel::from_file(file)?;
    let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
    for _ in 0..MOST_CALLS {
        if steps.0.is_empty() {
            break;
        }
        let start = Instant::now();
        let done = call(&channel, &mut sender, &mut receiver, steps);
        let taken = start.elapsed();
        assert!(taken < LONGEST_CALL, "a call took {taken:?}: {done:?}");
        if steps.byte() % 4 == 0 {
            damage(map, steps);
        }
    }
    Ok(())
}

fn call(
    channel: &Channel,
    sender: &mut Sender,
    receiver: &mut Receiver,
    steps: &mut Decoder<'_>,
) -> Result<()> {
    let (mut bytes, mut messages) = (Vec::new(), Vec::new());
    match steps.byte() % 32 {
        31 => sender.send_timeout(&message(steps), TIMEOUT).map(drop)?,
        30 => receiver.recv_timeout(&mut bytes, TIMEOUT).map(drop)?,
        29 => receiver.recv_many_timeout(&mut messages, 5, TIMEOUT).map(drop)?,
        0..6 => receiver.try_peek()?.map_or(Ok(()), |message| message.accept())?,
        6..9 => drop(receiver.try_peek()?),
        9..12 => sender.try_claim(steps.number())?.map_or(Ok(()), |claim| claim.commit())?,
        12..14 => drop((channel.sender()?, channel.receiver()?)),
        14..17 => drop((channel.len()?, channel.is_empty()?, channel.peers()?)),
        17..24 => sender.try_send(&message(steps)).map(drop)?,
        _ => receiver.try_recv(&mut bytes).map(drop)?,
    }
    assert!(bytes.len() <= CAPACITY && messages.iter().all(|it: &Vec<u8>| it.len() <= CAPACITY));
    Ok(())
}

fn message(steps: &mut Decoder<'_>) -> Vec<u8> {
    vec![7; steps.number() % (CAPACITY + 9)]
}
