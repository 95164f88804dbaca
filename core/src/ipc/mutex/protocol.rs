//! The protocol of the mutex: which words it changes, in which order.
//!
//! | at | bytes | |
//! |---|---|---|
//! | 0 | 8 | 0: unlocked and consistent. Bit 0: a thread may sleep. Bit 1: an owner has crashed. From bit 2: the id of the owner, 0 if unlocked |
//! | 8 | 4 | process id of the owner, a hint for humans |
//! | 12 | 4 | not used |
//!
//! A process owns the lock from the exchange that stores its id to the one that removes it. Each is
//! one operation. The kernel knows whether the process with an id exists, and ids are never used
//! again. So a word with the id of a crashed process changes only by a takeover, and of two threads
//! that take over, the exchange of one succeeds.

use std::time::{Duration, Instant};

use crate::ipc::words::{Owner, Words};

/// The bytes of a mutex.
pub(crate) const SIZE: usize = 16;

const WAITERS: u64 = 1;
const DIRTY: u64 = 2;
pub(super) const ID_SHIFT: u32 = 2;
/// Where the process id is.
pub(super) const PID: usize = 8;

/// How long a thread sleeps before it looks again: a process may crash between the store that
/// unlocks and the wake-up.
const FIRST_SLICE: Duration = Duration::from_millis(5);
const LAST_SLICE: Duration = Duration::from_millis(100);

/// The lock, owned by this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) owner: Owner,
    /// Whether an owner has crashed since the data was last marked consistent.
    pub(crate) owner_died: bool,
}

/// The exchange that locks a mutex that is unlocked and consistent: expected word, and new one.
/// The process id is stored after it.
#[inline]
pub(super) fn first_exchange(owner: Owner) -> (u64, u64) {
    (0, owner.id << ID_SHIFT)
}

/// The exchange that unlocks a mutex for which no thread waits: expected word, and new one.
#[inline]
pub(super) fn last_exchange(locked: Locked, is_dirty: bool) -> (u64, u64) {
    (word_of(locked), unlocked(is_dirty))
}

/// Locks the mutex if it is unlocked, or if its owner has crashed.
pub(crate) fn try_lock<W: Words>(words: &W, at: usize) -> Result<Option<Locked>, W::Error> {
    match seize(words, at, 0)? {
        Seized::Yes(locked) => Ok(Some(locked)),
        Seized::Owned(_) => Ok(None),
    }
}

/// Locks the mutex. Returns `None` if `deadline` comes first.
pub(crate) fn lock<W: Words>(
    words: &W,
    at: usize,
    deadline: Option<Instant>,
) -> Result<Option<Locked>, W::Error> {
    // The first attempt finds no thread asleep. A later one has to pass on that others may sleep.
    let (mut waiters, mut slice) = (0, FIRST_SLICE);
    loop {
        let word = match seize(words, at, waiters)? {
            Seized::Yes(locked) => return Ok(Some(locked)),
            Seized::Owned(word) => word,
        };
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        waiters = WAITERS;
        let waiting = word | WAITERS;
        if word != waiting && words.compare_exchange(at, word, waiting)?.is_err() {
            continue;
        }
        words.sleep(at, waiting, left.map_or(slice, |left| left.min(slice)))?;
        slice = (2 * slice).min(LAST_SLICE);
    }
}

enum Seized {
    Yes(Locked),
    /// The owner of this word exists, or owners change all the time.
    Owned(u64),
}

/// After so many failed exchanges, other threads are faster.
const ATTEMPTS: u32 = 100;

/// Takes the lock unless its owner exists.
fn seize<W: Words>(words: &W, at: usize, waiters: u64) -> Result<Seized, W::Error> {
    // Most locks are unlocked and consistent.
    let mut word = 0;
    for _ in 0..ATTEMPTS {
        // Asked each time: a signal handler may have forked, and this may be the child.
        let owner = words.owner()?;
        let former = word >> ID_SHIFT;
        let has_crashed = former != 0 && former != owner.id && !words.is_alive(former)?;
        if former != 0 && !has_crashed {
            return Ok(Seized::Owned(word));
        }
        let owner_died = has_crashed || word & DIRTY != 0;
        let locked = Locked { owner, owner_died };
        match words.compare_exchange(at, word, word_of(locked) | word & WAITERS | waiters)? {
            Ok(_) => {
                words.store_hint(at + PID, owner.pid);
                return Ok(Seized::Yes(locked));
            }
            Err(other) => word = other,
        }
    }
    Ok(Seized::Owned(word))
}

/// The word of a lock for which no thread waits.
#[inline]
fn word_of(locked: Locked) -> u64 {
    locked.owner.id << ID_SHIFT | if locked.owner_died { DIRTY } else { 0 }
}

#[inline]
fn unlocked(is_dirty: bool) -> u64 {
    if is_dirty { DIRTY } else { 0 }
}

/// Unlocks the mutex, and returns whether it was locked by this process: another one has taken it
/// over if this one counted as crashed. `is_dirty`: a crash of an owner is reported to the next one
/// too.
pub(crate) fn unlock<W: Words>(
    words: &W,
    at: usize,
    locked: Locked,
    is_dirty: bool,
) -> Result<bool, W::Error> {
    let (mut word, new) = last_exchange(locked, is_dirty);
    loop {
        match words.compare_exchange(at, word, new)? {
            Ok(former) if former & WAITERS != 0 => return words.wake_one(at).map(|()| true),
            Ok(_) => return Ok(true),
            // A thread waits since then.
            Err(other) if other >> ID_SHIFT == locked.owner.id => word = other,
            Err(_) => return Ok(false),
        }
    }
}
