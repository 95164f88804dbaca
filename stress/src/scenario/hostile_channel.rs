//! A thread overwrites random words of channels while others use them.
//!
//! Each call has to return, with any result, at most a second after its timeout. Nothing may
//! panic, and no byte outside the map may be accessed.

use safemap::ipc::{Channel, Receiver, Sender};

use super::*;

const CAPACITY: usize = 4096;
const RING: usize = 4096;
/// How many calls use one channel.
const CALLS: usize = 200;
const TIMEOUT: Duration = Duration::from_millis(1);
const LONGEST_CALL: Duration = Duration::from_millis(1100);

pub(crate) fn run(settings: &Settings) -> Result {
    let (end, mut rng) =
        (Instant::now() + settings.time(1000, 60_000), fastrand::Rng::with_seed(3));
    let (mut calls, mut refused, mut corrupt) = (0, 0, 0);
    while Instant::now() < end {
        let channel =
            Channel::options().capacity(CAPACITY).max_messages(rng.u64(..3)).anonymous()?;
        let file = channel.file().try_clone_to_owned()?;
        let map = Options::new().access(Access::Write).map(&file)?;
        let (stop, seed) = (Stop::default(), rng.u64(..));
        thread::scope(|scope| -> Result<()> {
            let _stop = stop.set_on_drop();
            scope.spawn(|| overwrite(&map, seed, &stop));
            let (mut sender, mut receiver) = (channel.sender()?, channel.receiver()?);
            for _ in 0..CALLS {
                calls += 1;
                if settings.control {
                    trust(&map)?;
                }
                match call(&channel, &mut sender, &mut receiver, &mut rng) {
                    Err(Error::Corrupt { .. }) => corrupt += 1,
                    Err(_) => refused += 1,
                    Ok(()) => {}
                }
            }
            Ok(())
        })?;
    }
    let note = format!("{corrupt} found words that no channel stores, {refused} other errors");
    Ok(Report::new(calls, "calls on channels whose words are overwritten").note(note))
}

/// Stores words that look like those of a channel, and others.
fn overwrite(map: &Map, seed: u64, stop: &Stop) {
    let mut rng = fastrand::Rng::with_seed(seed);
    while !stop.is_set() {
        // Most words of a channel lie before its ring.
        let at = 8 * if rng.bool() { rng.usize(16..100) } else { rng.usize(16..(2 * RING) / 8) };
        let word = match rng.u32(..5) {
            0 => 0,
            1 => rng.u64(..),
            2 => 8 * rng.u64(..2 * CAPACITY as u64),
            // A header with a length that does not fit.
            3 => 1 << 63 | rng.u64(..1 << 32),
            _ => u64::MAX - rng.u64(..100),
        };
        map.store(word, at).expect("the words lie in the map");
        (0..rng.u32(..2000)).for_each(|_| std::hint::spin_loop());
    }
}

/// Makes one call, with any result.
fn call(
    channel: &Channel,
    sender: &mut Sender,
    receiver: &mut Receiver,
    rng: &mut fastrand::Rng,
) -> safemap::Result<()> {
    let (start, message) = (Instant::now(), vec![7; rng.usize(..CAPACITY)]);
    let mut bytes = Vec::new();
    let result = match rng.u32(..9) {
        0 => sender.try_send(&message).map(drop),
        1 => sender.send_timeout(&message, TIMEOUT).map(drop),
        2 => receiver.try_recv(&mut bytes).map(drop),
        3 | 4 => receiver.recv_timeout(&mut bytes, TIMEOUT).map(drop),
        5 => receiver.try_peek().and_then(|it| it.map_or(Ok(()), |message| message.accept())),
        6 => sender.try_claim(10).and_then(|it| it.map_or(Ok(()), |claim| claim.commit())),
        7 => channel.len().and_then(|_| channel.is_empty()).map(drop),
        _ => channel.peers().map(drop),
    };
    let taken = start.elapsed();
    assert!(taken < LONGEST_CALL, "a call took {taken:?}: {result:?}");
    assert!(bytes.len() <= CAPACITY);
    result
}

/// Takes a message as a program would that trusts the length.
fn trust(map: &Map) -> Result<()> {
    let head = map.load::<u64>(384)? as usize % CAPACITY;
    let len = map.load::<u64>(RING + head)? as u32 as usize;
    let ring = map.to_vec(RING..)?;
    assert!(ring[..len].len() <= CAPACITY);
    Ok(())
}
