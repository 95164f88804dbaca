//! Whether a journal was recovered since the system started, and the number of recoveries.
//!
//! The word at `RECOVERIES`:
//!
//! | bits | |
//! |---|---|
//! | 0–31 | the number of the last complete recovery, which new records get |
//! | 32–63 | the number of the last one that has begun |
//!
//! If they differ, a recovery is in progress, or its process has crashed. Each recovery begins with
//! a new number. It is on the disk, in the upper half at least, before a record has it. So no two
//! records at one offset have the same number, also if a power failure takes one away.
//!
//! A journal is *settled* if nothing in it is from before the last start of the system without
//! having been checked. Then a bad record is damage. Otherwise it may be the remains of a power
//! failure, and a reader takes it for the end.
//!
//! | `BOOT` | a token exists | in progress | |
//! |---|---|---|---|
//! | this boot | | | settled |
//! | another one, or not known | yes | no | settled: containers may have other boot ids |
//! | another one, or not known | yes | yes | not settled |
//! | another one, or not known | no | | not settled |
//!
//! The new number is stored before the token is taken. Otherwise a reader could find the token of a
//! process that has not recovered the journal yet.

use super::{
    layout::{BOOT, RECOVERIES},
    storage::Storage,
};

const LOW: u64 = u32::MAX as u64;

/// The words that change when a journal is recovered, as a reader has found them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch {
    recoveries: u64,
    boot: [u64; 2],
}

/// What is known of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All records are from this start of the system, or were checked since.
    Settled,
    /// There may be remains of a power failure.
    Unsettled,
    /// The journal was recovered since the epoch was loaded.
    Changed,
}

impl Epoch {
    pub(super) fn load<S: Storage>(storage: &S) -> Result<Epoch, S::Error> {
        let recoveries = storage.load(RECOVERIES)?;
        let boot = [storage.load(BOOT)?, storage.load(BOOT + 8)?];
        Ok(Epoch { recoveries, boot })
    }

    pub(super) fn state<S: Storage>(&self, storage: &S) -> Result<State, S::Error> {
        // Before the words: the process that has a token has stored them earlier.
        let has_writers = is_of_this_boot(storage, self.boot) || storage.is_in_use()?;
        storage.fence();
        if *self != Epoch::load(storage)? {
            return Ok(State::Changed);
        }
        let is_settled =
            is_of_this_boot(storage, self.boot) || (has_writers && !self.is_in_progress());
        Ok(if is_settled { State::Settled } else { State::Unsettled })
    }

    fn is_in_progress(&self) -> bool {
        self.recoveries >> 32 != self.recoveries & LOW
    }
}

fn is_of_this_boot<S: Storage>(storage: &S, boot: [u64; 2]) -> bool {
    boot != [0; 2] && boot == storage.boot()
}

/// Returns the number of the last complete recovery.
#[inline]
pub(super) fn recoveries<S: Storage>(storage: &S) -> Result<u32, S::Error> {
    Ok(storage.load(RECOVERIES)? as u32)
}

/// V0: returns whether the journal has to be recovered before a writer uses it. Called with the
/// lock of the file, by a process that has not joined.
pub(crate) fn is_stale<S: Storage>(storage: &S) -> Result<bool, S::Error> {
    let epoch = Epoch::load(storage)?;
    // With the lock of the file, no recovery is in progress: its process has crashed, or it failed.
    Ok(epoch.is_in_progress() || !(is_of_this_boot(storage, epoch.boot) || storage.is_in_use()?))
}

/// V1: begins a recovery. Called with the lock of the file, by a process that has not joined.
pub(crate) fn begin<S: Storage>(storage: &S) -> Result<(), S::Error> {
    let word = storage.load(RECOVERIES)?;
    let number = (word >> 32).max(word & LOW) + 1;
    store(storage, word & LOW, number)
}

/// Returns the number of the recovery that has begun. It is greater than `other`.
pub(super) fn begun<S: Storage>(storage: &S, other: u32) -> Result<u64, S::Error> {
    let word = storage.load(RECOVERIES)?;
    let number = (word >> 32).max(u64::from(other) + 1);
    if number != word >> 32 {
        store(storage, word & LOW, number)?;
    }
    Ok(number)
}

fn store<S: Storage>(storage: &S, complete: u64, begun: u64) -> Result<(), S::Error> {
    match begun <= LOW {
        true => storage.store(RECOVERIES, begun << 32 | complete),
        false => Err(storage.corrupt(RECOVERIES)),
    }
}

/// The last steps of a recovery. `number` is on the disk.
pub(super) fn complete<S: Storage>(storage: &S, number: u64) -> Result<(), S::Error> {
    store(storage, number, number)?;
    let [first, second] = storage.boot();
    storage.store(BOOT, first)?;
    storage.store(BOOT + 8, second)
}
