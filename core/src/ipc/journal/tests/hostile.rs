//! Random records, also beside a process that overwrites words.

use fastrand::Rng;
use quickcheck::QuickCheck;

use super::{
    super::{
        cursor::{Cursor, Next},
        epoch,
        layout::{BOOT, EVENTS, RECORDS, RECOVERIES, SYNCED, TAIL, TAKEOVERS, UNWRITTEN},
        position::Position,
        records::{Appender, Checksum, Length, tail},
        recovery,
    },
    machine::{Machine, Process},
    world::ID,
};
use crate::ipc::simulated::Stop;

const HEADER: u64 = 1 << 63;
const END: u64 = 1 << 32;
/// More operations than a call has to execute with a file of `MOST` bytes.
const LIMIT: usize = 50_000;
const MOST: usize = RECORDS + 2000;

fn checksum() -> Checksum {
    Checksum::new(&ID)
}

/// A header that may be right.
fn a_header(rng: &mut Rng) -> u64 {
    match rng.u32(..8) {
        0 => HEADER | END,
        1 => HEADER | END | 8,
        2 => HEADER | u64::from(rng.u32(..)),
        3 => HEADER | rng.u64(..),
        _ => HEADER | rng.u64(..60),
    }
}

/// A word of the first page that may be right.
fn a_word(machine: &Machine, rng: &mut Rng) -> u64 {
    let near = (machine.len() as u64 + 64).saturating_sub(8 * rng.u64(..300));
    match rng.u32(..8) {
        0 => 0,
        1 => u64::MAX,
        2 => rng.u64(..),
        3 => rng.u64(..4) << 32 | rng.u64(..4),
        4 => u64::MAX << 32 | u64::from(rng.bool()),
        5 => near + 1,
        _ => near,
    }
}

/// Overwrites a word, also by values that look right.
fn overwrite(machine: &Machine, rng: &mut Rng) {
    let words = (machine.len() - RECORDS) / 8;
    let at = RECORDS + 8 * rng.usize(..words);
    match rng.u32(..4) {
        0 | 1 => {
            let at = [TAIL, TAKEOVERS, EVENTS, RECOVERIES, BOOT, BOOT + 8, SYNCED, UNWRITTEN];
            machine.memory.set(at[rng.usize(..at.len())], a_word(machine, rng));
        }
        2 => drop(machine.memory.set(at, a_header(rng))),
        _ => surround(machine, at, rng),
    }
}

/// A chain of records that an attacker has written: they have correct sums.
fn surround(machine: &Machine, start: usize, rng: &mut Rng) {
    let recoveries = rng.u32(..3);
    for at in (start..machine.len() - 16).step_by(16) {
        let sum = checksum().start(at, HEADER, recoveries);
        machine.memory.set(at, HEADER);
        machine.memory.set(at + 8, u64::from(sum) | u64::from(recoveries) << 32);
    }
}

fn append(process: &Process<'_>, rng: &mut Rng) -> Result<(), Stop> {
    let Some(mut appender) = Appender::new(process, checksum(), rng.bool())? else {
        return Ok(());
    };
    for _ in 0..rng.u32(..3) {
        let len = rng.usize(..50);
        let mut draft = appender.reserve(Length::new(len).expect("it is short"))?;
        draft.write(&vec![0xff; len])?;
        draft.commit()?;
    }
    if rng.u32(..9) == 0 { appender.finish() } else { Ok(()) }
}

fn read(process: &Process<'_>, rng: &mut Rng) -> Result<(), Stop> {
    let start = 8 * rng.u64(..(process.machine.len() / 8 + 2) as u64);
    let start = if rng.u32(..9) == 0 { rng.u64(..) } else { start };
    let position = Position { start, recoveries: rng.u32(..3) };
    let cursor = match rng.u32(..4) {
        0 => Cursor::at(process, checksum(), position)?,
        1 => Cursor::after(process, checksum(), position)?,
        2 => Some(Cursor::last(process, checksum())?),
        _ => Some(Cursor::first(process)?),
    };
    let Some(mut cursor) = cursor else { return Ok(()) };
    let mut buffer = Vec::new();
    while let Next::Record(position) = cursor.read(process, checksum(), &mut buffer)? {
        assert!(position.start as usize + 16 + buffer.len() <= process.machine.len());
    }
    cursor.has_changed(process).map(drop)
}

fn sync(process: &Process<'_>, _: &mut Rng) -> Result<(), Stop> {
    let needed = tail(process, checksum())?;
    recovery::sync(process, checksum(), needed)
}

fn recover(process: &Process<'_>, _: &mut Rng) -> Result<(), Stop> {
    epoch::is_stale(process)?;
    epoch::begin(process)?;
    recovery::recover(process, checksum())
}

#[test]
fn overwritten_words_are_errors_at_worst() {
    fn ends(seed: u64) -> bool {
        let rng = &mut Rng::with_seed(seed);
        let machine = Machine::new();
        for _ in 0..30 {
            (0..rng.u32(..3)).for_each(|_| overwrite(&machine, rng));
            let mut other = rng.fork();
            let mut process = Process::new(&machine, Some(LIMIT))
                .interrupted(rng.usize(..60), || overwrite(&machine, &mut other));
            process.reads_bytes = rng.bool();
            let call = [append, read, read, sync, recover][rng.usize(..5)];
            if call(&process, rng) == Err(Stop::Crashed) {
                return false;
            }
            if machine.len() > MOST {
                break;
            }
        }
        true
    }
    QuickCheck::new().tests(600).quickcheck(ends as fn(u64) -> bool);
}

#[test]
fn impossible_positions_are_cut() {
    let machine = Machine::new();
    let reader = Process::new(&machine, None);
    for start in [0, 8, 4095, 4097, 4096, 4104, 1 << 20, u64::MAX, u64::MAX - 7] {
        let position = Position { start, recoveries: 0 };
        for find in [Cursor::at, Cursor::after] {
            assert!(matches!(find(&reader, checksum(), position), Ok(None)), "{start}");
        }
    }
}

/// Such a record is from before a recovery that has removed it.
#[test]
fn a_record_with_a_smaller_number_of_recoveries_is_bad() {
    let machine = Machine::new();
    let reader = Process::new(&machine, None);
    for (second, is_good) in [(5, true), (6, true), (4, false)] {
        for (at, recoveries) in [(RECORDS, 5), (RECORDS + 16, second)] {
            let sum = checksum().start(at, HEADER, recoveries);
            machine.memory.set(at, HEADER);
            machine.memory.set(at + 8, u64::from(sum) | u64::from(recoveries) << 32);
        }
        let mut cursor = Cursor::first(&reader).unwrap();
        let mut read = || cursor.read(&reader, checksum(), &mut Vec::new()).unwrap();
        assert!(matches!(read(), Next::Record(_)));
        assert_eq!(matches!(read(), Next::Record(_)), is_good);
        let last = Cursor::last(&reader, checksum()).unwrap();
        assert_eq!(last.has_changed(&reader), Ok(!is_good));
    }
}

#[test]
fn the_longest_payload_fits_in_a_header() {
    let longest = Length::LONGEST;
    assert!(Length::new(longest).is_some());
    assert!(Length::new(longest + 1).is_none());
    assert!(longest.next_multiple_of(8) <= u32::MAX as usize);
}
