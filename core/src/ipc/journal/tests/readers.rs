//! Readers beside a recovery. They write nothing, and have no token.
//!
//! The process that recovers the journal is stopped or crashes before each operation, while a
//! reader is between any two operations.

use std::cell::RefCell;

use super::{
    super::cursor::Cursor,
    IS_THOROUGH,
    crashes::{assert_none, assert_some, loses},
    machine::{Control, Process},
    power::{failed, killed},
    world::{Entry, Job, Known, Payload, PowerFailure, Step, World},
};
use crate::ipc::{
    journal::layout::RECORDS,
    simulated::{Stop, Store},
};

const SECOND: Job = &[Step::Append(&[Payload::Bytes(25)]), Step::Append(&[Payload::Bytes(0)])];
/// In each world of so many readers read beside a recovery.
const WORLDS: usize = if IS_THOROUGH { CONTROL } else { 97 };
/// The same for a control, which ends at the first failure.
const CONTROL: usize = 29;
/// Before which operations of the reader, and of the other process.
const STOPS: usize = 13;
const CRASHES: usize = 2;

fn unchanged(_: &World) {}

fn set(control: Control) -> impl Fn(&World) {
    move |world| world.machine.control.set(control)
}

/// Journals after a power failure, whose records were zeros or not. Before them, the bytes of a
/// killed writer were there.
fn worlds(step: usize, change: impl Fn(&World)) -> impl Iterator<Item = World> {
    let world = World::new();
    world.run_survivor(&[Step::Append(&[Payload::Bytes(0)]), Step::Sync]);
    let world = killed(&world, &[Step::Append(&[Payload::Bytes(90)])]);
    world.machine.write_back();
    const JOB: Job = &[Step::Append(&[Payload::Zeros(70), Payload::Bytes(3)])];
    let failures = failed(&world, JOB, &mut Known::new()).into_iter();
    let worlds = failures.map(PowerFailure::world).filter(World::is_torn);
    worlds.step_by(step).inspect(move |world| change(world))
}

/// Lets a reader read until there is nothing, and again when survivors have appended records.
fn reads_on(world: &World, reader: &Process<'_>) -> Option<String> {
    let result = read_twice(world, reader);
    match result {
        Err(_) => Some("a reader fails".to_owned()),
        Ok(found) if found != world.records() => Some("a reader reads something else".to_owned()),
        Ok(_) => world.failure.take(),
    }
}

fn read_twice(world: &World, reader: &Process<'_>) -> Result<Vec<Entry>, Stop> {
    let mut cursor = Cursor::first(reader)?;
    let mut found = Vec::new();
    for _ in 0..2 {
        while let Some(entry) = world.read(reader, &mut cursor)? {
            found.push(entry);
        }
        world.machine.end_stopped();
        world.run_survivor(&[Step::Append(&[Payload::Bytes(11)])]);
    }
    while let Some(entry) = world.read(reader, &mut cursor)? {
        found.push(entry);
    }
    Ok(found)
}

/// What goes wrong if another process recovers the journal, up to its operation `crash`, before
/// the operation `at` of a reader. `None`: it is faster than that.
fn beside(world: &World, at: usize, crash: usize, only_stops: bool) -> Option<Vec<String>> {
    let world = world.clone();
    let result = RefCell::new(None);
    let reader = world.reader().interrupted(at, || {
        let mut process = Process::new(&world.machine, Some(crash));
        process.only_stops = only_stops;
        *result.borrow_mut() = Some(world.run(&process, SECOND));
    });
    let failure = reads_on(&world, &reader);
    let was_late = result.borrow().is_none();
    drop(reader);
    if was_late {
        return None;
    }
    Some(failure.into_iter().collect())
}

fn failures(step: usize, change: impl Fn(&World)) -> impl Iterator<Item = String> {
    worlds(step, change).flat_map(|world| {
        let mut failures = Vec::new();
        for at in (0..).step_by(STOPS) {
            let mut is_late = false;
            for crash in (at % CRASHES..90).step_by(CRASHES) {
                for only_stops in [true, false] {
                    match beside(&world, at, crash, only_stops) {
                        Some(found) => failures.extend(found),
                        None => is_late = true,
                    }
                }
            }
            if is_late {
                break;
            }
        }
        failures
    })
}

#[test]
fn readers_beside_a_recovery_read_what_stays() {
    assert_none(failures(WORLDS, unchanged));
}

#[test]
fn readers_beside_a_recovery_read_what_stays_if_the_boot_is_not_known() {
    assert_none(failures(WORLDS, |world| world.machine.is_boot_known.set(false)));
}

#[test]
fn without_a_check_of_the_boot_torn_records_are_damage() {
    assert_some(failures(CONTROL, set(Control::EveryBoot)));
}

#[test]
fn with_an_early_boot_torn_records_are_damage() {
    assert_some(failures(CONTROL, set(Control::EarlyBoot)));
}

#[test]
fn without_a_number_in_progress_torn_records_are_damage() {
    assert_some(failures(CONTROL, set(Control::NeverInProgress)));
}

/// Zeros make a torn record whole for a moment.
#[test]
fn without_a_header_of_zero_readers_read_what_is_removed() {
    let is_lost = |store: &Store| store.at >= RECORDS && store.word == 0 && store.follows_load;
    assert_some(failures(CONTROL, loses(is_lost)));
}
