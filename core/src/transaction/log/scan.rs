//! Finding the records of an epoch.
//!
//! Records lie one behind the other. The first place where no valid one is ends the epoch: a commit
//! begins only when the record before it is on the disk. So a torn record is the last one, and
//! nothing of its epoch can be behind it. If something is, bytes of the journal have changed since
//! they were written, and committed changes would be lost: that is an error.

use super::{
    error::OpenError,
    files::Files,
    layout::{ALIGNMENT, RECORDS},
    pieces::Pieces,
    record::{HEADER, Record},
};
use crate::FormatError;

/// The valid records of an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    epoch: u64,
    /// Where the last one ends.
    pub(super) end: u64,
    /// Where the first one begins that is not marked, or the end.
    unmarked: u64,
    /// Where records begin that give the data file a length, and the smallest length that one of
    /// them or of the later ones gives it. As many bytes as those records have, at most.
    lens: Vec<(u64, u64)>,
}

impl Scan {
    /// Finds the records of an epoch in a journal of `len` bytes.
    pub(super) fn new<F: Files>(
        files: &F,
        epoch: u64,
        len: u64,
    ) -> Result<Scan, OpenError<F::Error>> {
        let (mut end, mut unmarked, mut lens) = (RECORDS, None, Vec::new());
        while let Some(record) = valid_record(files, epoch, end, len)? {
            if !record.is_marked(files)? {
                unmarked.get_or_insert(end);
            }
            lens.extend(record.new_len().map(|len| (end, len)));
            end = record.end();
        }
        ensure_last(files, epoch, end, len)?;
        let lens = with_later(lens);
        Ok(Scan { epoch, end, unmarked: unmarked.unwrap_or(end), lens })
    }

    pub(super) fn has_records(&self) -> bool {
        self.end > RECORDS
    }

    /// Passes all records to `step`, in their order.
    pub(super) fn all<F: Files>(
        &self,
        files: &F,
        step: impl FnMut(&Record) -> Result<(), OpenError<F::Error>>,
    ) -> Result<(), OpenError<F::Error>> {
        self.from(RECORDS, files, step)
    }

    /// Passes the first record without a mark and all that follow it to `step`.
    pub(super) fn unmarked<F: Files>(
        &self,
        files: &F,
        step: impl FnMut(&Record) -> Result<(), OpenError<F::Error>>,
    ) -> Result<(), OpenError<F::Error>> {
        self.from(self.unmarked, files, step)
    }

    /// Returns the smallest length that a later record gives the data file.
    pub(super) fn limit(&self, record: &Record) -> u64 {
        let later = self.lens.partition_point(|(at, _)| *at <= record.at);
        self.lens.get(later).map_or(u64::MAX, |(_, len)| *len)
    }

    fn from<F: Files>(
        &self,
        mut at: u64,
        files: &F,
        mut step: impl FnMut(&Record) -> Result<(), OpenError<F::Error>>,
    ) -> Result<(), OpenError<F::Error>> {
        while at < self.end {
            let found = Record::read(files, self.epoch, at)?;
            let Some(record) = found.filter(|record| record.end() <= self.end) else {
                return OpenError::damaged(at);
            };
            step(&record)?;
            at = record.end();
        }
        Ok(())
    }
}

/// Makes each length the smallest of itself and the later ones.
fn with_later(mut lens: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut least = u64::MAX;
    for (_, len) in lens.iter_mut().rev() {
        least = least.min(*len);
        *len = least;
    }
    lens
}

/// Returns the record at an offset if it is valid.
fn valid_record<F: Files>(
    files: &F,
    epoch: u64,
    at: u64,
    len: u64,
) -> Result<Option<Record>, OpenError<F::Error>> {
    let Some(record) = Record::read(files, epoch, at)? else { return Ok(None) };
    if record.end() > len {
        // The journal was long enough, on the disk, before the record was written.
        let cause = FormatError::TooShort { len, required: record.end() };
        return Err(OpenError::Format(cause));
    }
    Ok(record.is_valid(files)?.then_some(record))
}

/// Fails if a record of the epoch begins behind the first invalid one. The sum of the record does
/// not matter: its header belongs to the epoch and to its offset. So each byte is read once.
fn ensure_last<F: Files>(
    files: &F,
    epoch: u64,
    end: u64,
    len: u64,
) -> Result<(), OpenError<F::Error>> {
    let mut pieces = Pieces::new(files, end + ALIGNMENT, len);
    let mut at = end + ALIGNMENT;
    while let Some(header) = pieces.next_array::<HEADER>()? {
        if Record::from_bytes(&header, epoch, at).is_some() {
            return OpenError::damaged(end);
        }
        at += ALIGNMENT;
    }
    Ok(())
}
