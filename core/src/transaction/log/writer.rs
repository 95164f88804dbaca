//! The log of a writer: commits and checkpoints.
//!
//! The caller has the writer's lock, and for a commit the apply lock:
//!
//! | step | a process that crashes behind it, or a power failure, leaves |
//! |---|---|
//! | C1 if the journal is full: a checkpoint; lengthen the journal | the state before |
//! | C2 write the record, without a mark | before, or after if the whole record gets to the disk |
//! | C3 sync the journal | after: recovery applies the record |
//! | C4 set the length of the data file, write the ranges | after |
//! | C5 write the mark | after |
//!
//! C3 is the only sync of most commits. If C2 or C3 fails, a checkpoint voids the record: then the
//! state is the one before. If that fails too, or C4 or C5, the log is in doubt, and nothing is
//! written any more. The next opening finds out.
//!
//! Why this is right:
//!
//! - C3 comes before C4. Otherwise a part of the change could be on the disk without the record.
//! - C5 comes behind C4: readers trust the mark.
//! - A failed sync may have left the record on the disk or not; the page cache has it in any case.
//!   In a new epoch none of its bytes count, also those that look like another record.
//!
//! A checkpoint is E1 to E3 of `epoch`. It needs the writer's lock only. If it fails, the log is in
//! doubt: behind a failed sync the page cache does not say what the disk has.
//!
//! New space gets zeros, so that the sync of a record writes no metadata, and is synced before a
//! record lies in it. If that sync fails, the new length may be in the page cache only. The sync of
//! a record there would say that all is well, and the log is in doubt.

use super::{
    epoch::{Epoch, Identity},
    error::{Failure, OpenError},
    files::{Files, Which},
    layout::{BLOCK, RECORDS},
    record::{Change, Record},
    recovery::{create, recover, write_zeros},
};

/// The bytes of a record that are copied to be written by one call.
const COPIED: usize = 1 << 20;

/// The journal of the one writer.
#[derive(Debug)]
pub(crate) struct Log<F> {
    files: F,
    epoch: Epoch,
    /// Where the next record begins.
    at: u64,
    /// The journal has blocks up to here.
    len: u64,
    /// The bytes of a record; kept for its memory.
    buffer: Vec<u8>,
    is_in_doubt: bool,
}

impl<F: Files> Log<F> {
    /// Completes a new journal, which is empty and has no name. The caller has the writer's lock.
    pub(crate) fn create(files: F, identity: Identity) -> Result<Log<F>, OpenError<F::Error>> {
        let epoch = create(&files, identity)?;
        Ok(Log::new(files, epoch))
    }

    /// Recovers the data file. The caller has all locks.
    pub(crate) fn open(files: F, identity: Identity) -> Result<Log<F>, OpenError<F::Error>> {
        let epoch = recover(&files, identity)?;
        Ok(Log::new(files, epoch))
    }

    fn new(files: F, epoch: Epoch) -> Log<F> {
        let (at, len) = (RECORDS, epoch.len);
        Log { files, epoch, at, len, buffer: Vec::new(), is_in_doubt: false }
    }

    /// Makes a change durable, and then visible. The caller has all locks.
    pub(crate) fn commit(&mut self, change: &Change<'_>) -> Result<(), Failure<F::Error>> {
        let result = self.ensure_usable().and_then(|()| self.try_commit(change));
        self.noted(result)
    }

    /// Empties the journal. The caller has the writer's lock.
    pub(crate) fn checkpoint(&mut self) -> Result<(), Failure<F::Error>> {
        let result = self.ensure_usable().and_then(|()| self.try_checkpoint());
        self.noted(result)
    }

    /// Returns whether a failure was [`Failure::InDoubt`].
    #[cfg(test)]
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    /// Returns what [`Log::open`] got.
    #[cfg(test)]
    pub(crate) fn files(&self) -> &F {
        &self.files
    }

    fn ensure_usable(&self) -> Result<(), Failure<F::Error>> {
        if self.is_in_doubt { Err(Failure::Earlier) } else { Ok(()) }
    }

    fn noted<R>(&mut self, result: Result<R, Failure<F::Error>>) -> Result<R, Failure<F::Error>> {
        if matches!(result, Err(Failure::InDoubt(_))) {
            self.is_in_doubt = true;
            self.epoch.try_unsettle(&self.files);
        }
        result
    }

    fn try_commit(&mut self, change: &Change<'_>) -> Result<(), Failure<F::Error>> {
        let data_len = self.files.len(Which::Data).map_err(Failure::Unchanged)?;
        let len = Record::new(change, data_len, 0, 0).len;
        self.make_space(len)?;
        let mut record = Record::new(change, data_len, self.epoch.number, self.at);
        record.encode(change, &mut self.buffer);
        if let Err(error) = self.write(&record, change) {
            return Err(self.void(error));
        }
        self.at = record.end();
        self.apply(&record, change).map_err(Failure::InDoubt)
    }

    /// C2 and C3.
    fn write(&mut self, record: &Record, change: &Change<'_>) -> Result<(), F::Error> {
        let mut at = record.at;
        for (_, bytes) in change.ranges {
            at = self.add(bytes, at)?;
        }
        self.buffer.resize(self.buffer.len() + record.padding() as usize, 0);
        self.files.write(Which::Journal, &self.buffer, at)?;
        self.files.sync(Which::Journal)
    }

    /// Adds bytes of a record to the buffer, which belongs at `at`. Returns where it belongs then.
    fn add(&mut self, bytes: &[u8], mut at: u64) -> Result<u64, F::Error> {
        if self.buffer.len().saturating_add(bytes.len()) <= COPIED {
            self.buffer.extend(bytes);
            return Ok(at);
        }
        for part in [&self.buffer, bytes] {
            self.files.write(Which::Journal, part, at)?;
            at += part.len() as u64;
        }
        self.buffer.clear();
        Ok(at)
    }

    /// A new epoch retires the record, wherever it is.
    fn void(&mut self, error: F::Error) -> Failure<F::Error> {
        match self.begin_epoch() {
            Ok(()) => Failure::Unchanged(error),
            Err(_) => Failure::InDoubt(error),
        }
    }

    /// C4 and C5.
    fn apply(&self, record: &Record, change: &Change<'_>) -> Result<(), F::Error> {
        change.apply(&self.files)?;
        let (at, mark) = record.mark();
        self.files.write(Which::Journal, &mark, at)
    }

    fn try_checkpoint(&mut self) -> Result<(), Failure<F::Error>> {
        if self.at > RECORDS {
            self.begin_epoch().map_err(Failure::InDoubt)?;
        }
        Ok(())
    }

    fn begin_epoch(&mut self) -> Result<(), F::Error> {
        self.epoch.sync_data(&self.files)?;
        let (last, identity) = (&self.epoch, self.epoch.identity);
        self.epoch = Epoch::begin(&self.files, Some(last), identity, self.len)?;
        self.at = RECORDS;
        Ok(())
    }

    /// C1.
    fn make_space(&mut self, len: u64) -> Result<(), Failure<F::Error>> {
        if self.fits(len) {
            return Ok(());
        }
        let is_full = self.at > RECORDS;
        self.try_checkpoint()?;
        let doubled = if is_full { self.len.saturating_mul(2).min(F::MOST_LEN) } else { 0 };
        let needed = RECORDS.saturating_add(len);
        let lengthened = match self.lengthen(needed.max(doubled)) {
            Err(Failure::Unchanged(_)) => self.lengthen(needed),
            result => result,
        };
        match lengthened {
            Err(Failure::Unchanged(_)) if self.fits(len) => Ok(()),
            result => result,
        }
    }

    fn fits(&self, len: u64) -> bool {
        self.at.saturating_add(len) <= self.len
    }

    fn lengthen(&mut self, len: u64) -> Result<(), Failure<F::Error>> {
        let len = len.checked_next_multiple_of(BLOCK).unwrap_or(u64::MAX);
        if len <= self.len {
            return Ok(());
        }
        if let Err(error) = self.add_zeros(len) {
            // Gives the blocks back. If that fails, the journal is too long.
            let _ = self.files.set_len(Which::Journal, self.len);
            return Err(Failure::Unchanged(error));
        }
        self.files.sync(Which::Journal).map_err(Failure::InDoubt)?;
        self.len = len;
        Ok(())
    }

    fn add_zeros(&self, len: u64) -> Result<(), F::Error> {
        self.files.set_len(Which::Journal, len)?;
        write_zeros(&self.files, self.len, len)
    }
}
