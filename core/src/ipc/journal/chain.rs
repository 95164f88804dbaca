//! The good records behind an offset. After a power failure, they are the journal.

use super::{
    layout::{RECORDS, SYNCED},
    records::{Checksum, Record, header_at, offset_at},
    storage::Storage,
};

/// Where good records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Behind the last good record, or where the end mark is.
    pub(super) end: usize,
    /// The number of recoveries of the last one: a record behind it has at least the same.
    pub(super) recoveries: u32,
    pub(super) is_finished: bool,
}

impl Chain {
    /// Follows good records from what was on the disk for certain. Stops at `limit` or behind it.
    ///
    /// Old records have smaller numbers of recoveries than those before them.
    pub(super) fn follow<S: Storage>(
        storage: &S,
        checksum: Checksum,
        limit: usize,
    ) -> Result<Chain, S::Error> {
        let start = offset_at(storage, SYNCED)?.unwrap_or(RECORDS);
        let mut chain = Chain { end: start, recoveries: 0, is_finished: false };
        while chain.end < limit && !chain.is_finished {
            match good_record(storage, checksum, chain)? {
                Some(next) => chain = next,
                None => break,
            }
        }
        Ok(chain)
    }
}

/// Returns the chain with the record behind it, if that is good.
fn good_record<S: Storage>(
    storage: &S,
    checksum: Checksum,
    chain: Chain,
) -> Result<Option<Chain>, S::Error> {
    let header = header_at(storage, chain.end)?;
    let Some(record) = Record::find(storage, chain.end, header)? else { return Ok(None) };
    let recoveries = record.check(storage, checksum)?;
    let recoveries = recoveries.filter(|&recoveries| recoveries >= chain.recoveries);
    Ok(recoveries.map(|recoveries| match record.is_end_mark() {
        true => Chain { recoveries, is_finished: true, ..chain },
        false => Chain { end: record.end(), recoveries, is_finished: false },
    }))
}
