//! What the first writer after a start of the system does, and how records get to the disk.
//!
//! A power failure leaves on the disk any subset of the stores since the last sync, also of those
//! to `RECOVERIES`, `SYNCED` and `TAIL`. The records before `SYNCED` are whole. A recovery keeps
//! the good records behind them, up to the first bad one, and removes everything behind that. A
//! process that crashes between two steps, and a power failure, leave this:
//!
//! | writer, has the lock of the file | crash behind it |
//! |---|---|
//! | V0 not stale: nothing to do (`epoch::is_stale`) | |
//! | V1 store the number of a new recovery (`epoch::begin`) | a journal that is stale |
//! | V2 join; lock the mutexes of the writers and of `sync` | the same |
//! | V3 walk from `SYNCED` to the end of the last good record | the same |
//! | V4 write zeros behind it | the same; the next walk ends there too |
//! | V5 sync | the same; the number is on the disk |
//! | V6 store `TAIL`, `SYNCED`, `UNWRITTEN` | the same |
//! | V7 store that the recovery with the number is complete | the same |
//! | V8 store `BOOT` | a settled journal |
//!
//! Why this is right:
//!
//! - V4 is on the disk before a record is appended. Otherwise old records could follow new ones
//!   after a second power failure, and a position of a removed record would still fit.
//! - The number is on the disk before a record has it. Otherwise a second power failure could take
//!   it back, and two records at one offset could have the same number.
//! - V4 stores a header of 0 first. A reader that has read a record checks its header again: zeros
//!   may make the sum of a torn record right for a moment.
//! - Nothing else has to be on the disk: after the next start the journal is stale in any case.
//!
//! `sync`, for all processes that wait for it:
//!
//! | has the mutex of `sync` | crash behind it |
//! |---|---|
//! | Y0 read the tail, before the mutex is locked | nothing |
//! | Y1 `SYNCED` is not before it, and `UNWRITTEN` is 0: nothing to do | |
//! | Y2 read the tail again; if `UNWRITTEN` is not 0, rewrite all from `SYNCED` to it | nothing |
//! | Y3 sync | nothing: the owner of the mutex has crashed, so `UNWRITTEN` is stored |
//! | Y4 success: store `SYNCED`, then `UNWRITTEN` = 0. Failure: store `UNWRITTEN` = 1 | the same |
//!
//! If the kernel cannot write pages, it reports that once for each open file description, and
//! counts the pages as clean: the next sync would succeed without them. So they are written again.

use super::{
    chain::Chain,
    epoch,
    layout::{RECORDS, SYNCED, TAIL, UNWRITTEN},
    records::{Checksum, END_MARK, Tail, header_at, offset_at, tail},
    storage::Storage,
};

/// V3 to V8: recovers the journal. Called with the lock of the file and both mutexes, behind
/// [`epoch::begin`].
pub(crate) fn recover<S: Storage>(storage: &S, checksum: Checksum) -> Result<(), S::Error> {
    storage.refresh()?;
    let chain = Chain::follow(storage, checksum, usize::MAX)?;
    remove_behind(storage, chain)?;
    let number = epoch::begun(storage, chain.recoveries)?;
    make_durable(storage, Tail { at: chain.end, is_finished: chain.is_finished }, true)?;
    storage.store(TAIL, chain.end as u64)?;
    epoch::complete(storage, number)
}

/// V4.
fn remove_behind<S: Storage>(storage: &S, chain: Chain) -> Result<(), S::Error> {
    let from = behind(chain.end, chain.is_finished);
    if header_at(storage, from)? != 0 {
        storage.store(from, 0)?;
        storage.fence();
    }
    storage.write_zeros(from)
}

/// Records that an owner of the mutex of `sync` has crashed. Then the mutex is consistent again.
pub(crate) fn note_crash<S: Storage>(storage: &S) -> Result<(), S::Error> {
    storage.store(UNWRITTEN, 1)
}

/// Y1 to Y4: makes all records durable that are before `needed`, the tail before the mutex of
/// `sync` was locked. Called with that.
pub(crate) fn sync<S: Storage>(
    storage: &S,
    checksum: Checksum,
    needed: Tail,
) -> Result<(), S::Error> {
    let is_durable = !needed.is_finished
        && storage.load(SYNCED)? >= needed.at as u64
        && storage.load(UNWRITTEN)? == 0;
    if is_durable {
        return Ok(());
    }
    make_durable(storage, tail(storage, checksum)?, false)
}

/// Y2 to Y4. `is_all`: also the words before the records, and all behind them.
fn make_durable<S: Storage>(storage: &S, end: Tail, is_all: bool) -> Result<(), S::Error> {
    let to = behind(end.at, end.is_finished);
    let from = offset_at(storage, SYNCED)?.unwrap_or(RECORDS).min(to);
    if storage.load(UNWRITTEN)? != 0 {
        storage.rewrite(from..to)?;
    }
    let range = if is_all { 0..storage.len() } else { from..to };
    if let Err(error) = storage.sync(range) {
        storage.store(UNWRITTEN, 1)?;
        return Err(error);
    }
    storage.store(SYNCED, end.at as u64)?;
    storage.store(UNWRITTEN, 0)
}

/// The end of what must not change.
fn behind(end: usize, is_finished: bool) -> usize {
    if is_finished { end + END_MARK } else { end }
}
