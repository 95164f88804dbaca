//! What opening for writing does: it makes a journal, or completes the commits of a crashed writer.
//!
//! The caller has all locks. A process that crashes between two steps, and a power failure, leave a
//! journal that the next recovery treats in the same way:
//!
//! | step | |
//! |---|---|
//! | R1 | find the valid records of the epoch; fail if one may be lost, or if another file has them |
//! | R2 | write the slot and the records without a mark to the journal again; sync it |
//! | R3 | sync the directory |
//! | R4 | if there are records: write `UNSETTLED` (`epoch`) |
//! | R5 | apply all records, in their order: lengths, ranges |
//! | R6 | E1: sync the data file, also if there are no records |
//! | R7 | E2, E3: begin a new epoch, also if there are no records |
//! | R8 | cut the journal, but not in or before the records of the last epoch |
//!
//! Why this is right:
//!
//! - R2 comes before R5. The writer may have crashed before its sync, or behind one that failed:
//!   then the page cache has a record that the disk has not, and a sync alone does not write it. A
//!   power failure during R5 would leave a part of the change and no record. A mark says that the
//!   sync of the record was successful, so marked records need no second write. They are all but
//!   the last one, except if the kernel could not write a page with a mark.
//! - The slot, too, may be in the page cache only. R7 writes over the other one. If the disk tore
//!   it, an older epoch would count.
//! - R4 comes before R5. In between the data file has older bytes, and all records may be marked.
//! - R5 applies marked records too, and skips no range because the file has the same bytes. The
//!   kernel may have failed to write a page of the data file, reported that to another program, and
//!   count it as clean. The page cache does not say so.
//! - R5 may be done any number of times: it is the same sequence of lengths and bytes from the
//!   state at the start of the epoch, which is on the disk, and its result does not depend on what
//!   of it was done before. Lengths are exact, also where the file has more bytes at that moment.
//! - R7 happens without records too. A crashed writer may have left a record that is on the disk
//!   and not in the page cache: it has voided it, and the sync of that did not happen. The record
//!   must not come back when the next commit is behind this opening.
//! - R8: if the journal was longer than at the start of the last epoch, perhaps the sync of that
//!   has failed, and the length is in the page cache only. The next growth must change it. A torn
//!   record may have reached that far; it no longer counts.
//!
//! A new journal has no name until it is complete and on the disk. So one that is found is
//! complete: if it is empty, another program has cut it, and commits may be lost.

use super::{
    epoch::{Epoch, Identity},
    error::OpenError,
    files::{Files, Which},
    layout::{BLOCK, RECORDS},
    pieces::PIECE,
    scan::Scan,
};
use crate::FormatError;

/// Completes a new journal, which has no name yet. Returns its epoch.
pub(super) fn create<F: Files>(
    files: &F,
    identity: Identity,
) -> Result<Epoch, OpenError<F::Error>> {
    files.set_len(Which::Journal, F::FIRST_LEN)?;
    write_zeros(files, 0, F::FIRST_LEN)?;
    files.sync(Which::Data)?;
    let epoch = Epoch::begin(files, None, identity, F::FIRST_LEN)?;
    files.publish()?;
    Ok(epoch)
}

/// Recovers the data file. Returns the epoch that has begun.
pub(super) fn recover<F: Files>(
    files: &F,
    identity: Identity,
) -> Result<Epoch, OpenError<F::Error>> {
    let epoch = Epoch::current(files)?;
    let len = checked_len(files, &epoch)?;
    let scan = Scan::new(files, epoch.number, len)?;
    if scan.has_records() && epoch.identity != identity {
        return Err(OpenError::Format(FormatError::OtherFile));
    }
    let len = scan.end.next_multiple_of(BLOCK).clamp(epoch.len, len);
    make_durable(files, &epoch, &scan)?;
    apply(files, &epoch, &scan)?;
    let epoch = Epoch::begin(files, Some(&epoch), identity, len)?;
    files.set_len(Which::Journal, len)?;
    Ok(epoch)
}

/// R2 and R3.
fn make_durable<F: Files>(
    files: &F,
    epoch: &Epoch,
    scan: &Scan,
) -> Result<(), OpenError<F::Error>> {
    epoch.rewrite(files)?;
    scan.unmarked(files, |record| record.rewrite(files))?;
    files.sync(Which::Journal)?;
    Ok(files.publish()?)
}

/// R4 to R6.
fn apply<F: Files>(files: &F, epoch: &Epoch, scan: &Scan) -> Result<(), OpenError<F::Error>> {
    if scan.has_records() {
        epoch.unsettle(files)?;
        scan.all(files, |record| record.apply(files, scan.limit(record)))?;
    }
    Ok(epoch.sync_data(files)?)
}

/// A journal that is shorter than at the start of the epoch has lost records.
fn checked_len<F: Files>(files: &F, epoch: &Epoch) -> Result<u64, OpenError<F::Error>> {
    let (len, required) = (files.len(Which::Journal)?, epoch.len.max(RECORDS));
    match len >= required {
        true => Ok(len),
        false => Err(OpenError::Format(FormatError::TooShort { len, required })),
    }
}

/// Writes zeros to the journal, so that it has blocks there.
pub(super) fn write_zeros<F: Files>(files: &F, mut at: u64, end: u64) -> Result<(), F::Error> {
    let zeros = vec![0; (PIECE as u64).min(end.saturating_sub(at)) as usize];
    while at < end {
        let count = (end - at).min(zeros.len() as u64);
        files.write(Which::Journal, &zeros[..count as usize], at)?;
        at += count;
    }
    Ok(())
}
