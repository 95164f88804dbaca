//! Crashes before each operation of the protocol, alone and in pairs, and stops between operations.
//!
//! The data are two words that are equal whenever the lock is free: the reference.

use std::cell::Cell;

use super::protocol::{lock, unlock};
use crate::ipc::{
    simulated::{Control, Memory, Process, Stop},
    words::{Owner, Words},
};

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
        let owner = Owner { id: process.id, pid: 1 };
        let locked = lock(process, AT, owner, None)?.expect("there is no deadline");
        count(&self.overlaps, self.holder.replace(Some(process.id)).is_some());
        count(&self.reports, locked.owner_died);
        let (first, second) = (process.load(FIRST)?, process.load(SECOND)?);
        count(&self.unreported, first != second && !locked.owner_died);
        process.swap(FIRST, process.id)?;
        process.swap(SECOND, process.id)?;
        self.holder.set(None);
        unlock(process, AT, false)
    }

    /// Asserts that no process saw another one inside, or inconsistent data without a report.
    fn assert_excluded(&self, what: std::fmt::Arguments<'_>) {
        assert_eq!((self.overlaps.get(), self.unreported.get()), (0, 0), "{what}");
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
        // From the exchange on, up to the swap that unlocks.
        let held = (1..=6).contains(&crash);
        assert_eq!(record.reports.get(), usize::from(held), "a crash before operation {crash}");
        reports += record.reports.get();
    }
    assert_eq!(reports, 6);
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
    assert_eq!(stuck.count(), 6);
}

/// A report stays until a process marks the data consistent.
#[test]
fn a_crash_is_reported_until_the_data_is_consistent() {
    let memory = Memory::default();
    let process = |id| Process::new(&memory, id, None);
    let locked = |id| {
        let owner = Owner { id, pid: 1 };
        lock(&process(id), AT, owner, None).unwrap().unwrap().owner_died
    };
    let crashed = Process::new(&memory, 11, Some(2));
    lock(&crashed, AT, Owner { id: 11, pid: 1 }, None).unwrap().unwrap();
    crashed.load(FIRST).unwrap_err();
    assert!(locked(12));
    unlock(&process(12), AT, true).unwrap();
    assert!(locked(13));
    unlock(&process(13), AT, false).unwrap();
    assert!(!locked(14));
}
