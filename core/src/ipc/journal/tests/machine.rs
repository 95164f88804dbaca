//! A simulated machine with the file of a journal, whose processes crash and whose power fails.
//!
//! The page cache is the simulated memory. A store, and each sector of a copy, is a piece that may
//! reach the disk at any time, or be lost when the power fails. Sectors are shorter here than those
//! of disks, so that short records lie in several.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ops::Range,
    rc::Rc,
    time::Duration,
};

use super::{
    super::{
        layout::{BOOT, RECORDS, RECOVERIES, UNWRITTEN},
        storage::Storage,
    },
    IS_THOROUGH,
};
use crate::ipc::{
    simulated::{self, Memory, Stop},
    words::{self, Owner, Words},
};

pub(super) const SECTOR: usize = 64;
/// By how much the file grows at least.
const CHUNK: usize = 96;

/// A protection that is switched off, so that tests must fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Control {
    #[default]
    None,
    /// A recovery does not wait for the disk.
    NoSync,
    /// A recovery writes no zeros behind the last record.
    NoZeros,
    /// The number of recoveries is never in progress.
    NeverInProgress,
    /// `BOOT` is stored when a recovery begins.
    EarlyBoot,
    /// Readers take any boot for theirs.
    EveryBoot,
    /// `sync` needs the records before `TAIL` only.
    TailOnly,
    /// A crash during a sync is not noted.
    NoNote,
    /// Pages that could not be written are not written again.
    NoRewrite,
    /// Records in payloads have a sum for the offset where they are.
    Forged,
}

/// What may reach the disk apart from the rest.
#[derive(Clone, Debug)]
enum Piece {
    Words(Rc<[(usize, u64)]>),
    Len(usize),
}

impl Piece {
    /// Whether it makes no difference after a power failure.
    fn is_hint(&self) -> bool {
        let is_read = |at| at >= RECORDS || (RECOVERIES..UNWRITTEN + 8).contains(&at);
        match self {
            Piece::Words(words) => !words.iter().any(|&(at, _)| is_read(at)),
            Piece::Len(_) => false,
        }
    }

    /// Whether a sync of these bytes writes it.
    fn touches(&self, range: &Range<usize>) -> bool {
        let sectors = range.start / SECTOR..range.end.div_ceil(SECTOR);
        match self {
            Piece::Words(words) => words.iter().any(|&(at, _)| sectors.contains(&(at / SECTOR))),
            Piece::Len(_) => true,
        }
    }
}

/// What a disk has.
#[derive(Clone, Default)]
pub(super) struct Disk {
    words: Vec<u64>,
    len: usize,
}

impl Disk {
    /// A hash of all but hints. The standard hashers take long without optimization.
    fn hash(&self) -> u64 {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let parts = [&self.words[RECOVERIES / 8..=UNWRITTEN / 8], &self.words[RECORDS / 8..]];
        parts
            .into_iter()
            .flatten()
            .fold(self.len as u64, |hash, word| (hash ^ word).wrapping_mul(FACTOR).rotate_left(29))
    }

    fn apply(&mut self, piece: &Piece) {
        match piece {
            Piece::Len(len) => self.len = *len,
            Piece::Words(words) => {
                for &(at, word) in &**words {
                    let len = self.words.len().max(at / 8 + 1);
                    self.words.resize(len, 0);
                    self.words[at / 8] = word;
                }
            }
        }
    }
}

/// What the kernel and the disk keep.
#[derive(Clone, Default)]
pub(super) struct Machine {
    pub(super) memory: Memory,
    disk: RefCell<Disk>,
    pending: RefCell<Vec<Piece>>,
    len: Cell<usize>,
    boot: Cell<u64>,
    /// Whether the processes know the boot id.
    pub(super) is_boot_known: Cell<bool>,
    tokens: RefCell<BTreeSet<u64>>,
    pub(super) is_locked: Cell<bool>,
    ids: Cell<u64>,
    pub(super) control: Cell<Control>,
    /// Which pieces reach the disk when the next sync fails.
    pub(super) failing_sync: Cell<Option<usize>>,
}

impl Machine {
    /// A machine whose disk has a new journal.
    pub(super) fn new() -> Machine {
        let machine = Machine::default();
        let len = RECORDS + CHUNK;
        machine.memory.replaced.replace(Some(Vec::new()));
        machine.disk.replace(Disk { words: vec![0; len / 8], len });
        machine.is_boot_known.set(true);
        machine.restart();
        machine
    }

    /// A number that no process has had.
    pub(super) fn new_id(&self) -> u64 {
        self.ids.set(self.ids.get() + 1);
        self.ids.get()
    }

    pub(super) fn join(&self, id: u64) {
        self.tokens.borrow_mut().insert(id);
    }

    pub(super) fn leave(&self, id: u64) {
        self.tokens.borrow_mut().remove(&id);
    }

    /// Processes have another boot id, and none has a token. The page cache stays.
    pub(super) fn change_boot(&self) {
        self.tokens.borrow_mut().clear();
        self.boot.set(self.boot.get() + 1);
    }

    /// Ends a process that was stopped.
    pub(super) fn end_stopped(&self) {
        self.tokens.borrow_mut().clear();
        self.is_locked.set(false);
    }

    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    /// Takes from the disk what is there.
    fn restart(&self) {
        let disk = self.disk.borrow();
        self.memory.len.set(disk.len);
        self.memory.restart(&disk.words);
        self.len.set(disk.len);
        self.pending.borrow_mut().clear();
        self.tokens.borrow_mut().clear();
        self.is_locked.set(false);
        self.boot.set(self.boot.get() + 1);
    }

    /// The number of changes since the last sync, for tests that look whether there are new ones.
    pub(super) fn pending(&self) -> usize {
        self.pending
            .borrow()
            .iter()
            .map(|piece| match piece {
                Piece::Words(words) => words.len(),
                Piece::Len(_) => 1,
            })
            .sum()
    }

    /// Returns what the disk has after a power failure, for each subset of the pieces, or for many.
    /// `is_new` gets a hash of it.
    pub(super) fn disks(&self, mut is_new: impl FnMut(u64) -> bool) -> Vec<Disk> {
        let pending = self.pending.borrow();
        let pending: Vec<_> = pending.iter().map(|piece| (piece, piece.is_hint())).collect();
        let count = pending.iter().filter(|(_, is_hint)| !is_hint).count();
        let disks = masks(count).into_iter().map(|mask| self.disk_with(&pending, mask));
        disks.filter(|disk| is_new(disk.hash())).collect()
    }

    /// The machine after a power failure that left this on the disk.
    pub(super) fn with_disk(&self, disk: Disk) -> Machine {
        let machine = Machine { disk: RefCell::new(disk), ..self.clone() };
        machine.restart();
        machine
    }

    /// The kernel writes all pages by itself.
    pub(super) fn write_back(&self) {
        let mut disk = self.disk.borrow_mut();
        self.pending.take().iter().for_each(|piece| disk.apply(piece));
    }

    /// Loses the power; nothing has reached the disk since the last sync.
    pub(super) fn lose_all(&self) {
        self.restart();
    }

    /// Pieces, and whether they are hints, of which `mask` reaches the disk.
    fn disk_with(&self, pending: &[(&Piece, bool)], mask: u64) -> Disk {
        let mut disk = self.disk.borrow().clone();
        let mut index = 0;
        for (piece, is_hint) in pending {
            let is_kept = if *is_hint {
                mask.count_ones() % 2 == 0
            } else {
                index += 1;
                mask & (1 << (index - 1)) != 0
            };
            if is_kept {
                disk.apply(piece);
            }
        }
        // What lies behind the end is lost.
        let len = disk.len / 8;
        disk.words.resize(len, 0);
        disk
    }

    fn sync(&self, range: Range<usize>) -> Result<(), Stop> {
        let pending = self.pending.take().into_iter();
        let (pending, others): (Vec<_>, _) = pending.partition(|piece| piece.touches(&range));
        self.pending.replace(others);
        let failure = self.failing_sync.take();
        // What has not reached the disk counts as clean, but for the length.
        for (index, piece) in pending.iter().enumerate() {
            let is_len = matches!(piece, Piece::Len(_));
            if failure.is_none_or(|mask| is_len || mask & (1 << (index % 64)) != 0) {
                self.disk.borrow_mut().apply(piece);
            }
        }
        failure.map_or(Ok(()), |_| Err(Stop::Stuck))
    }

    fn push(&self, piece: Vec<(usize, u64)>) {
        if !piece.is_empty() {
            self.pending.borrow_mut().push(Piece::Words(piece.into()));
        }
    }

    fn take_replaced(&self) -> Vec<(usize, u64)> {
        self.memory.replaced.borrow_mut().as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// Adds changes to a piece, of which only the last one of a word matters.
fn replace_last(piece: &mut Vec<(usize, u64)>, changes: Vec<(usize, u64)>) {
    for change in changes {
        match piece.last_mut() {
            Some(last) if last.0 == change.0 => *last = change,
            _ => piece.push(change),
        }
    }
}

/// Subsets of so many pieces: all of them, or many.
fn masks(count: usize) -> Vec<u64> {
    const EXHAUSTIVE: usize = if IS_THOROUGH { 8 } else { 6 };
    const RANDOM: usize = 1 << (EXHAUSTIVE - 2);
    let all = (1 << count) - 1;
    if count <= EXHAUSTIVE {
        return (0..=all).collect();
    }
    let single = (0..count).map(|at| 1 << at);
    let prefixes = (0..count).map(|at| (1 << at) - 1);
    let mut masks: Vec<u64> = single.chain(prefixes).flat_map(|mask| [mask, all ^ mask]).collect();
    let mut rng = fastrand::Rng::with_seed(count as u64);
    masks.extend((0..RANDOM).map(|_| rng.u64(..) & all));
    masks
}

/// A process that uses the journal.
pub(super) struct Process<'a> {
    pub(super) machine: &'a Machine,
    inner: simulated::Process<'a>,
    pub(super) id: u64,
    /// How much of the file is mapped.
    mapped: Cell<usize>,
    /// Whether each byte that is read is an operation.
    pub(super) reads_bytes: bool,
    /// Whether it stops instead of a crash.
    pub(super) only_stops: bool,
}

impl<'a> Process<'a> {
    /// Starts a process. It crashes before the operation with the number `crash_before`.
    pub(super) fn new(machine: &'a Machine, crash_before: Option<usize>) -> Process<'a> {
        let id = machine.new_id();
        let inner = simulated::Process::new(&machine.memory, id, crash_before);
        let mapped = Cell::new(machine.len());
        Process { machine, inner, id, mapped, reads_bytes: false, only_stops: false }
    }

    /// Runs `other` before the operation with the number `at`.
    pub(super) fn interrupted(self, at: usize, other: impl FnOnce() + 'a) -> Process<'a> {
        Process { inner: self.inner.interrupted(at, other), ..self }
    }

    /// An operation that changes no word.
    pub(super) fn step(&self) -> Result<(), Stop> {
        self.inner.wake_one(0)
    }

    fn done<T>(&self, result: Result<T, Stop>) -> Result<T, Stop> {
        self.take_changes();
        result
    }

    fn take_changes(&self) {
        for change in self.machine.take_replaced() {
            self.machine.push(vec![change]);
        }
    }

    fn assert_mapped(&self, end: usize) {
        assert!(end <= self.mapped.get(), "{end} is not mapped");
    }
}

impl Words for Process<'_> {
    type Error = Stop;

    fn owner(&self) -> Result<Owner, Stop> {
        self.inner.owner()
    }

    fn compare_exchange(&self, at: usize, old: u64, new: u64) -> Result<Result<u64, u64>, Stop> {
        self.done(self.inner.compare_exchange(at, old, new))
    }

    fn store_hint(&self, _at: usize, _hint: u32) {}

    fn is_alive(&self, id: u64) -> Result<bool, Stop> {
        self.inner.is_alive(id)
    }

    fn sleep(&self, at: usize, expected: u64, timeout: Duration) -> Result<(), Stop> {
        self.inner.sleep(at, expected, timeout)
    }

    fn wake_one(&self, at: usize) -> Result<(), Stop> {
        self.inner.wake_one(at)
    }
}

impl words::Memory for Process<'_> {
    fn load(&self, at: usize) -> Result<u64, Stop> {
        self.assert_mapped(at + 8);
        self.inner.load(at)
    }

    fn store(&self, at: usize, word: u64) -> Result<(), Stop> {
        self.assert_mapped(at + 8);
        let word = match (at, self.machine.control.get()) {
            (RECOVERIES, Control::NeverInProgress) => (word >> 32) << 32 | word >> 32,
            _ => word,
        };
        self.done(self.inner.store(at, word))?;
        if at == RECOVERIES && self.machine.control.get() == Control::EarlyBoot {
            self.done(self.inner.store(BOOT, self.boot()[0]))?;
            self.done(self.inner.store(BOOT + 8, self.boot()[1]))?;
        }
        Ok(())
    }

    fn fence(&self) {}

    fn wake_all(&self, at: usize) -> Result<(), Stop> {
        words::Memory::wake_all(&self.inner, at)
    }

    fn corrupt(&self, _at: usize) -> Stop {
        Stop::Corrupt
    }
}

impl Storage for Process<'_> {
    fn len(&self) -> usize {
        self.mapped.get()
    }

    fn extend(&self, needed: usize) -> Result<(), Stop> {
        self.step()?;
        if needed > self.machine.len() {
            let len = needed.max(self.machine.len() + CHUNK).next_multiple_of(8);
            self.machine.len.set(len);
            self.machine.memory.len.set(len);
            self.machine.pending.borrow_mut().push(Piece::Len(len));
        }
        self.refresh().map(drop)
    }

    fn refresh(&self) -> Result<usize, Stop> {
        self.step()?;
        self.mapped.set(self.machine.len());
        Ok(self.mapped.get())
    }

    fn write(&self, bytes: &[u8], at: usize) -> Result<(), Stop> {
        self.assert_mapped(at + bytes.len());
        let (mut at, mut bytes) = (at, bytes);
        let (mut piece, mut result) = (Vec::new(), Ok(()));
        while !bytes.is_empty() && result.is_ok() {
            if at % SECTOR == 0 {
                self.machine.push(std::mem::take(&mut piece));
            }
            let count = bytes.len().min(SECTOR - at % SECTOR);
            let (now, rest) = bytes.split_at(count.min(self.inner.undisturbed().max(1)));
            result = self.inner.write(at, now);
            replace_last(&mut piece, self.machine.take_replaced());
            (at, bytes) = (at + now.len(), rest);
        }
        self.machine.push(piece);
        result
    }

    fn read(&self, buffer: &mut [u8], at: usize) -> Result<(), Stop> {
        let bytes = at..at + buffer.len();
        self.assert_mapped(bytes.end);
        buffer.copy_from_slice(&if self.reads_bytes {
            self.inner.read(bytes)?
        } else {
            self.step()?;
            self.machine.memory.read(bytes)
        });
        Ok(())
    }

    /// The last sector comes first: the kernel promises no order.
    fn write_zeros(&self, from: usize) -> Result<(), Stop> {
        if self.machine.control.get() == Control::NoZeros {
            return Ok(());
        }
        let sectors = (from / SECTOR..self.machine.len().div_ceil(SECTOR)).rev();
        for sector in sectors {
            self.step()?;
            let start = from.max(sector * SECTOR).next_multiple_of(8);
            let end = self.machine.len().min((sector + 1) * SECTOR);
            for at in (start..end).step_by(8) {
                self.machine.memory.set(at, 0);
            }
            self.machine.push(self.machine.take_replaced());
        }
        Ok(())
    }

    fn rewrite(&self, range: Range<usize>) -> Result<(), Stop> {
        if self.machine.control.get() == Control::NoRewrite {
            return Ok(());
        }
        let sectors = range.start / SECTOR..range.end.div_ceil(SECTOR);
        for sector in sectors {
            self.step()?;
            let end = self.machine.len().min((sector + 1) * SECTOR);
            let words = (sector * SECTOR..end).step_by(8);
            let words = words.map(|at| (at, self.machine.memory.word(at)));
            self.machine.push(words.collect());
        }
        Ok(())
    }

    fn sync(&self, range: Range<usize>) -> Result<(), Stop> {
        self.step()?;
        let word = self.machine.memory.word(RECOVERIES);
        let is_recovery = word >> 32 != u64::from(word as u32);
        match self.machine.control.get() {
            Control::NoSync if is_recovery => Ok(()),
            _ => self.machine.sync(range),
        }
    }

    fn boot(&self) -> [u64; 2] {
        match (self.machine.is_boot_known.get(), self.machine.control.get()) {
            (_, Control::EveryBoot) if self.reads_bytes => {
                [BOOT, BOOT + 8].map(|at| self.machine.memory.word(at))
            }
            (true, _) => [self.machine.boot.get(); 2],
            (false, _) => [0; 2],
        }
    }

    fn is_in_use(&self) -> Result<bool, Stop> {
        self.step()?;
        Ok(!self.machine.tokens.borrow().is_empty())
    }
}
