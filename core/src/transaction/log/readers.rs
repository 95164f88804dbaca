//! What a reader asks before it looks at the data file.
//!
//! It has the apply lock, shared, so no commit is applied and no recovery is done at the same time.
//! A checkpoint may be done: its writer does not have that lock. That is harmless, since it does
//! not change the bytes that the data file appears to have. The reader sees the old epoch or the
//! new one; a slot that is being written has a wrong sum.
//!
//! A reader walks over the marked records without their sums: a mark fits its record only. So each
//! call reads the slots, and the headers and marks of the records that are new.

use super::{
    epoch::{Epoch, Identity},
    error::OpenError,
    files::Files,
    layout::RECORDS,
    record::Record,
};
use crate::FormatError;

/// What a reader has seen of a journal. The default: nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    epoch: u64,
    /// Where the last marked record ends.
    end: u64,
}

impl Seen {
    /// Whether there are records that are applied.
    pub(crate) fn has_records(&self) -> bool {
        self.end > RECORDS
    }
}

/// Whether the data file can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It can.
    No,
    /// A commit or a recovery was applied in part, or the kernel could not write a page.
    Unfinished,
    /// There are commits from before a start of the system, or from another mount. The data file
    /// may have parts of them only. It can be read if a writer has recovered it, and still runs.
    OtherBoot,
}

/// Returns whether the data file with this identity needs a recovery before it is read. Fails if
/// another file has commits in the journal.
pub(crate) fn needs_recovery<F: Files>(
    files: &F,
    identity: &Identity,
    seen: &mut Seen,
) -> Result<Need, OpenError<F::Error>> {
    let epoch = Epoch::current(files)?;
    if seen.epoch != epoch.number {
        *seen = Seen { epoch: epoch.number, end: RECORDS };
    }
    let has_unfinished = has_unfinished(files, seen)?;
    let has_records = has_unfinished || seen.has_records();
    if has_records && epoch.identity != *identity {
        return Err(OpenError::Format(FormatError::OtherFile));
    }
    Ok(match () {
        () if has_unfinished || epoch.is_unsettled(files)? => Need::Unfinished,
        () if has_records && !epoch.is_of_this_boot(files) => Need::OtherBoot,
        () => Need::No,
    })
}

/// Walks over the marked records. Whether a valid one follows.
fn has_unfinished<F: Files>(files: &F, seen: &mut Seen) -> Result<bool, F::Error> {
    while let Some(record) = Record::read(files, seen.epoch, seen.end)? {
        if !record.is_marked(files)? {
            return record.is_valid(files);
        }
        seen.end = record.end();
    }
    Ok(false)
}
