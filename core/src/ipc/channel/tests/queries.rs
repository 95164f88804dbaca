//! Answers without a mutex, and errors of words that the protocol does not store.

use std::cell::RefCell;

use super::world::{ALL, Job, World};
use crate::ipc::{
    channel::{
        frames::{self, Ring, header_of},
        layout::{HEAD, SENT, TAIL},
    },
    simulated::{Process, Stop},
};

const RINGS: [Ring; 2] = [Ring { capacity: 64, most: 0 }, Ring { capacity: 64, most: 2 }];

/// What other processes do during a query. The first ones put a word 0 where a message began,
/// though the ring is never empty.
const OTHERS: [&[Job]; 4] = [
    &[Job::Receive(1), Job::Send(&[20])],
    &[Job::Receive(1), Job::Send(&[12])],
    &[Job::Receive(ALL), Job::Send(&[33]), Job::Receive(ALL)],
    &[Job::Send(&[0]), Job::Receive(ALL), Job::Send(&[0, 0])],
];

/// Asserts that an answer is right. `is_right` gets the numbers of messages during the query.
fn assert_answers<T: PartialEq + std::fmt::Debug>(
    query: impl Fn(&Process<'_>, &Ring) -> Result<T, Stop>,
    is_right: impl Fn(&T, &[usize]) -> bool,
) {
    for ring in RINGS {
        for (position, fill) in
            (0..8).flat_map(|i| [&[0, 10][..], &[5], &[]].map(|fill| (8 * i, fill)))
        {
            for (others, stop) in OTHERS.iter().flat_map(|jobs| (0..12).map(move |s| (jobs, s))) {
                let world = World::new(ring, position);
                world.run_survivor(Job::Send(fill));
                let counts = RefCell::new(vec![world.count()]);
                let process = world.process(None).interrupted(stop, || {
                    for job in *others {
                        world.run_survivor(*job);
                        counts.borrow_mut().push(world.count());
                    }
                });
                let answer = query(&process, &ring).unwrap();
                let counts = counts.borrow();
                assert!(is_right(&answer, &counts), "{answer:?} of {counts:?} at {position}");
            }
        }
    }
}

#[test]
fn a_ring_that_is_never_empty_is_not_called_empty() {
    assert_answers(
        |process, ring| frames::is_empty(process, ring),
        |is_empty, counts| counts.iter().any(|count| (*count == 0) == *is_empty),
    );
}

#[test]
fn messages_that_were_there_during_the_call_are_counted() {
    assert_answers(
        |process, ring| frames::count(process, ring),
        |count, counts| {
            let least = *counts.iter().min().unwrap();
            let sent: usize = counts.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).sum();
            (least..=counts[0] + sent).contains(&(*count as usize))
        },
    );
}

/// A channel with two messages at `AT`.
fn two_messages(ring: Ring) -> World {
    let world = World::new(ring, AT);
    world.run_survivor(Job::Send(&[0, 0]));
    world
}

const AT: u64 = 1 << 20;

/// Words that a receiver, and words that a sender must not accept.
#[test]
fn words_that_the_protocol_does_not_store_are_corrupt() {
    for ring in RINGS {
        let payload = ring.prefix() - 8;
        let frame = ring.prefix();
        let sound = header_of(AT, payload);
        let longest = ring.capacity - 16;
        for header in [
            sound & !(1 << 63),
            sound | 1 << 62,
            header_of(AT + 64, payload),
            header_of(AT, longest + 1),
            header_of(AT, u64::from(u32::MAX)),
        ] {
            let world = two_messages(ring);
            world.memory.set(ring.at(AT), header);
            assert_eq!(frames::first(&world.process(None), &ring), Err(Stop::Corrupt));
        }
        let end = AT + 2 * frame;
        for (at, word) in [
            (HEAD, AT + 1),
            (HEAD, end + 8),
            (HEAD, end - 64),
            (TAIL, end + 4),
            (TAIL, AT - 64),
            (TAIL, end + 64),
            // Two frames behind: a sender is one behind at most.
            (TAIL, AT),
            (ring.at(end), header_of(end, longest + 1)),
            (ring.at(end), u64::MAX),
        ] {
            let world = two_messages(ring);
            world.memory.set(at, word);
            let reserved = frames::reserve(&world.process(None), &ring, 0, &mut None);
            assert_eq!(reserved, Err(Stop::Corrupt), "{word:#x} at {at}");
        }
    }
}

#[test]
fn numbers_that_do_not_fit_are_corrupt() {
    let ring = RINGS[1];
    let number_at = |position: u64| ring.at(position + 8);
    // The last one would make three messages of two.
    let first = number_at(AT);
    for (at, word) in [(first, 5), (first, 1), (SENT, 7), (first, u64::MAX - 1)] {
        let world = two_messages(ring);
        world.memory.set(at, word);
        let reserved = frames::reserve(&world.process(None), &ring, 0, &mut None);
        assert_eq!(reserved, Err(Stop::Corrupt), "{word} at {at}");
    }
    // The number of a frame behind which a sender crashed.
    let world = two_messages(ring);
    world.memory.set(TAIL, AT + 16);
    world.memory.set(SENT, 5);
    let reserved = frames::reserve(&world.process(None), &ring, 0, &mut None);
    assert_eq!(reserved, Err(Stop::Corrupt));
}

/// Otherwise a sender that waits would try again all the time.
#[test]
fn the_number_of_messages_leaves_no_space_until_one_is_taken() {
    let world = two_messages(RINGS[1]);
    let process = world.process(None);
    let full = frames::reserve(&process, &RINGS[1], 0, &mut None).unwrap().unwrap_err();
    assert_eq!(frames::has_space(&process, &RINGS[1], &full), Ok(false));
    world.run_survivor(Job::Receive(1));
    assert_eq!(frames::has_space(&process, &RINGS[1], &full), Ok(true));
}

/// The messages of a full batch are followed around the ring once.
#[test]
fn a_chain_of_headers_around_the_ring_is_corrupt() {
    for ring in RINGS {
        let world = two_messages(ring);
        let len = 24;
        for i in 0..2 {
            let position = AT + i * ring.frame_len(len);
            world.memory.set(ring.at(position), header_of(position, ring.prefix() - 8 + 24));
        }
        let process = world.process(None);
        let first = frames::first(&process, &ring).unwrap().unwrap();
        assert_eq!(frames::next(&process, &ring, &first), Err(Stop::Corrupt));
    }
}
