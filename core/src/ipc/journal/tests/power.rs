//! Power failures: any subset of what was written since the last sync reaches the disk, once, and
//! twice in a row. Syncs that fail.

use super::{
    IS_THOROUGH,
    crashes::{after_crashes, assert_none, assert_some, loses},
    machine::{Control, Process},
    world::{Job, Known, Payload, PowerFailure, Step, World},
};
use crate::ipc::{
    journal::layout::{RECOVERIES, TAKEOVERS, UNWRITTEN},
    simulated::Stop,
};

const JOBS: [Job; 4] = [
    &[Step::Append(&[Payload::Bytes(9), Payload::Bytes(0)]), Step::Sync],
    &[Step::Append(&[Payload::Bytes(0)]), Step::Sync, Step::Append(&[Payload::Records(70)])],
    &[Step::Append(&[Payload::Zeros(60)]), Step::Append(&[Payload::Bytes(16)])],
    &[Step::Append(&[Payload::Bytes(3)]), Step::Finish, Step::Sync],
];
/// What the second process does, which recovers the journal first.
const SECOND: [Job; 2] = [
    &[Step::Append(&[Payload::Bytes(9)])],
    &[Step::Append(&[Payload::Bytes(25)]), Step::Sync, Step::Append(&[Payload::Zeros(8)])],
];
/// In so many worlds survivors continue. Readers look at each one.
const STEP: usize = if IS_THOROUGH { 11 } else { 41 };
/// In so many worlds the power fails again.
const TWICE: usize = if IS_THOROUGH { 599 } else { 2503 };

fn unchanged(_: &World) {}

fn set(control: Control) -> impl Fn(&World) {
    move |world| world.machine.control.set(control)
}

/// Journals at the start of a test.
fn worlds(change: impl Fn(&World)) -> impl Iterator<Item = World> {
    let new = || {
        let world = World::new();
        change(&world);
        world
    };
    let used = || {
        let world = new();
        world.run_survivor(&[Step::Append(&[Payload::Bytes(0)]), Step::Sync]);
        world
    };
    // A killed writer has left bytes that nothing reads.
    let remains = |job| killed(&used(), job);
    let bytes = remains(&[Step::Append(&[Payload::Bytes(100)])]);
    let records = remains(&[Step::Append(&[Payload::Bytes(4), Payload::Records(100)])]);
    // The next record there has the same length.
    let same = remains(&[Step::Append(&[Payload::Bytes(9)])]);
    [same, records, bytes, new(), used()].into_iter()
}

/// The world after a crash just before the last record is appended.
pub(super) fn killed(world: &World, job: Job) -> World {
    let mut worlds = after_crashes(world, job);
    let count = worlds.last().map_or(0, |world| world.records().len());
    worlds.retain(|world| world.records().len() < count);
    worlds.pop().expect("the first world is before all records")
}

/// The power failures before each operation of a job.
pub(super) fn failed(world: &World, job: Job, known: &mut Known) -> Vec<PowerFailure> {
    let (mut failures, mut pending) = (Vec::new(), usize::MAX);
    for crash in 0.. {
        let after = world.clone();
        let result = after.run(&Process::new(&after.machine, Some(crash)), job);
        // Loads change nothing.
        let has_changed = pending != after.machine.pending();
        if has_changed || result != Err(Stop::Crashed) {
            pending = after.machine.pending();
            failures.extend(after.power_failures(known));
        }
        if result != Err(Stop::Crashed) {
            return failures;
        }
    }
    failures
}

/// Those of all worlds and jobs, or of each `step`-th one.
fn all_failed(
    worlds: impl Iterator<Item = World>,
    jobs: &[Job],
    step: usize,
) -> impl Iterator<Item = World> {
    let mut known = Known::new();
    let failures = worlds.flat_map(move |world| {
        jobs.iter().flat_map(|job| failed(&world, job, &mut known)).collect::<Vec<_>>()
    });
    failures.step_by(step).map(PowerFailure::world)
}

fn once(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    failures(all_failed(worlds(change), &JOBS, 1))
}

fn twice(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    let first = all_failed(worlds(change), &JOBS, TWICE);
    failures(all_failed(first, &SECOND, 1))
}

/// Returns what readers have found, and what survivors do.
fn failures(worlds: impl Iterator<Item = World>) -> impl Iterator<Item = String> {
    worlds.enumerate().filter_map(|(index, world)| match index % STEP {
        0 => world.finish(),
        _ => world.failure.take(),
    })
}

#[test]
fn a_power_failure_takes_only_the_last_records() {
    assert_none(once(unchanged));
}

#[test]
fn a_second_power_failure_brings_nothing_back() {
    assert_none(twice(unchanged));
}

#[test]
fn without_a_sync_a_recovery_is_incomplete() {
    assert_some(twice(set(Control::NoSync)));
}

#[test]
fn without_zeros_removed_records_have_positions() {
    assert_some(once(set(Control::NoZeros)));
}

#[test]
fn without_the_number_of_recoveries_new_records_have_old_positions() {
    assert_some(once(loses(|store| store.at == RECOVERIES)));
}

#[test]
fn without_the_position_in_the_sum_payloads_are_records() {
    assert_some(once(set(Control::Forged)));
}

#[test]
fn without_the_number_of_takeovers_a_record_of_a_crashed_writer_comes_back() {
    assert_some(once(loses(|store| store.at == TAKEOVERS)));
}

/// Recoveries that fail since the disk does, and then a power failure, or none.
fn failed_recoveries(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    let first = all_failed(worlds(change), &JOBS[1..3], TWICE);
    first.flat_map(|world| {
        let mut failures = Vec::new();
        for mask in [0, 0x5555, 0x3333, 0x0ff0] {
            let world = world.clone();
            world.machine.failing_sync.set(Some(mask));
            let result = world.run(&Process::new(&world.machine, None), SECOND[0]);
            failures.extend((result != Err(Stop::Stuck)).then(|| "it did not fail".to_owned()));
            failures.extend(world.clone().finish());
            let worlds = world.power_failures(&mut Known::new()).into_iter();
            failures.extend(worlds.filter_map(|failure| failure.world().finish()));
        }
        failures
    })
}

#[test]
fn a_recovery_that_could_not_be_synced_is_repeated() {
    assert_none(failed_recoveries(unchanged));
}

/// A sync fails, and leaves on the disk what it likes.
fn failed_syncs(change: impl Fn(&World)) -> impl Iterator<Item = String> {
    const JOB: Job = &[Step::Append(&[Payload::Bytes(40), Payload::Bytes(9)]), Step::Sync];
    let masks = [0, 0x5555, 0xcccc, 0xff0f];
    let starts = worlds(change).flat_map(move |world| masks.map(|mask| (world.clone(), mask)));
    starts.flat_map(|(world, mask)| {
        world.run_survivor(&[]);
        world.machine.failing_sync.set(Some(mask));
        let after = after_crashes(&world, JOB);
        let after = after.into_iter().filter(|world| world.machine.failing_sync.get().is_none());
        after.filter_map(|world| world.sync_and_finish()).collect::<Vec<_>>()
    })
}

#[test]
fn a_sync_writes_what_an_earlier_one_could_not() {
    assert_none(failed_syncs(unchanged));
}

#[test]
fn without_a_second_write_a_sync_loses_records() {
    assert_some(failed_syncs(set(Control::NoRewrite)));
}

#[test]
fn without_the_word_a_failed_sync_is_forgotten() {
    assert_some(failed_syncs(loses(|store| store.at == UNWRITTEN && store.word == 1)));
}

#[test]
fn without_the_note_of_a_crash_a_failed_sync_is_forgotten() {
    assert_some(failed_syncs(set(Control::NoNote)));
}
