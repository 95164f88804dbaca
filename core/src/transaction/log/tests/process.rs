//! A process on a simulated machine, and controls: steps of the protocol that it does otherwise.

use std::{cell::Cell, ops::Range};

use super::{
    super::{
        Files, Which,
        epoch::Epoch,
        layout::{RECORDS, SLOTS, UNSETTLED},
        record::Record,
    },
    disk::{Cache, DATA, Key, NAME, SECTOR},
    machine::{Machine, Stop},
};

/// A step of the protocol that is left out, or done too early or too late. Tests must fail then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Control {
    #[default]
    None,
    /// C3 is left out.
    NoRecordSync,
    /// C4 comes before C3.
    ApplyFirst,
    /// C5 comes before C4.
    MarkFirst,
    /// C5 is left out.
    NoMark,
    /// E1 is left out in checkpoints.
    NoDataSync,
    /// E1 comes behind E3.
    LateDataSync,
    /// `UNSETTLED` is not written.
    NoFailed,
    /// E3 is left out in checkpoints.
    NoSlotSync,
    /// All epochs have the same number.
    SameEpoch,
    /// R2 writes no record.
    NoRewrite,
    /// R2 does not sync.
    NoRewriteSync,
    /// R5 leaves out marked records.
    OnlyUnmarked,
    /// R5 leaves out ranges that are equal.
    OnlyDifferent,
    /// R6 is left out behind R5.
    NoRecoverySync,
    /// R6 is left out without records.
    NoBaseSync,
    /// R7 does not sync.
    NoSlotSyncInRecovery,
    /// `UNSETTLED` is not written before R5.
    NoUnsettled,
    /// The sync of a longer journal is left out.
    NoGrowthSync,
    /// A new journal is not synced before it has its name.
    NoCreationSync,
    /// A new journal has its name before it is complete.
    EarlyName,
    /// The directory is not synced.
    NoNameSync,
    /// All starts of the system have the same number.
    SameBoot,
}

/// What a process has written to the journal last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Nothing,
    Record,
    Mark,
    Zeros,
    Slot,
    Failed,
}

/// A process that uses the files.
pub(super) struct Process<'a> {
    pub(super) machine: &'a Machine,
    pub(super) journal: usize,
    /// Whether the log is open.
    pub(super) is_open: Cell<bool>,
    last: Cell<Last>,
    /// A sync that a control does later.
    delayed: Cell<Option<usize>>,
    has_written_data: Cell<bool>,
    has_synced: Cell<bool>,
    /// Whether the journal has no name yet.
    pub(super) is_new: Cell<bool>,
    /// Whether a sync has failed.
    has_failed: Cell<bool>,
    last_read: Cell<u64>,
}

impl<'a> Process<'a> {
    /// Starts a process, with the journal or a new one.
    pub(super) fn new(machine: &'a Machine) -> Process<'a> {
        let name = machine.cache.borrow().name;
        let journal = name.unwrap_or_else(|| machine.cache.borrow_mut().create());
        if machine.is(Control::EarlyName) {
            machine.cache.borrow_mut().set_name(Some(journal));
        }
        Process {
            machine,
            journal,
            is_open: Cell::default(),
            last: Cell::default(),
            delayed: Cell::default(),
            has_written_data: Cell::default(),
            has_synced: Cell::default(),
            is_new: Cell::new(name.is_none()),
            has_failed: Cell::default(),
            last_read: Cell::default(),
        }
    }

    fn is(&self, control: Control) -> bool {
        self.machine.is(control)
    }

    fn file(&self, which: Which) -> usize {
        if which == Which::Data { DATA } else { self.journal }
    }

    fn changed(&self, key: Key) {
        self.machine.changed(Some(key));
    }

    fn what(&self, bytes: &[u8], at: u64) -> Last {
        match bytes.len() {
            8 if SLOTS.contains(&at.wrapping_sub(UNSETTLED as u64)) => Last::Failed,
            SECTOR if SLOTS.contains(&at) => Last::Slot,
            8 if at > RECORDS => Last::Mark,
            _ if bytes == vec![0; bytes.len()] => Last::Zeros,
            _ => Last::Record,
        }
    }

    /// Whether a control leaves the write out.
    fn is_left_out(&self, which: Which, bytes: &[u8], at: u64) -> bool {
        let is_open = self.is_open.get();
        if which == Which::Data {
            return !is_open
                && match self.machine.control.get() {
                    Control::OnlyUnmarked => self.is_from_marked(),
                    Control::OnlyDifferent => self.has_data(bytes, at),
                    _ => false,
                };
        }
        let what = self.what(bytes, at);
        self.last.set(what);
        match self.machine.control.get() {
            Control::NoMark => what == Last::Mark,
            Control::NoFailed => what == Last::Failed && self.has_failed.get(),
            Control::NoUnsettled => what == Last::Failed && !self.has_failed.get(),
            Control::NoRewrite => !is_open && what == Last::Record,
            _ => false,
        }
    }

    fn has_data(&self, bytes: &[u8], at: u64) -> bool {
        let (data, at) = (self.machine.data(), at as usize);
        data.get(at..at + bytes.len()) == Some(bytes)
    }

    /// Whether the bytes that were read last are those of a marked record.
    fn is_from_marked(&self) -> bool {
        let epoch = Epoch::current(&self);
        let Ok(epoch) = epoch else { return false };
        let (mut at, wanted) = (RECORDS, self.last_read.get());
        while let Ok(Some(record)) = Record::read(&self, epoch.number, at) {
            if record.end() > wanted {
                return record.is_marked(&self) == Ok(true);
            }
            at = record.end();
        }
        false
    }

    /// Whether a control leaves the sync out.
    fn is_sync_left_out(&self, which: Which) -> bool {
        let (is_open, last) = (self.is_open.get(), self.last.get());
        let control = self.machine.control.get();
        match which {
            Which::Data => match control {
                Control::NoDataSync => is_open,
                Control::NoRecoverySync => !is_open && self.has_written_data.get(),
                Control::NoBaseSync => !is_open && !self.has_written_data.get(),
                _ => false,
            },
            Which::Journal => match control {
                Control::NoRecordSync => is_open && last == Last::Record,
                Control::NoGrowthSync => is_open && last == Last::Zeros,
                Control::NoCreationSync => !is_open && self.is_new.get(),
                Control::NoSlotSync => is_open && last == Last::Slot,
                Control::NoRewriteSync => !is_open && !self.has_synced.get(),
                Control::NoSlotSyncInRecovery => !is_open && self.has_synced.get(),
                _ => false,
            },
        }
    }

    /// Whether a control does the sync later.
    fn is_delayed(&self, which: Which) -> bool {
        match which {
            Which::Data => self.is(Control::LateDataSync),
            Which::Journal => {
                self.is(Control::ApplyFirst)
                    && self.is_open.get()
                    && self.last.get() == Last::Record
            }
        }
    }

    fn do_delayed(&self) {
        if let Some(file) = self.delayed.take() {
            self.machine.cache.borrow_mut().sync(file);
        }
    }

    fn failed_sync(&self, file: usize) -> Stop {
        self.has_failed.set(true);
        if file < self.machine.first_to_lose() {
            return Stop::Failed;
        }
        let (mut cache, mut rng) = (self.machine.cache.borrow_mut(), self.machine.rng.borrow_mut());
        let all = rng.u8(..4);
        cache.sync_part(file, |count| match all {
            0 => count,
            1 => 0,
            _ => rng.usize(..=count),
        });
        if all != 0 && rng.bool() {
            cache.evict(file);
        }
        Stop::Failed
    }

    fn write_early_mark(&self) {
        let mut at = RECORDS;
        let Ok(epoch) = Epoch::current(&self) else { return };
        while let Ok(Some(record)) = Record::read(&self, epoch.number, at) {
            at = record.end();
            let (at, mark) = record.mark();
            self.machine.cache.borrow_mut().write(self.journal, &mark, at as usize);
        }
    }
}

impl Files for &Process<'_> {
    type Error = Stop;

    const FIRST_LEN: u64 = RECORDS + 2048;
    const MOST_LEN: u64 = RECORDS + 4096;

    fn len(&self, which: Which) -> Result<u64, Stop> {
        Ok(self.machine.cache.borrow().files[self.file(which)].len() as u64)
    }

    fn read(&self, which: Which, buffer: &mut [u8], at: u64) -> Result<usize, Stop> {
        if which == Which::Journal && buffer.len() != 8 {
            self.last_read.set(at);
        }
        let cache = self.machine.cache.borrow();
        let rest = cache.files[self.file(which)].get(at as usize..).unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, which: Which, bytes: &[u8], at: u64) -> Result<(), Stop> {
        if self.is_left_out(which, bytes, at) {
            return Ok(());
        }
        self.has_written_data.set(self.has_written_data.get() | (which == Which::Data));
        if which == Which::Journal && self.last.get() == Last::Mark {
            self.do_delayed();
        }
        let (mut at, mut bytes) = (at as usize, bytes);
        while !bytes.is_empty() {
            // The page of `UNSETTLED` is in the page cache: this write cannot fail.
            if which == Which::Data || self.last.get() != Last::Failed {
                self.machine.step()?;
            }
            let count = bytes.len().min(SECTOR - at % SECTOR);
            self.machine.cache.borrow_mut().write(self.file(which), &bytes[..count], at);
            self.changed(Cache::sector_key(self.file(which), at));
            (at, bytes) = (at + count, &bytes[count..]);
        }
        Ok(())
    }

    fn set_len(&self, which: Which, len: u64) -> Result<(), Stop> {
        self.machine.step()?;
        self.machine.cache.borrow_mut().set_len(self.file(which), len as usize);
        self.changed((self.file(which), None));
        Ok(())
    }

    fn allocate(&self, _range: Range<u64>) -> Result<(), Stop> {
        self.machine.step()
    }

    fn sync(&self, which: Which) -> Result<(), Stop> {
        let file = self.file(which);
        if self.is_sync_left_out(which) {
            return Ok(());
        }
        if self.is_delayed(which) {
            self.delayed.set(Some(file));
            return Ok(());
        }
        self.machine.step().map_err(|_| self.failed_sync(file))?;
        self.has_synced.set(true);
        self.machine.cache.borrow_mut().sync(file);
        if which == Which::Journal {
            if self.is(Control::LateDataSync) && self.last.get() == Last::Slot {
                self.do_delayed();
            }
            if self.is(Control::MarkFirst) && self.last.get() == Last::Record {
                self.write_early_mark();
            }
        }
        Ok(())
    }

    fn publish(&self) -> Result<(), Stop> {
        self.machine.step()?;
        self.is_new.set(false);
        if self.machine.cache.borrow().name.is_none() {
            self.machine.cache.borrow_mut().set_name(Some(self.journal));
            self.changed(NAME);
        }
        self.machine.step()?;
        if !self.is(Control::NoNameSync) {
            self.machine.cache.borrow_mut().sync_name();
        }
        Ok(())
    }

    fn boot(&self) -> [u64; 4] {
        let boot = self.machine.boot.get();
        [if self.is(Control::SameBoot) { 1 } else { boot }; 4]
    }

    fn random(&self) -> Result<u64, Stop> {
        let random = self.machine.randoms.get() + 1;
        self.machine.randoms.set(random);
        Ok(if self.is(Control::SameEpoch) { 7 } else { random.wrapping_mul(0x9e37_79b9_7f4a_7c15) })
    }
}
