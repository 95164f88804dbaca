//! Random sends and receives, also beside a process that overwrites words.

use fastrand::Rng;
use quickcheck::QuickCheck;

use super::world::{ALL, Job, World};
use crate::ipc::{
    channel::{
        frames::{self, Ring, header_of},
        layout::{HEAD, RECEIVERS_EVENTS, SENDERS_EVENTS, SENT, TAIL},
    },
    event_count,
    simulated::{Process, Stop},
};

fn a_ring(rng: &mut Rng) -> Ring {
    Ring { capacity: 64 << rng.u32(..4), most: [0, 3, u64::MAX][rng.usize(..3)] }
}

#[test]
fn random_sends_and_receives_agree_with_a_queue() {
    fn agrees(seed: u64) -> bool {
        let rng = &mut Rng::with_seed(seed);
        let ring = a_ring(rng);
        let world = World::new(ring, rng.u64(..) & !7);
        for _ in 0..50 {
            let process = world.process(None);
            let result = match rng.bool() {
                true => {
                    let lens: Vec<_> =
                        (0..rng.usize(..4)).map(|_| rng.usize(..=ring.longest())).collect();
                    world.send(&process, &lens)
                }
                false => world.receive(&process, rng.usize(..5)),
            };
            assert_eq!(result, Ok(()));
        }
        world.run_survivor(Job::Receive(ALL));
        world.finish().is_none()
    }
    QuickCheck::new().tests(300).quickcheck(agrees as fn(u64) -> bool);
}

/// Overwrites a word, also by values that look right.
fn overwrite(world: &World, rng: &mut Rng) {
    let ring = world.ring;
    let (head, tail) = (world.memory.word(HEAD), world.memory.word(TAIL));
    let near = head.wrapping_add(8 * rng.u64(..ring.capacity / 8));
    let at = match rng.u32(..6) {
        0 => [TAIL, SENT, HEAD, RECEIVERS_EVENTS, SENDERS_EVENTS][rng.usize(..5)],
        1 => ring.at(head & !7),
        2 => ring.at(tail & !7),
        _ => ring.at(near & !7),
    };
    let word = match rng.u32(..7) {
        0 => 0,
        1 => u64::MAX,
        2 => rng.u64(..),
        3 => near.wrapping_sub(8 * rng.u64(..4)),
        4 => header_of(near, rng.u64(..ring.capacity)),
        5 => header_of(tail, rng.u64(..ring.capacity)),
        _ => header_of(head, u64::from(rng.u32(..))),
    };
    world.memory.set(at, word);
}

fn send(process: &Process<'_>, ring: &Ring, rng: &mut Rng) -> Result<(), Stop> {
    let len = [0, 5, ring.longest(), ring.longest() + 1, usize::MAX][rng.usize(..5)];
    match frames::reserve(process, ring, len, &mut None)? {
        Ok(room) => {
            assert!(len <= ring.longest());
            for (at, bytes) in ring.pieces(room.start, len) {
                process.write(at, &vec![0xff; bytes.len()])?;
            }
            frames::publish(process, ring, &room)
        }
        Err(full) => frames::has_space(process, ring, &full).map(drop),
    }
}

fn receive(process: &Process<'_>, ring: &Ring, rng: &mut Rng) -> Result<(), Stop> {
    let (mut frame, mut bytes) = (frames::first(process, ring)?, 0);
    while let Some(found) = frame {
        bytes += ring.frame_len(found.len);
        assert!(bytes <= ring.capacity);
        for (at, bytes) in ring.pieces(found.start, found.len) {
            process.read(at..at + bytes.len())?;
        }
        frame = frames::next(process, ring, &found)?;
        if frame.is_none() && rng.bool() {
            frames::take(process, &found)?;
        }
    }
    Ok(())
}

fn ask(process: &Process<'_>, ring: &Ring, _: &mut Rng) -> Result<(), Stop> {
    frames::is_empty(process, ring)?;
    assert!(frames::count(process, ring)? <= ring.most.max(ring.capacity / 8));
    event_count::announce(process, RECEIVERS_EVENTS)?;
    event_count::notify(process, SENDERS_EVENTS)
}

/// A chain of frames that an attacker has written: they have correct headers all around the ring.
fn surround(world: &World) {
    let (ring, head) = (world.ring, world.memory.word(HEAD) & !7);
    for i in 0..ring.capacity / 8 {
        let position = head.wrapping_add(8 * i);
        world.memory.set(ring.at(position), header_of(position, ring.prefix() - 8));
    }
}

#[test]
fn overwritten_words_are_errors_at_worst() {
    fn ends(seed: u64) -> bool {
        let rng = &mut Rng::with_seed(seed);
        let ring = a_ring(rng);
        let world = World::new(ring, rng.u64(..) & !7);
        (0..50).all(|_| {
            match rng.u32(..10) {
                0 => surround(&world),
                1..6 => overwrite(&world, rng),
                _ => {}
            }
            // More operations than any call has to execute.
            let limit = 100 + 4 * ring.capacity as usize;
            let mut other = rng.fork();
            let process = world
                .process(Some(limit))
                .interrupted(rng.usize(..60), || overwrite(&world, &mut other));
            let call = [send, receive, ask][rng.usize(..3)];
            call(&process, &ring, rng) != Err(Stop::Crashed)
        })
    }
    QuickCheck::new().tests(1000).quickcheck(ends as fn(u64) -> bool);
}
