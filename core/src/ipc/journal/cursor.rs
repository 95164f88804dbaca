//! Reading records, without a lock and without a store.
//!
//! A reader loads the header at its offset. 0 is the end for now. Otherwise it checks the header,
//! copies the payload, and checks the sum, and that the number of recoveries is not smaller than
//! that of the record before. What is wrong may be of a power failure, or have changed during the
//! copy, because a recovery removed it. So the reader loads the words of `epoch` again:
//!
//! - They have changed: the reader reads again.
//! - The journal is not settled: this is the end for now.
//! - Otherwise the record is damaged.
//!
//! In a journal that is not settled, a reader that has read a record loads its header again. If a
//! recovery removes the record, that is 0, or it stays.
//!
//! A position is checked where it is: its record must be good, and have its number of recoveries.
//! In a journal that is not settled the record must also be one that a recovery will keep.

use super::{
    chain::Chain,
    epoch::{Epoch, State},
    layout::{RECORDS, SYNCED, TAIL},
    position::Position,
    records::{Checksum, Record, header_at, is_start, offset_at, tail},
    storage::Storage,
};

/// How often a reader reads again because the journal was recovered.
const ATTEMPTS: u32 = 8;

/// Where a reader is: between two records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    start: usize,
    /// The number of recoveries of the record before.
    recoveries: u32,
    epoch: Epoch,
    /// Whether the journal was settled. It stays so as long as the system runs.
    is_settled: bool,
    /// The header at `start`, when there was no record.
    seen: u64,
}

/// What a reader has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record, which is in the buffer.
    Record(Position),
    /// No record yet.
    Nothing,
    /// The end mark: there will be no record.
    Finished,
}

impl Cursor {
    /// Before the first record.
    pub(crate) fn first<S: Storage>(storage: &S) -> Result<Cursor, S::Error> {
        Cursor::new(storage, Epoch::load(storage)?, RECORDS)
    }

    /// Behind the last record.
    pub(crate) fn last<S: Storage>(storage: &S, checksum: Checksum) -> Result<Cursor, S::Error> {
        let mut cursor = Cursor::first(storage)?;
        cursor.start = match cursor.is_settled {
            true => tail(storage, checksum)?.at,
            false => Chain::follow(storage, checksum, usize::MAX)?.end,
        };
        Ok(cursor)
    }

    /// Before the record with this position. Returns `None` if it was removed, or never existed.
    pub(crate) fn at<S: Storage>(
        storage: &S,
        checksum: Checksum,
        position: Position,
    ) -> Result<Option<Cursor>, S::Error> {
        let found = Cursor::find(storage, checksum, position)?;
        Ok(found.map(|(cursor, _)| cursor))
    }

    /// Behind the record with this position. Returns `None` if it was removed, or never existed.
    pub(crate) fn after<S: Storage>(
        storage: &S,
        checksum: Checksum,
        position: Position,
    ) -> Result<Option<Cursor>, S::Error> {
        let found = Cursor::find(storage, checksum, position)?;
        Ok(found.map(|(cursor, record)| cursor.behind(record)))
    }

    /// Whether there may be something since [`Cursor::read`] has returned [`Next::Nothing`].
    #[inline]
    pub(crate) fn has_changed<S: Storage>(&self, storage: &S) -> Result<bool, S::Error> {
        let is_other = header_at(storage, self.start)? != self.seen;
        // A new record may have the same header as one that a recovery has removed.
        Ok(is_other || (!self.is_settled && Epoch::load(storage)? != self.epoch))
    }

    /// The length of the next record, if there is one.
    pub(crate) fn next_len<S: Storage>(&self, storage: &S) -> Result<usize, S::Error> {
        Ok(Record { start: self.start, header: header_at(storage, self.start)? }.len())
    }

    /// Fails if [`Cursor::read`] has returned [`Next::Nothing`] where a record must be. Loads a
    /// word that writers change.
    pub(crate) fn check_end<S: Storage>(&self, storage: &S) -> Result<(), S::Error> {
        let is_damaged = self.is_settled
            && storage.load(TAIL)? > self.start as u64
            && header_at(storage, self.start)? == 0;
        if is_damaged { Err(storage.corrupt(self.start)) } else { Ok(()) }
    }

    /// Reads the next record to the buffer, and moves behind it.
    #[inline]
    pub(crate) fn read<S: Storage>(
        &mut self,
        storage: &S,
        checksum: Checksum,
        buffer: &mut Vec<u8>,
    ) -> Result<Next, S::Error> {
        for _ in 0..ATTEMPTS {
            self.seen = header_at(storage, self.start)?;
            if self.seen == 0 {
                return self.end(storage);
            }
            if let Some(next) = self.read_good(storage, checksum, buffer)? {
                return Ok(next);
            }
            match self.look(storage)? {
                State::Changed => {}
                State::Unsettled => return Ok(Next::Nothing),
                State::Settled => break,
            }
        }
        Err(storage.corrupt(self.start))
    }

    /// There was no header.
    fn end<S: Storage>(&mut self, storage: &S) -> Result<Next, S::Error> {
        if !self.is_settled {
            // `has_changed` compares with this epoch: a recovery must not count twice.
            self.look(storage)?;
        }
        Ok(Next::Nothing)
    }

    /// Reads the record with the header that was seen. Returns `None` if it is not good.
    #[inline]
    fn read_good<S: Storage>(
        &mut self,
        storage: &S,
        checksum: Checksum,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Next>, S::Error> {
        let Some(record) = Record::find(storage, self.start, self.seen)? else { return Ok(None) };
        let (expected, recoveries) = record.sum(storage)?;
        if recoveries < self.recoveries {
            return Ok(None);
        }
        storage.read_all(buffer, record.len(), record.payload())?;
        let sum = checksum.start(record.start, record.header, recoveries);
        if crc32c::crc32c_append(sum, buffer) != expected || !self.stays(storage, record)? {
            return Ok(None);
        }
        if record.is_end_mark() {
            return Ok(Some(Next::Finished));
        }
        let start = record.start as u64;
        *self = Cursor { recoveries, ..*self }.behind(record);
        Ok(Some(Next::Record(Position { start, recoveries })))
    }

    /// Whether no recovery has begun to remove the record before it was read.
    #[inline]
    fn stays<S: Storage>(&self, storage: &S, record: Record) -> Result<bool, S::Error> {
        if self.is_settled {
            return Ok(true);
        }
        storage.fence();
        Ok(storage.load(record.start)? == record.header)
    }

    fn new<S: Storage>(storage: &S, epoch: Epoch, start: usize) -> Result<Cursor, S::Error> {
        let mut cursor = Cursor { start, recoveries: 0, epoch, is_settled: false, seen: 0 };
        cursor.look(storage)?;
        Ok(cursor)
    }

    /// Learns about recoveries.
    #[cold]
    fn look<S: Storage>(&mut self, storage: &S) -> Result<State, S::Error> {
        storage.fence();
        let state = self.epoch.state(storage)?;
        match state {
            State::Changed => self.epoch = Epoch::load(storage)?,
            State::Settled => self.is_settled = true,
            State::Unsettled => {}
        }
        Ok(state)
    }

    fn behind(self, record: Record) -> Cursor {
        let start = if record.is_end_mark() { record.start } else { record.end() };
        Cursor { start, ..self }
    }

    fn find<S: Storage>(
        storage: &S,
        checksum: Checksum,
        position: Position,
    ) -> Result<Option<(Cursor, Record)>, S::Error> {
        let Ok(start) = usize::try_from(position.start) else { return Ok(None) };
        if !is_start(position.start) {
            return Ok(None);
        }
        let mut cursor = Cursor::first(storage)?;
        for _ in 0..ATTEMPTS {
            let record = cursor.kept_record(storage, checksum, start)?;
            if let Some((record, recoveries)) = record {
                let is_it = recoveries == position.recoveries;
                let cursor = Cursor { start, recoveries, ..cursor };
                return Ok(is_it.then_some((cursor, record)));
            }
            if cursor.look(storage)? != State::Changed {
                return Ok(None);
            }
        }
        Err(storage.corrupt(start))
    }

    /// Returns the good record at `start`, and its number of recoveries.
    fn kept_record<S: Storage>(
        &self,
        storage: &S,
        checksum: Checksum,
        start: usize,
    ) -> Result<Option<(Record, u32)>, S::Error> {
        if !self.is_settled && !is_reached(storage, checksum, start)? {
            return Ok(None);
        }
        let header = header_at(storage, start)?;
        let Some(record) = Record::find(storage, start, header)? else { return Ok(None) };
        let recoveries = record.check(storage, checksum)?;
        match self.stays(storage, record)? {
            true => Ok(recoveries.map(|recoveries| (record, recoveries))),
            false => Ok(None),
        }
    }
}

/// Whether a recovery would keep a good record at `start`.
fn is_reached<S: Storage>(storage: &S, checksum: Checksum, start: usize) -> Result<bool, S::Error> {
    let is_synced = offset_at(storage, SYNCED)?.is_some_and(|synced| start < synced);
    Ok(is_synced || Chain::follow(storage, checksum, start)?.end == start)
}
