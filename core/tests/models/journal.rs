//! Checks the records of a journal in every interleaving of two writers and a reader. One writer
//! crashes before one of its stores, or does not.
//!
//! Each word of a record is an atomic word, and a cell of `loom`. The cell fails if a thread reads
//! bytes, or looks for a header, beside a copy. Only the stores of headers and of the tail are
//! releases: others need no order. The mutex is that of `loom`; its own model is `mutex`.
//!
//! Writers load without `loom`'s atomic operation, as in `frames`: only they store, one at a time.

use std::{cell::Cell, ops::Range, panic, sync::Arc};

use loom::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{
            AtomicU64,
            Ordering::{self, Acquire, Relaxed, Release},
        },
    },
    thread,
};

use crate::ipc::words::{Memory, Words};

#[allow(dead_code, unreachable_pub)]
#[path = "../../src/ipc/journal"]
mod protocol {
    mod chain;
    pub(super) mod cursor;
    mod epoch;
    pub(super) mod layout;
    mod position;
    pub(super) mod records;
    pub(super) mod storage;
}

use protocol::{
    cursor::{Cursor, Next},
    layout::{BOOT, RECORDS, RECOVERIES, TAIL, TAKEOVERS},
    records::{Appender, Checksum, Length},
    storage::Storage,
};

thread_local! {
    /// The threads of a model run on one thread of the system.
    static HEADER: Cell<Ordering> = const { Cell::new(Release) };
    static TAIL_ORDER: Cell<Ordering> = const { Cell::new(Release) };
    static EXCLUSION: Cell<bool> = const { Cell::new(true) };
    /// Whether 0 is stored behind a record.
    static ZEROS: Cell<bool> = const { Cell::new(true) };
}

/// A record of two words of payload, one of one word, and the word behind them.
const WORDS: usize = 8;
const IS_HEADER: u64 = 1 << 63;
/// The second word could be the header of a record without payload.
const LONG: [u64; 2] = [7, IS_HEADER];
const SHORT: [u64; 1] = [IS_HEADER | 5];
/// More than a writer does.
const NEVER: usize = 99;

/// A process has crashed.
#[derive(Debug)]
struct Crashed;

struct Shared {
    tail: AtomicU64,
    takeovers: AtomicU64,
    words: [AtomicU64; WORDS],
    bytes: [UnsafeCell<u64>; WORDS],
    /// Whether its last owner has crashed.
    writers: Mutex<bool>,
}

// SAFETY: `loom` checks each access of the cells.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Shared {
        Shared {
            tail: AtomicU64::new(RECORDS as u64),
            takeovers: AtomicU64::new(0),
            words: [(); WORDS].map(|()| AtomicU64::new(0)),
            bytes: [(); WORDS].map(|()| UnsafeCell::new(0)),
            writers: Mutex::new(false),
        }
    }

    /// Appends a record, as a process that crashes before its store `crash`.
    fn append(&self, payload: &[u64], crash: usize) {
        let locked = EXCLUSION.get().then(|| self.writers.lock().unwrap());
        let writer = Thread { shared: self, is_writer: true, stores: Cell::new(crash) };
        let owner_died = locked.as_deref().is_some_and(|died| *died);
        let result = writer.append(payload, owner_died);
        if let Some(mut died) = locked {
            *died = result.is_err();
        }
    }

    fn reader(&self) -> Thread<'_> {
        Thread { shared: self, is_writer: false, stores: Cell::new(NEVER) }
    }
}

/// The words, as one thread uses them.
struct Thread<'a> {
    shared: &'a Shared,
    is_writer: bool,
    /// Those that are left.
    stores: Cell<usize>,
}

impl Thread<'_> {
    fn append(&self, payload: &[u64], owner_died: bool) -> Result<(), Crashed> {
        let appender = Appender::new(self, checksum(), owner_died)?;
        let mut appender = appender.expect("the journal is not finished");
        let mut draft = appender.reserve(Length::new(8 * payload.len()).unwrap())?;
        payload.iter().try_for_each(|word| draft.write(&word.to_ne_bytes()))?;
        draft.commit().map(drop)
    }

    /// Reads the next record, which must be whole. Fails where one is missing.
    fn read(&self, cursor: &mut Cursor) -> Option<Vec<u64>> {
        let mut buffer = Vec::new();
        match cursor.read(self, checksum(), &mut buffer).unwrap() {
            Next::Record(_) => Some(words(&buffer)),
            Next::Nothing => {
                cursor.check_end(self).unwrap();
                None
            }
            Next::Finished => unreachable!("there is no end mark"),
        }
    }

    fn store_in(&self, word: &AtomicU64, value: u64, order: Ordering) -> Result<(), Crashed> {
        let left = self.stores.get().checked_sub(1).ok_or(Crashed)?;
        self.stores.set(left);
        word.store(value, order);
        Ok(())
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        match at {
            TAIL => &self.shared.tail,
            TAKEOVERS => &self.shared.takeovers,
            _ => &self.shared.words[(at - RECORDS) / 8],
        }
    }
}

fn checksum() -> Checksum {
    Checksum::new(&[7; 16])
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect()
}

impl Words for Thread<'_> {
    loads_and_stores!(Crashed);
}

impl Memory for Thread<'_> {
    fn load(&self, at: usize) -> Result<u64, Crashed> {
        match at {
            RECOVERIES => return Ok(0),
            _ if (BOOT..BOOT + 16).contains(&at) => return Ok(1),
            RECORDS.. => {
                // SAFETY: `loom` checks that no other thread writes bytes there.
                self.shared.bytes[(at - RECORDS) / 8].with(|bytes| unsafe { *bytes });
            }
            _ => {}
        }
        Ok(match self.is_writer {
            // SAFETY: `loom` checks that no other thread stores the word.
            true => unsafe { self.word(at).unsync_load() },
            false => self.word(at).load(Acquire),
        })
    }

    fn store(&self, at: usize, word: u64) -> Result<(), Crashed> {
        let order = match at {
            TAIL => TAIL_ORDER.get(),
            RECORDS.. if word & IS_HEADER != 0 => HEADER.get(),
            RECORDS.. if word == 0 && !ZEROS.get() => return Ok(()),
            _ => Relaxed,
        };
        self.store_in(self.word(at), word, order)
    }

    fn fence(&self) {}

    fn wake_all(&self, _at: usize) -> Result<(), Crashed> {
        Ok(())
    }

    fn corrupt(&self, at: usize) -> Crashed {
        panic!("the word at {at} is corrupt")
    }
}

impl Storage for Thread<'_> {
    fn len(&self) -> usize {
        RECORDS + 8 * WORDS
    }

    fn extend(&self, _needed: usize) -> Result<(), Crashed> {
        unreachable!("the file is long enough")
    }

    fn refresh(&self) -> Result<usize, Crashed> {
        Ok(self.len())
    }

    fn write(&self, bytes: &[u8], at: usize) -> Result<(), Crashed> {
        for (at, word) in (at..).step_by(8).zip(words(bytes)) {
            self.store_in(self.word(at), word, Relaxed)?;
            // SAFETY: `loom` checks that no other thread accesses the cell.
            self.shared.bytes[(at - RECORDS) / 8].with_mut(|bytes| unsafe { *bytes = word });
        }
        Ok(())
    }

    fn read(&self, buffer: &mut [u8], at: usize) -> Result<(), Crashed> {
        for (at, buffer) in (at..).step_by(8).zip(buffer.chunks_exact_mut(8)) {
            // SAFETY: `loom` checks that no other thread writes to the cell.
            let word = self.shared.bytes[(at - RECORDS) / 8].with(|bytes| unsafe { *bytes });
            buffer.copy_from_slice(&word.to_ne_bytes());
        }
        Ok(())
    }

    fn write_zeros(&self, _from: usize) -> Result<(), Crashed> {
        unreachable!("there is no recovery")
    }

    fn rewrite(&self, _range: Range<usize>) -> Result<(), Crashed> {
        unreachable!("there is no disk")
    }

    fn sync(&self, _range: Range<usize>) -> Result<(), Crashed> {
        unreachable!("there is no disk")
    }

    fn boot(&self) -> [u64; 2] {
        [1; 2]
    }

    fn is_in_use(&self) -> Result<bool, Crashed> {
        Ok(true)
    }
}

/// The writer of the long record crashes before its store `crash`.
fn two_writers(crash: usize) {
    let shared = Arc::new(Shared::new());
    let writers = [(&LONG[..], crash), (&SHORT[..], NEVER)].map(|(payload, crash)| {
        let shared = shared.clone();
        thread::spawn(move || shared.append(payload, crash))
    });
    let reader = shared.reader();
    let mut cursor = Cursor::first(&reader).unwrap();
    let mut found: Vec<_> = (0..2).filter_map(|_| reader.read(&mut cursor)).collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    found.extend(std::iter::from_fn(|| reader.read(&mut cursor)));
    assert_eq!(found, all(&reader));
    found.sort_unstable();
    // The header is the store behind the payload, the sum, and the word behind the record.
    let expected = if crash > 4 { &[&LONG[..], &SHORT[..]][..] } else { &[&SHORT[..]] };
    assert_eq!(found, expected);
}

/// What a reader finds that begins now.
fn all(reader: &Thread<'_>) -> Vec<Vec<u64>> {
    let mut cursor = Cursor::first(reader).unwrap();
    std::iter::from_fn(|| reader.read(&mut cursor)).collect()
}

fn explored(preemptions: usize, crash: usize) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(move || two_writers(crash));
}

#[test]
fn a_reader_beside_two_writers_gets_each_record() {
    explored(4, NEVER);
}

#[test]
fn a_reader_beside_a_writer_that_crashes_gets_whole_records() {
    (0..=5).for_each(|crash| explored(3, crash));
}

/// Whether a record is torn, missing or damaged, or a race.
fn fails(crash: usize) -> bool {
    panic::catch_unwind(|| explored(2, crash)).is_err()
}

#[test]
fn a_header_without_release_is_noticed() {
    HEADER.set(Relaxed);
    assert!(fails(NEVER));
}

#[test]
fn a_tail_without_release_is_noticed() {
    TAIL_ORDER.set(Relaxed);
    assert!(fails(NEVER));
}

#[test]
fn writers_that_do_not_exclude_each_other_are_noticed() {
    EXCLUSION.set(false);
    assert!(fails(NEVER));
}

#[test]
fn old_bytes_behind_a_record_are_noticed() {
    ZEROS.set(false);
    assert!(fails(3));
}
