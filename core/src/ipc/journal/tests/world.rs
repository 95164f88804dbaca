//! Processes that use a journal on the simulated machine, compared with a reference model.
//!
//! The reference is a list of records. A record enters it when its header is in the page cache:
//! this store commits. A power failure may take the last ones away, but none that were synced.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    rc::Rc,
};

use super::{
    super::{
        cursor::{Cursor, Next},
        epoch,
        layout::{EVENTS, RECORDS, SYNC_MUTEX, TAIL, WRITERS_MUTEX},
        position::Position,
        records::{Appender, Checksum, Length, Tail, tail},
        recovery,
    },
    machine::{Control, Disk, Machine, Process},
};
use crate::ipc::{
    event_count,
    mutex::protocol::{Locked, lock, unlock},
    simulated::Stop,
};

/// What a payload contains.
#[derive(Clone, Copy, Debug)]
pub(super) enum Payload {
    /// Bytes that differ from those of other records.
    Bytes(usize),
    Zeros(usize),
    /// Copies of the first record.
    Records(usize),
}

/// What a process does after it has opened the journal for writing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Appends records under one lock.
    Append(&'static [Payload]),
    Sync,
    Finish,
}

pub(super) type Job = &'static [Step];

/// A record; `None` is the end mark.
pub(super) type Entry = (Position, Option<Vec<u8>>);

/// The process, the offset, and the payload; `None` is the end mark.
type Appending = (u64, usize, Option<Vec<u8>>);

pub(super) const ID: [u8; 16] = [7; 16];
/// Hashes of what disks have, and how many records have to be there.
pub(super) type Known = HashSet<(u64, usize)>;
/// More than a reader needs.
const MOST: usize = 20;

/// A journal, and what has to be in it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) checksum: Checksum,
    records: RefCell<Vec<Entry>>,
    /// So many of them are on the disk.
    durable: Cell<usize>,
    /// Those that the last power failure has taken away. Until the recovery is complete, another
    /// one may bring them back.
    lost: RefCell<Vec<Entry>>,
    removed: RefCell<Vec<Entry>>,
    /// What a process appends.
    appending: RefCell<Option<Appending>>,
    seed: Cell<u8>,
    /// The first failure.
    pub(super) failure: RefCell<Option<String>>,
}

/// A world that is made when a test needs it.
pub(super) struct PowerFailure {
    before: Rc<World>,
    disk: Disk,
}

impl PowerFailure {
    /// The world after it.
    pub(super) fn world(self) -> World {
        let machine = self.before.machine.with_disk(self.disk);
        let world = World { machine, ..World::clone(&self.before) };
        world.find_remains();
        world
    }
}

impl World {
    pub(super) fn new() -> World {
        World {
            machine: Machine::new(),
            checksum: Checksum::new(&ID),
            records: RefCell::default(),
            durable: Cell::default(),
            lost: RefCell::default(),
            removed: RefCell::default(),
            appending: RefCell::default(),
            seed: Cell::new(1),
            failure: RefCell::default(),
        }
    }

    /// Runs a process, which may crash, or wait for a lock.
    pub(super) fn run(&self, process: &Process<'_>, job: Job) -> Result<(), Stop> {
        let result = self.open(process).and_then(|()| self.run_steps(process, job));
        self.end(process, result)
    }

    /// Runs a forked child of a process that has opened the journal. It has no token.
    pub(super) fn run_child(&self, process: &Process<'_>, job: Job) -> Result<(), Stop> {
        let result = self.run_steps(process, job);
        self.end(process, result)
    }

    fn run_steps(&self, process: &Process<'_>, job: Job) -> Result<(), Stop> {
        job.iter().try_for_each(|step| match step {
            Step::Append(payloads) => self.append(process, payloads),
            Step::Sync => self.sync(process),
            Step::Finish => self.finish_journal(process),
        })
    }

    fn end(&self, process: &Process<'_>, result: Result<(), Stop>) -> Result<(), Stop> {
        self.settle();
        self.appending.borrow_mut().take_if(|(id, ..)| *id == process.id);
        if !process.only_stops {
            self.machine.leave(process.id);
        }
        self.check(result != Err(Stop::Corrupt), "a sound journal counts as corrupt");
        result
    }

    /// Runs a new process to its end.
    pub(super) fn run_survivor(&self, job: Job) {
        let result = self.run(&Process::new(&self.machine, None), job);
        self.check(result == Ok(()), "a survivor waits for ever");
    }

    fn open(&self, process: &Process<'_>) -> Result<(), Stop> {
        process.step()?;
        if self.machine.is_locked.replace(true) {
            return Err(Stop::Stuck);
        }
        let result = self.open_locked(process);
        // The kernel releases the lock of a process that has crashed.
        self.machine.is_locked.set(process.only_stops && result == Err(Stop::Crashed));
        result
    }

    fn open_locked(&self, process: &Process<'_>) -> Result<(), Stop> {
        let is_stale = epoch::is_stale(process)?;
        if is_stale {
            epoch::begin(process)?;
        }
        process.step()?;
        self.machine.join(process.id);
        if is_stale {
            self.with_lock(process, WRITERS_MUTEX, |_| {
                self.with_lock(process, SYNC_MUTEX, |owner_died| {
                    self.note(process, owner_died)?;
                    recovery::recover(process, self.checksum)
                })
            })?;
        }
        self.removed.borrow_mut().append(&mut self.lost.borrow_mut());
        Ok(())
    }

    fn with_lock(
        &self,
        process: &Process<'_>,
        at: usize,
        action: impl FnOnce(bool) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let locked: Locked = lock(process, at, None)?.expect("there is no deadline");
        let result = action(locked.owner_died);
        if result == Err(Stop::Crashed) {
            return result;
        }
        let was_locked = unlock(process, at, locked, false)?;
        self.check(was_locked, "a process lost its lock");
        result
    }

    fn note(&self, process: &Process<'_>, owner_died: bool) -> Result<(), Stop> {
        match owner_died && self.machine.control.get() != Control::NoNote {
            true => recovery::note_crash(process),
            false => Ok(()),
        }
    }

    fn append(&self, process: &Process<'_>, payloads: &[Payload]) -> Result<(), Stop> {
        self.with_lock(process, WRITERS_MUTEX, |owner_died| {
            let appender = Appender::new(process, self.checksum, owner_died)?;
            self.settle();
            self.check(appender.is_none() == self.is_finished(), "finished, or not");
            let Some(mut appender) = appender else { return Ok(()) };
            payloads
                .iter()
                .try_for_each(|payload| self.append_one(process, &mut appender, *payload))
        })?;
        event_count::notify(process, EVENTS)
    }

    fn append_one(
        &self,
        process: &Process<'_>,
        appender: &mut Appender<'_, Process<'_>>,
        payload: Payload,
    ) -> Result<(), Stop> {
        let start = appender.start;
        let payload = self.new_payload(payload, start);
        let mut draft = appender.reserve(Length::new(payload.len()).unwrap())?;
        let (first, second) = payload.split_at(payload.len() / 3);
        draft.write(first)?;
        draft.write(second)?;
        *self.appending.borrow_mut() = Some((process.id, start, Some(payload)));
        let position = draft.commit()?;
        self.settle();
        let is_appended = self.records.borrow().last().is_some_and(|(it, _)| *it == position);
        self.check(is_appended, "a record was acknowledged, but not appended");
        Ok(())
    }

    fn finish_journal(&self, process: &Process<'_>) -> Result<(), Stop> {
        self.with_lock(process, WRITERS_MUTEX, |owner_died| {
            let appender = Appender::new(process, self.checksum, owner_died)?;
            let Some(appender) = appender else { return Ok(()) };
            *self.appending.borrow_mut() = Some((process.id, appender.start, None));
            appender.finish()
        })
    }

    fn sync(&self, process: &Process<'_>) -> Result<(), Stop> {
        self.settle();
        let count = self.records.borrow().len();
        let needed = match self.machine.control.get() {
            Control::TailOnly => {
                Tail { at: self.machine.memory.word(TAIL) as usize, is_finished: false }
            }
            _ => tail(process, self.checksum)?,
        };
        self.with_lock(process, SYNC_MUTEX, |owner_died| {
            self.note(process, owner_died)?;
            let is_failing = self.machine.failing_sync.get().is_some();
            match recovery::sync(process, self.checksum, needed) {
                // It is reported, and the next one may succeed.
                Err(Stop::Stuck) if is_failing => Ok(()),
                Ok(()) => {
                    self.durable.set(self.durable.get().max(count));
                    Ok(())
                }
                result => result,
            }
        })
    }

    /// The power failures for many of the states that the disk may have.
    pub(super) fn power_failures(self, known: &mut Known) -> Vec<PowerFailure> {
        self.settle();
        let disks = self.machine.disks(|hash| known.insert((hash, self.durable.get())));
        let before = Rc::new(self);
        disks.into_iter().map(|disk| PowerFailure { before: before.clone(), disk }).collect()
    }

    /// Finds out which records the disk has.
    pub(super) fn find_remains(&self) {
        self.appending.take();
        let mut records = self.records.take();
        records.append(&mut self.lost.borrow_mut());
        let found = self.read_all(&self.reader()).unwrap_or_default();
        let count = found.len();
        self.check(count >= self.durable.get(), "a record that was synced is lost");
        self.check(records.starts_with(&found), "a record is torn, or one before it is lost");
        self.lost.replace(records.split_off(count.min(records.len())));
        self.records.replace(records);
        // They come from the disk.
        self.durable.set(count);
    }

    /// Lets survivors read, append and sync.
    pub(super) fn finish(&self) -> Option<String> {
        const FINAL: Job = &[
            Step::Append(&[Payload::Bytes(9)]),
            Step::Sync,
            Step::Append(&[Payload::Records(40), Payload::Bytes(0)]),
        ];
        self.check_all();
        self.run_survivor(&[]);
        self.check_all();
        self.run_survivor(FINAL);
        self.check_all();
        self.machine.lose_all();
        self.find_remains();
        self.failure.take()
    }

    /// Whether there is a bad record at the end.
    pub(super) fn is_torn(&self) -> bool {
        let reader = self.reader();
        let last = Cursor::last(&reader, self.checksum);
        last.is_ok_and(|cursor| cursor.has_changed(&reader) == Ok(true))
    }

    /// Loses the power behind a sync of a survivor.
    pub(super) fn sync_and_finish(&self) -> Option<String> {
        let world = self.clone();
        world.run_survivor(&[Step::Sync]);
        world.machine.lose_all();
        world.find_remains();
        world.finish()
    }

    /// Reads all there is, from each position.
    pub(super) fn check_all(&self) {
        self.settle();
        let reader = self.reader();
        let records = self.records.borrow().clone();
        let found = self.read_all(&reader);
        self.check(found.as_ref() == Some(&records), "a reader reads something else");
        for (index, (position, payload)) in records.iter().enumerate() {
            if payload.is_some() {
                self.check_position(&reader, *position, &records[index..]);
            }
        }
        let gone = self.removed.borrow();
        for (position, _) in gone.iter().chain(&*self.lost.borrow()) {
            let found =
                [Cursor::at, Cursor::after].map(|find| find(&reader, self.checksum, *position));
            let is_cut = found.iter().all(|found| matches!(found, Ok(None)));
            self.check(is_cut, "a record that was removed has a position");
        }
        let last = Cursor::last(&reader, self.checksum).map(|mut it| self.read(&reader, &mut it));
        let is_last = matches!(last, Ok(Ok(None))) || self.is_finished();
        self.check(is_last, "a record comes behind the last one");
        self.check_identities();
    }

    fn check_position(&self, reader: &Process<'_>, position: Position, records: &[Entry]) {
        let at = Cursor::at(reader, self.checksum, position);
        let after = Cursor::after(reader, self.checksum, position);
        for (cursor, expected) in [(at, records.first()), (after, records.get(1))] {
            let found = cursor.map(|it| it.map(|mut it| self.read(reader, &mut it)));
            let is_right = found == Ok(Some(Ok(expected.cloned())));
            self.check(is_right, "a position leads to something else");
        }
    }

    fn check_identities(&self) {
        let mut seen = HashSet::new();
        let (lost, removed) = (self.lost.borrow(), self.removed.borrow());
        for (position, _) in self.records.borrow().iter().chain(&*lost).chain(&*removed) {
            self.check(
                *position == NONE || seen.insert(*position),
                "two records have the same position",
            );
        }
    }

    /// A process without a token.
    pub(super) fn reader(&self) -> Process<'_> {
        let mut reader = Process::new(&self.machine, None);
        reader.reads_bytes = true;
        reader
    }

    /// Returns all records, or `None` after an error.
    pub(super) fn read_all(&self, reader: &Process<'_>) -> Option<Vec<Entry>> {
        let mut cursor = Cursor::first(reader).ok()?;
        let mut entries = Vec::new();
        while let Some(entry) = self.read(reader, &mut cursor).ok()? {
            let is_end = entry.1.is_none();
            entries.push(entry);
            if is_end || entries.len() > MOST {
                break;
            }
        }
        Some(entries)
    }

    /// Reads the next record, or the end mark.
    pub(super) fn read(
        &self,
        reader: &Process<'_>,
        cursor: &mut Cursor,
    ) -> Result<Option<Entry>, Stop> {
        let mut buffer = vec![1; 3];
        Ok(match cursor.read(reader, self.checksum, &mut buffer)? {
            Next::Record(position) => Some((position, Some(buffer))),
            Next::Nothing => None,
            Next::Finished => Some((NONE, None)),
        })
    }

    /// Applies stores that have committed to the reference.
    pub(super) fn settle(&self) {
        let memory = &self.machine.memory;
        let is_header = |at: usize| at + 8 <= self.machine.len() && memory.word(at) >> 63 == 1;
        let appended = self.appending.borrow_mut().take_if(|(_, start, _)| is_header(*start));
        if let Some((_, start, payload)) = appended {
            let recoveries = (memory.word(start + 8) >> 32) as u32;
            let position = match payload {
                Some(_) => Position { start: start as u64, recoveries },
                None => NONE,
            };
            self.records.borrow_mut().push((position, payload));
        }
    }

    pub(super) fn records(&self) -> Vec<Entry> {
        self.settle();
        self.records.borrow().clone()
    }

    fn is_finished(&self) -> bool {
        self.records.borrow().last().is_some_and(|(_, payload)| payload.is_none())
    }

    fn new_payload(&self, payload: Payload, start: usize) -> Vec<u8> {
        match payload {
            Payload::Zeros(len) => vec![0; len],
            Payload::Bytes(len) => {
                self.seed.set(self.seed.get().wrapping_add(1));
                let seed = self.seed.get().wrapping_mul(3);
                (0..len).map(|i| 0x80 | seed.wrapping_add(i as u8)).collect()
            }
            Payload::Records(len) => self.copies(start, len),
        }
    }

    /// The bytes of records without payload.
    fn copies(&self, start: usize, len: usize) -> Vec<u8> {
        const HEADER: u64 = 1 << 63;
        let recoveries = epoch::recoveries(&self.reader()).unwrap_or(0);
        let is_forged = self.machine.control.get() == Control::Forged;
        let copies = (start + 16..).step_by(16).flat_map(|at| {
            let at = if is_forged { at } else { RECORDS };
            let sum = self.checksum.start(at, HEADER, recoveries);
            let words = [HEADER, u64::from(sum) | u64::from(recoveries) << 32];
            words.map(u64::to_ne_bytes).concat()
        });
        copies.take(len).collect()
    }

    /// Keeps the first failure.
    pub(super) fn check(&self, is_right: bool, failure: &str) {
        if !is_right {
            self.failure.borrow_mut().get_or_insert_with(|| failure.to_owned());
        }
    }

    /// What a comparison of two worlds needs.
    pub(super) fn words(&self) -> Vec<u64> {
        self.machine.memory.words()
    }
}

/// An end mark has no position.
const NONE: Position = Position { start: 0, recoveries: 0 };
