//! Crashes before each operation, alone and in pairs, and stops between operations.

use std::cell::Cell;

use super::{
    IS_THOROUGH,
    machine::{Control, Process},
    world::{Job, Payload, Step, World},
};
use crate::ipc::{
    journal::{
        layout::{RECORDS, TAIL},
        records::{Appender, Length},
    },
    simulated::{self, IsLost, Stop, Store},
};

const STEP: usize = if IS_THOROUGH { 1 } else { 5 };
/// Before which operations a process is stopped.
const STOPS: usize = if IS_THOROUGH { 3 } else { 10 };

const JOBS: [Job; 5] = [
    &[Step::Append(&[Payload::Bytes(5)])],
    &[Step::Append(&[Payload::Records(70)])],
    &[Step::Append(&[Payload::Bytes(0), Payload::Bytes(9)]), Step::Sync],
    &[Step::Append(&[Payload::Bytes(20)]), Step::Finish, Step::Sync],
    &[Step::Sync],
];
const BEFORE: [Job; 3] = [
    &[],
    &[Step::Append(&[Payload::Bytes(0)])],
    &[Step::Append(&[Payload::Bytes(0), Payload::Bytes(30)]), Step::Sync],
];

fn unchanged(_: &World) {}

pub(super) fn loses(is_lost: IsLost) -> impl Fn(&World) {
    move |world| world.machine.memory.lost.set(Some(is_lost))
}

/// Journals at the start of a test: new ones, and used ones.
fn worlds(change: impl Fn(&World)) -> impl Iterator<Item = World> {
    let used = BEFORE.into_iter().map(|job| {
        let world = World::new();
        world.run_survivor(job);
        world
    });
    [World::new()].into_iter().chain(used).inspect(move |world| change(world))
}

/// The worlds after a crash before each operation of each job, and after its end.
fn crashed(
    worlds: impl Iterator<Item = World>,
    jobs: &'static [Job],
) -> impl Iterator<Item = World> {
    worlds.flat_map(move |world| jobs.iter().flat_map(move |job| after_crashes(&world, job)))
}

/// Those of one job. Equal memory comes once.
pub(super) fn after_crashes(world: &World, job: Job) -> Vec<World> {
    let mut worlds: Vec<World> = Vec::new();
    for crash in 0.. {
        let after = world.clone();
        let result = after.run(&Process::new(&after.machine, Some(crash)), job);
        let is_new = worlds.last().is_none_or(|last| last.words() != after.words());
        if is_new || result != Err(Stop::Crashed) {
            worlds.push(after);
        }
        if result != Err(Stop::Crashed) {
            break;
        }
    }
    worlds
}

fn single_crashes(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    crashed(worlds(change), &JOBS)
        .step_by(STEP)
        .flat_map(|world| [world.sync_and_finish(), world.finish()])
        .flatten()
}

const FIRST: [Job; 2] = [
    &[Step::Append(&[Payload::Records(50)])],
    &[Step::Append(&[Payload::Bytes(0), Payload::Bytes(9)])],
];
const SECOND: [Job; 2] =
    [&[Step::Append(&[Payload::Bytes(12)])], &[Step::Append(&[Payload::Bytes(0)]), Step::Finish]];

fn pairs_of_crashes(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    let between = crashed(worlds(change), &FIRST).step_by(STEP + 1);
    crashed(between, &SECOND).filter_map(|world| world.finish())
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
                failures.extend(stopped_anywhere(&world, stopped, other, *crash));
            }
        }
        failures
    })
}

fn stopped_anywhere(world: &World, stopped: Job, other: Job, crash: Option<usize>) -> Vec<String> {
    let mut failures = Vec::new();
    for stop in (0..).step_by(STOPS) {
        let world = world.clone();
        let has_run = Cell::new(false);
        let process = Process::new(&world.machine, None).interrupted(stop, || {
            has_run.set(true);
            // It waits for a lock if the stopped process has that.
            let _ = world.run(&Process::new(&world.machine, crash), other);
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

pub(super) fn assert_none(mut failures: impl Iterator<Item = String>) {
    assert_eq!(failures.next(), None);
}

pub(super) fn assert_some(mut failures: impl Iterator<Item = String>) {
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
    const CRASHES: [Option<usize>; 2] = [None, Some(14)];
    assert_none(stops(worlds(unchanged), &JOBS, &CRASHES));
}

fn beside_child(world: &World, stop: usize, crash: Option<usize>, is_child_stopped: bool) {
    let child = Process::new(&world.machine, None);
    let other = Process::new(&world.machine, crash);
    let _ = match is_child_stopped {
        true => {
            let other = move || _ = world.run(&other, JOBS[1]);
            world.run_child(&child.interrupted(stop, other), JOBS[2])
        }
        false => {
            let child = move || _ = world.run_child(&child, JOBS[2]);
            world.run(&other.interrupted(stop, child), JOBS[1])
        }
    };
}

/// A forked child joins when it needs a lock. Until then a process of another container takes the
/// journal for one that no process uses.
#[test]
fn nothing_is_lost_or_torn_by_a_recovery_beside_a_forked_child() {
    for world in worlds(unchanged).step_by(2) {
        world.run_survivor(&[]);
        world.machine.change_boot();
        for (stop, crash) in (0..70).step_by(STOPS).flat_map(|it| [(it, None), (it, Some(it))]) {
            for child_first in [true, false] {
                let world = world.clone();
                beside_child(&world, stop, crash.map(|crash| crash / 2), child_first);
                assert_eq!(world.finish(), None, "{stop}, {crash:?}, {child_first}");
            }
        }
    }
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    let world = World::new();
    world.run_survivor(&[Step::Append(&[Payload::Bytes(9)])]);
    let process = Process::new(&world.machine, None);
    let mut appender = Appender::new(&process, world.checksum, false).unwrap().unwrap();
    appender.reserve(Length::new(40).unwrap()).unwrap().write(&[0xff; 40]).unwrap();
    assert_eq!(world.finish(), None);
}

#[test]
fn without_the_word_behind_a_record_old_bytes_are_records() {
    let is_lost = |store: &Store| store.at >= RECORDS && store.word == 0;
    assert_some(single_crashes(loses(is_lost)));
}

#[test]
fn without_crashes_that_are_noticed_survivors_wait_for_ever() {
    let is_alive = |world: &World| world.machine.memory.control.set(simulated::Control::AllAlive);
    let mut failures = single_crashes(is_alive);
    assert!(failures.any(|failure| failure == "a survivor waits for ever"));
}

#[test]
fn without_liveness_two_processes_append_at_once() {
    let worlds = worlds(|world| world.machine.memory.control.set(simulated::Control::AllCrashed));
    assert_some(stops(worlds, &JOBS, &[None]));
}

/// The tail may be several records behind then.
#[test]
fn without_a_stored_tail_nothing_is_lost() {
    let is_lost = |store: &Store| store.at == TAIL && store.follows_load;
    assert_none(single_crashes(loses(is_lost)));
    assert_none(pairs_of_crashes(loses(is_lost)));
}

#[test]
fn without_the_records_behind_the_tail_a_sync_misses_one() {
    assert_some(single_crashes(|world| world.machine.control.set(Control::TailOnly)));
}
