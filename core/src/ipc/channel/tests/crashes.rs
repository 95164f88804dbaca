//! Crashes before each operation of sending and receiving, alone and in pairs, and stops between
//! operations.

use std::cell::Cell;

use super::world::{ALL, Job, World};
use crate::ipc::{
    channel::{
        frames::Ring,
        layout::{RING, SENT, TAIL},
    },
    simulated::{Control, IS_THOROUGH, IsLost, Stop, Store},
};

const CAPACITY: u64 = 64;
const RINGS: [Ring; 2] =
    [Ring { capacity: CAPACITY, most: 0 }, Ring { capacity: CAPACITY, most: 2 }];

/// Sender and receiver, one message and several; longer messages wrap at more positions.
const JOBS: [Job; 6] = [
    Job::Send(&[5]),
    Job::Send(&[20]),
    Job::Send(&[0, 9]),
    Job::Send(&[33]),
    Job::Receive(1),
    Job::Receive(ALL),
];
/// What is in the ring before: nothing, a part, and almost all of it.
const FILLS: [&[usize]; 3] = [&[], &[10], &[1, 17]];

/// Each position in the ring. During the test, positions in headers and `u64` wrap.
fn positions() -> impl Iterator<Item = u64> {
    (0..CAPACITY / 8).map(|i| 0_u64.wrapping_sub(CAPACITY).wrapping_add(8 * i))
}

fn unchanged(_: &World) {}

fn loses(is_lost: IsLost) -> impl Fn(&World) {
    move |world| world.memory.lost.set(Some(is_lost))
}

/// A fifth of the channels still has both rings and all fills.
const STEP: usize = if IS_THOROUGH { 1 } else { 5 };

/// Channels at the start of a test.
fn worlds(change: impl Fn(&World)) -> impl Iterator<Item = World> {
    let starts = RINGS.into_iter().flat_map(|ring| positions().map(move |at| (ring, at)));
    let starts = starts.flat_map(|start| FILLS.map(|fill| (start, fill)));
    starts.step_by(STEP).map(move |((ring, position), fill)| {
        let world = World::new(ring, position);
        world.run_survivor(Job::Send(fill));
        change(&world);
        world
    })
}

/// The worlds after a crash before each operation of each job, and after its end.
fn crashed(
    worlds: impl Iterator<Item = World>,
    jobs: &'static [Job],
) -> impl Iterator<Item = World> {
    worlds.flat_map(move |world| jobs.iter().flat_map(move |job| after_crashes(&world, *job)))
}

/// Those of one job. Equal memory comes once.
fn after_crashes(world: &World, job: Job) -> Vec<World> {
    let mut worlds: Vec<World> = Vec::new();
    for crash in 0.. {
        let after = world.clone();
        let result = after.run(&after.process(Some(crash)), job);
        let words = after.memory.words();
        if worlds.last().is_none_or(|last| last.memory.words() != words) {
            worlds.push(after);
        }
        if result != Err(Stop::Crashed) {
            break;
        }
    }
    worlds
}

/// Returns what goes wrong if one process crashes.
fn single_crashes(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    crashed(worlds(change), &JOBS)
        .flat_map(|world| [world.fill_and_finish(), world.finish()])
        .flatten()
}

const FIRST: [Job; 4] = [Job::Send(&[20]), Job::Send(&[0, 9]), Job::Receive(1), Job::Receive(ALL)];
const SECOND: [Job; 3] = [Job::Send(&[33]), Job::Send(&[0, 9]), Job::Receive(1)];

/// Returns what goes wrong if one process crashes, and then another one. The messages in between
/// are received, or not.
fn pairs_of_crashes(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    let between = crashed(worlds(change), &FIRST).flat_map(|world| [received(&world), world]);
    crashed(between, &SECOND).filter_map(|world| world.finish())
}

fn received(world: &World) -> World {
    let world = world.clone();
    world.run_survivor(Job::Receive(ALL));
    world
}

/// Returns what goes wrong if a process is stopped before each of its operations, which is not a
/// crash, while another one runs, and crashes or not.
fn stops(
    worlds: impl Iterator<Item = World>,
    jobs: &'static [Job],
    crashes: &'static [Option<usize>],
) -> impl Iterator<Item = String> {
    worlds.flat_map(move |world| {
        let mut failures = Vec::new();
        for (stopped, other) in jobs.iter().flat_map(|job| jobs.iter().map(move |o| (job, o))) {
            for crash in crashes {
                failures.extend(stopped_anywhere(&world, *stopped, *other, *crash));
            }
        }
        failures
    })
}

fn stopped_anywhere(world: &World, stopped: Job, other: Job, crash: Option<usize>) -> Vec<String> {
    let mut failures = Vec::new();
    for stop in 0.. {
        let world = world.clone();
        let has_run = Cell::new(false);
        let process = world.process(None).interrupted(stop, || {
            has_run.set(true);
            // It waits for a lock if the stopped process has that.
            let _ = world.run(&world.process(crash), other);
        });
        let result = world.run(&process, stopped);
        failures.extend((result != Ok(())).then(|| "a stopped process fails".to_owned()));
        drop(process);
        failures.extend(world.finish());
        if !has_run.get() {
            break;
        }
    }
    failures
}

fn assert_none(mut failures: impl Iterator<Item = String>) {
    assert_eq!(failures.next(), None);
}

fn assert_some(mut failures: impl Iterator<Item = String>) {
    assert!(failures.next().is_some());
}

#[test]
fn nothing_is_lost_or_torn_by_a_crash_before_any_operation() {
    assert_none(single_crashes(unchanged));
}

#[test]
fn nothing_is_lost_or_torn_by_any_pair_of_crashes() {
    assert_none(pairs_of_crashes(unchanged));
}

#[test]
fn nothing_is_lost_or_torn_beside_a_stopped_process() {
    const CRASHES: [Option<usize>; 5] = [None, Some(3), Some(8), Some(14), Some(20)];
    assert_none(stops(worlds(unchanged), &JOBS, &CRASHES));
}

#[test]
fn nothing_is_lost_or_torn_beside_a_stopped_successor() {
    let after = crashed(worlds(unchanged).step_by(5), &FIRST);
    assert_none(stops(after, &[Job::Send(&[20]), Job::Receive(1)], &[None]));
}

#[test]
fn without_the_word_behind_a_frame_old_bytes_are_messages() {
    assert_some(single_crashes(loses(|store| store.at >= RING && store.word == 0)));
}

#[test]
fn without_crashes_that_are_noticed_survivors_wait_for_ever() {
    let mut failures = single_crashes(|world| world.memory.control.set(Control::AllAlive));
    assert!(failures.any(|failure| failure == "a survivor waits for ever"));
}

#[test]
fn without_liveness_two_processes_use_one_side() {
    let worlds = worlds(|world| world.memory.control.set(Control::AllCrashed));
    assert_some(stops(worlds, &JOBS, &[None]));
}

/// A sender must store the tail that it finds behind a crashed one, before it copies its message.
/// One crash alone does not show that.
#[test]
fn without_a_stored_tail_two_crashes_are_noticed() {
    let is_lost = |store: &Store| store.at == TAIL && store.follows_load;
    assert_none(single_crashes(loses(is_lost)));
    assert_some(pairs_of_crashes(loses(is_lost)));
}

#[test]
fn without_numbers_the_limit_of_messages_is_noticed() {
    assert_some(single_crashes(loses(|store| store.at == SENT)));
}

#[test]
fn without_the_number_before_the_tail_a_number_is_used_twice() {
    assert_some(single_crashes(|world| world.memory.delayed.set(Some((SENT, TAIL)))));
}
