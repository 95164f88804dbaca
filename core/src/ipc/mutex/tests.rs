//! Crashes before each operation of the protocol, alone and in pairs, and stops between operations.
//!
//! The data are two words that are equal whenever the lock is free: the reference.

use std::cell::Cell;

use super::protocol::{lock, try_lock, unlock};
use crate::ipc::simulated::{Control, Memory, Process, Stop};

const AT: usize = 0;
const FIRST: usize = 64;
const SECOND: usize = 72;
/// More operations than a process executes.
const ALL: usize = 24;

/// What happened in all processes.
#[derive(Default)]
struct Record {
    /// The process between its lock and its unlock.
    holder: Cell<Option<u64>>,
    crashes: Cell<usize>,
    /// Two processes held the lock at once.
    overlaps: Cell<usize>,
    /// Unequal words without a report that an owner has crashed.
    unreported: Cell<usize>,
    reports: Cell<usize>,
    /// An unlock found that another process has the lock.
    lost: Cell<usize>,
    stuck: Cell<usize>,
}

fn count(number: &Cell<usize>, is_true: bool) {
    number.set(number.get() + usize::from(is_true));
}

impl Record {
    /// Runs a process: locks, repairs if an owner has crashed, changes both words, unlocks.
    fn run(&self, process: &Process<'_>) {
        let result = self.critical_section(process);
        if self.holder.get() == Some(process.id) {
            self.holder.set(None);
        }
        count(&self.crashes, result == Err(Stop::Crashed));
        count(&self.stuck, result == Err(Stop::Stuck));
    }

    fn critical_section(&self, process: &Process<'_>) -> Result<(), Stop> {
        let locked = lock(process, AT, None)?.expect("there is no deadline");
        count(&self.overlaps, self.holder.replace(Some(process.id)).is_some());
        count(&self.reports, locked.owner_died);
        let (first, second) = (process.load(FIRST)?, process.load(SECOND)?);
        count(&self.unreported, first != second && !locked.owner_died);
        process.store(FIRST, process.id)?;
        process.store(SECOND, process.id)?;
        self.holder.set(None);
        count(&self.lost, !unlock(process, AT, locked, false)?);
        Ok(())
    }

    /// Asserts that no process saw another one inside, or inconsistent data without a report.
    fn assert_excluded(&self, what: std::fmt::Arguments<'_>) {
        let found = [&self.overlaps, &self.unreported, &self.lost].map(Cell::get);
        assert_eq!(found, [0; 3], "{what}");
    }
}

#[test]
fn a_successor_takes_over_after_a_crash_before_each_operation() {
    let mut reports = 0;
    for crash in 0..ALL {
        let (memory, record) = (Memory::default(), Record::default());
        record.run(&Process::new(&memory, 11, Some(crash)));
        record.run(&Process::new(&memory, 12, None));
        record.assert_excluded(format_args!("a crash before operation {crash}"));
        assert_eq!(record.stuck.get(), 0, "a crash before operation {crash}");
        // From the exchange on, up to the one that unlocks.
        let held = (1..=5).contains(&crash);
        assert_eq!(record.reports.get(), usize::from(held), "a crash before operation {crash}");
        reports += record.reports.get();
    }
    assert_eq!(reports, 5);
}

#[test]
fn a_third_process_takes_over_after_each_pair_of_crashes() {
    for (first, second) in pairs() {
        let (memory, record) = (Memory::default(), Record::default());
        record.run(&Process::new(&memory, 11, Some(first)));
        record.run(&Process::new(&memory, 12, Some(second)));
        record.run(&Process::new(&memory, 13, None));
        record.assert_excluded(format_args!("crashes before {first} and {second}"));
        assert_eq!(record.stuck.get(), 0, "crashes before {first} and {second}");
    }
}

/// While one process is stopped, which is not a crash, another one runs, and crashes or waits.
#[test]
fn a_stopped_process_loses_nothing() {
    for (stop, crash) in pairs() {
        let (memory, record) = (Memory::default(), Record::default());
        stopped(&memory, &record, stop, crash);
        record.run(&Process::new(&memory, 13, None));
        record.assert_excluded(format_args!("a stop before {stop}, a crash before {crash}"));
    }
}

fn stopped(memory: &Memory, record: &Record, stop: usize, crash: usize) {
    let other = Process::new(memory, 12, Some(crash));
    record.run(&Process::new(memory, 11, None).interrupted(stop, || record.run(&other)));
}

fn pairs() -> impl Iterator<Item = (usize, usize)> {
    (0..ALL).flat_map(|first| (0..ALL).map(move |second| (first, second)))
}

/// The control of `a_stopped_process_loses_nothing`.
#[test]
fn without_liveness_two_processes_hold_the_lock() {
    let overlaps = pairs().filter(|&(stop, crash)| {
        let (memory, record) = (Memory::default(), Record::default());
        memory.control.set(Control::AllCrashed);
        stopped(&memory, &record, stop, crash);
        record.overlaps.get() > 0
    });
    assert!(overlaps.count() > 0);
}

/// The control of `a_successor_takes_over_after_a_crash_before_each_operation`.
#[test]
fn without_crashes_that_are_noticed_successors_wait_for_ever() {
    let stuck = (0..ALL).filter(|&crash| {
        let (memory, record) = (Memory::default(), Record::default());
        memory.control.set(Control::AllAlive);
        record.run(&Process::new(&memory, 11, Some(crash)));
        record.run(&Process::new(&memory, 12, None));
        record.stuck.get() > 0
    });
    assert_eq!(stuck.count(), 5);
}

/// A report stays until a process marks the data consistent.
#[test]
fn a_crash_is_reported_until_the_data_is_consistent() {
    let memory = Memory::default();
    let process = |id| Process::new(&memory, id, None);
    let locked = |id| lock(&process(id), AT, None).unwrap().unwrap();
    let crashed = Process::new(&memory, 11, Some(1));
    lock(&crashed, AT, None).unwrap().unwrap();
    crashed.load(FIRST).unwrap_err();
    for (id, is_reported, is_dirty) in [(12, true, true), (13, true, false), (14, false, false)] {
        let locked = locked(id);
        assert_eq!(locked.owner_died, is_reported);
        assert!(unlock(&process(id), AT, locked, is_dirty).unwrap());
    }
}

/// If a process counts as crashed while it runs, its unlock must not release the next owner's lock.
#[test]
fn a_process_unlocks_its_own_lock_only() {
    let memory = Memory::default();
    let process = |id| Process::new(&memory, id, None);
    let first = lock(&process(11), AT, None).unwrap().unwrap();
    memory.control.set(Control::AllCrashed);
    let second = lock(&process(12), AT, None).unwrap().unwrap();
    assert!(!unlock(&process(11), AT, first, false).unwrap());
    memory.control.set(Control::AllAlive);
    assert!(try_lock(&process(13), AT).unwrap().is_none());
    assert!(unlock(&process(12), AT, second, false).unwrap());
    assert!(try_lock(&process(13), AT).unwrap().is_some());
}
