//! Crashes before each operation and within each write, alone and in pairs; power failures that
//! lose any of the changes since the last sync; and processes that run at once.

use std::{cell::RefCell, io::ErrorKind};

use super::{
    super::{
        Geometry, Kind,
        create::{Prepared, Request, prepare},
        header::{COMPLETE, Header, IN_CREATION, LEN, STATE},
        refusal::Refusal,
    },
    FILE, SMALL,
    machine::{Control, Crash, Machine, Process},
};
use crate::FormatError;

/// More operations than a process executes.
const ALL: usize = 40;

fn run(machine: &Machine, kind: Kind, crash: Option<Crash>) -> Result<Prepared, Refusal> {
    prepare(&Process::new(machine, crash), Request { kind, geometry: Some(SMALL) })
}

/// The bytes of a complete file, as a machine with the boot id 1 has created and used it.
fn used(geometry: Geometry, kind: Kind) -> Vec<u8> {
    let len = geometry.file_len(kind).unwrap();
    let mut bytes = vec![0xA5; len as usize];
    let header = Header { kind, geometry, len, id: [7; 16], boot: [1; 16] }.to_bytes();
    bytes[..LEN].copy_from_slice(&header);
    bytes[STATE..LEN].copy_from_slice(&COMPLETE);
    bytes
}

fn incomplete(geometry: Geometry) -> Vec<u8> {
    let mut bytes = used(geometry, Kind::Channel);
    bytes[STATE..LEN].copy_from_slice(&IN_CREATION);
    bytes
}

/// What a creator may find.
fn starts() -> Vec<(&'static str, Vec<u8>)> {
    let large = Geometry { capacity: 1 << 14, slots: 3 };
    let header = incomplete(large)[..LEN].to_vec();
    vec![
        ("an empty file", vec![]),
        ("a file of zeros", vec![0; FILE]),
        ("zeros for a header", vec![0; LEN]),
        ("a part of the magic number", header[..5].to_vec()),
        ("a part of a header", header[..50].to_vec()),
        ("a header in creation", header),
        ("a larger file in creation", incomplete(large)),
        ("a file in creation", incomplete(SMALL)),
    ]
}

/// A channel that was used before a reboot.
fn rebooted(control: Control) -> Machine {
    let machine = Machine::new(&used(SMALL, Kind::Channel), control);
    machine.boot.set(2);
    machine
}

/// Returns the crashes of a process on this machine: before each operation, and in each write after
/// each `step` bytes.
fn crashes(machine: &Machine, kind: Kind, step: usize) -> Vec<Crash> {
    let mut crashes = Vec::new();
    for before in 0..ALL {
        let (machine, crash) = (machine.clone(), Crash { before, part: 0 });
        let process = Process::new(&machine, Some(crash));
        drop(prepare(&process, Request { kind, geometry: Some(SMALL) }));
        if process.operations.get() <= before {
            break;
        }
        let parts = (0..process.torn.get().max(1)).step_by(step);
        crashes.extend(parts.map(|part| Crash { before, part }));
    }
    assert!(crashes.len() < ALL * LEN);
    crashes
}

/// Returns whether a process completes the file, and the next one opens it.
fn completes(machine: &Machine, kind: Kind) -> bool {
    let Ok(first) = run(machine, kind, None) else { return false };
    let request = Request { kind, geometry: None };
    let Ok(second) = prepare(&Process::new(machine, None), request) else { return false };
    let file = machine.file.borrow();
    let is_empty = kind == Kind::Journal || file[LEN..] == [0; FILE - LEN];
    second.header == first.header && !second.is_new && file.len() == FILE && is_empty
}

/// Has `depth` processes crash one after the other, in every way. Returns how often the next one
/// does not leave a complete file, and the number of ways.
fn failures(machine: &Machine, kind: Kind, depth: usize) -> (usize, usize) {
    if depth == 0 {
        return (usize::from(!completes(machine, kind)), 1);
    }
    let mut sum = (0, 0);
    // Pairs of all bytes would take seconds.
    for crash in crashes(machine, kind, if depth == 1 { 1 } else { 5 }) {
        let machine = machine.clone();
        drop(run(&machine, kind, Some(crash)));
        let (failed, all) = failures(&machine, kind, depth - 1);
        sum = (sum.0 + failed, sum.1 + all);
    }
    sum
}

#[test]
fn a_creator_completes_what_one_that_crashed_has_begun() {
    for (start, bytes) in starts() {
        let machine = Machine::new(&bytes, Control::None);
        let (failed, all) = failures(&machine, Kind::Channel, 1);
        assert_eq!(failed, 0, "{start}");
        // At least within each byte of the header and of the state.
        assert!(all > LEN + 4, "{start}: {all}");
    }
    assert_eq!(failures(&Machine::new(&[], Control::None), Kind::Journal, 1).0, 0);
}

#[test]
fn a_third_creator_completes_what_two_that_crashed_have_begun() {
    for (start, bytes) in starts() {
        let machine = Machine::new(&bytes, Control::None);
        assert_eq!(failures(&machine, Kind::Channel, 2).0, 0, "{start}");
    }
}

#[test]
fn a_channel_from_before_a_reboot_becomes_empty_despite_crashes() {
    for depth in 1..=2 {
        let (failed, all) = failures(&rebooted(Control::None), Kind::Channel, depth);
        assert_eq!(failed, 0, "{depth} crashes");
        assert!(all > LEN.pow(depth as u32) / 5);
    }
}

/// The control of the tests of crashes.
#[test]
fn a_header_that_is_complete_at_once_leaves_a_file_without_data() {
    let (failed, _) = failures(&Machine::new(&[], Control::CompleteAtOnce), Kind::Channel, 1);
    assert!(failed > 0);
}

/// The control of `a_channel_from_before_a_reboot_becomes_empty_despite_crashes`.
#[test]
fn a_complete_header_that_is_overwritten_may_be_damaged() {
    assert!(failures(&rebooted(Control::NoSettingBack), Kind::Channel, 1).0 > 0);
}

/// How much of the last write reaches the disk.
const PARTS: [usize; 6] = [1, 8, 12, 40, 91, WHOLE];
const WHOLE: usize = usize::MAX;

/// Like `failures`, and each crash is one of the whole machine. `None`: it comes after the end.
fn failures_of_power(machine: &Machine, kind: Kind, depth: usize) -> usize {
    if depth == 0 {
        return usize::from(!completes(machine, kind));
    }
    let crashes = crashes(machine, kind, LEN).into_iter().map(Some);
    let mut failed = 0;
    for crash in crashes.chain([None]) {
        let machine = machine.clone();
        drop(run(&machine, kind, crash));
        for (kept, part) in remains(&machine) {
            let machine = machine.clone();
            machine.lose_power(kept, part);
            failed += failures_of_power(&machine, kind, depth - 1);
        }
    }
    failed
}

/// Returns which changes may have reached the disk.
fn remains(machine: &Machine) -> impl Iterator<Item = (usize, usize)> {
    let subsets = 0..1 << machine.unsynced();
    subsets.flat_map(|kept| {
        let len = machine.last_write(kept);
        PARTS
            .iter()
            .filter(move |&&part| part < len || part == WHOLE)
            .map(move |&part| (kept, part))
    })
}

#[test]
fn a_creator_completes_what_a_power_failure_has_left() {
    for (start, bytes) in starts() {
        let machine = Machine::new(&bytes, Control::None);
        assert_eq!(failures_of_power(&machine, Kind::Channel, 2), 0, "{start}");
    }
    assert_eq!(failures_of_power(&Machine::new(&[], Control::None), Kind::Journal, 2), 0);
    assert_eq!(failures_of_power(&rebooted(Control::None), Kind::Channel, 2), 0);
}

/// The control of `a_creator_completes_what_a_power_failure_has_left`.
#[test]
fn without_sync_a_power_failure_may_leave_a_file_that_is_not_recognised() {
    for kind in [Kind::Channel, Kind::Journal] {
        assert!(failures_of_power(&Machine::new(&[], Control::NoSync), kind, 1) > 0, "{kind:?}");
    }
    assert!(failures_of_power(&rebooted(Control::NoSync), Kind::Channel, 1) > 0);
}

#[test]
fn a_journal_that_was_created_survives_a_power_failure() {
    let machine = Machine::new(&[], Control::None);
    let created = run(&machine, Kind::Journal, None).unwrap();
    machine.file.borrow_mut()[5000] = 1;
    for (kept, part) in remains(&machine) {
        let machine = machine.clone();
        machine.lose_power(kept, part);
        let opened = run(&machine, Kind::Journal, None).unwrap();
        assert_eq!(opened, Prepared { is_new: false, ..created });
    }
}

#[test]
fn a_journal_from_before_a_reboot_keeps_its_content() {
    let bytes = used(SMALL, Kind::Journal);
    let machine = Machine::new(&bytes, Control::None);
    machine.boot.set(2);
    for is_in_use in [false, true] {
        machine.is_in_use.set(is_in_use);
        assert!(!run(&machine, Kind::Journal, None).unwrap().is_new);
        assert_eq!(*machine.file.borrow(), bytes);
    }
}

#[test]
fn a_channel_keeps_its_messages_unless_a_reboot_is_certain() {
    let keeps = |boot, is_in_use| {
        let machine = Machine::new(&used(SMALL, Kind::Channel), Control::None);
        machine.boot.set(boot);
        machine.is_in_use.set(is_in_use);
        let is_new = run(&machine, Kind::Channel, None).unwrap().is_new;
        !is_new && *machine.file.borrow() == used(SMALL, Kind::Channel)
    };
    assert!(keeps(1, false));
    assert!(keeps(2, true), "a process of another container uses it");
    assert!(keeps(0, false), "the boot id is not known");
    assert!(!keeps(2, false));
}

#[test]
fn a_channel_that_a_power_failure_has_shortened_becomes_empty() {
    let machine = rebooted(Control::None);
    machine.file.borrow_mut().truncate(5000);
    assert!(run(&machine, Kind::Channel, None).unwrap().is_new);
    assert!(completes(&machine, Kind::Channel));
}

#[test]
fn a_channel_from_before_a_reboot_has_its_capacity() {
    let machine = rebooted(Control::None);
    let geometry = Some(Geometry { capacity: 8192, slots: 0 });
    let request = Request { kind: Kind::Channel, geometry };
    let refusal = prepare(&Process::new(&machine, None), request).unwrap_err();
    let expected = FormatError::OtherCapacity { found: 4096, requested: 8192 };
    assert!(matches!(refusal, Refusal::Format(cause) if cause == expected), "{refusal:?}");
    assert_eq!(*machine.file.borrow(), used(SMALL, Kind::Channel));
}

#[test]
fn a_full_disk_is_an_error_and_the_next_creator_completes_the_file() {
    for machine in [Machine::new(&[], Control::None), rebooted(Control::None)] {
        let process = Process::new(&machine, None).without_space();
        let request = Request { kind: Kind::Channel, geometry: Some(SMALL) };
        let refusal = prepare(&process, request).unwrap_err();
        let is_full = |error: &std::io::Error| error.kind() == ErrorKind::StorageFull;
        assert!(matches!(&refusal, Refusal::Os(error) if is_full(error)), "{refusal:?}");
        let refusal = prepare(&process, Request { geometry: None, ..request }).unwrap_err();
        let is_incomplete = matches!(refusal, Refusal::Format(FormatError::Incomplete));
        assert!(is_incomplete, "{refusal:?}");
        assert!(completes(&machine, Kind::Channel));
    }
}

/// Runs a second creator before operation `at` of the first one. A process that waits for the lock
/// is run again later. Returns whether they agree.
fn agree(machine: &Machine, at: usize) -> bool {
    let second = RefCell::new(None);
    let other = || *second.borrow_mut() = Some(run(machine, Kind::Channel, None));
    let process = Process::new(machine, None).interrupted(at, other);
    let request = Request { kind: Kind::Channel, geometry: Some(SMALL) };
    let Ok(first) = prepare(&process, request) else { return false };
    drop(process);
    let second = match second.into_inner() {
        Some(Err(Refusal::Os(error))) if error.kind() == ErrorKind::WouldBlock => None,
        second => second,
    };
    let Ok(second) = second.unwrap_or_else(|| run(machine, Kind::Channel, None)) else {
        return false;
    };
    first.header == second.header
        && first.is_new != second.is_new
        && completes(machine, Kind::Channel)
}

#[test]
fn two_creators_at_once_open_the_same_file() {
    for (start, bytes) in starts() {
        for at in 0..ALL {
            let machine = Machine::new(&bytes, Control::None);
            assert!(agree(&machine, at), "{start}, interrupted before {at}");
        }
    }
    for at in 0..ALL {
        assert!(agree(&rebooted(Control::None), at), "after a reboot, interrupted before {at}");
    }
}

/// The control of `two_creators_at_once_open_the_same_file`.
#[test]
fn without_the_lock_two_creators_disagree() {
    let machine = || Machine::new(&[], Control::NoLock);
    assert!((0..ALL).any(|at| !agree(&machine(), at)));
}
