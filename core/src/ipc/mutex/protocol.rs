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
    /// Whether an owner has crashed since the data was last marked consistent.
    pub(crate) owner_died: bool,
}

/// The exchange that locks a mutex that is unlocked and consistent: expected word, and new one.
/// The process id is stored after it.
#[inline]
pub(super) fn first_exchange(owner: Owner) -> (u64, u64) {
    (0, owner.id << ID_SHIFT)
}

/// The word of an unlocked mutex.
#[inline]
pub(super) fn unlocked(is_dirty: bool) -> u64 {
    if is_dirty { DIRTY } else { 0 }
}

/// Returns whether a thread has to be woken after `former` was replaced by [`unlocked`].
#[inline]
pub(super) fn has_waiters(former: u64) -> bool {
    former & WAITERS != 0
}

/// Locks the mutex if it is unlocked, or if its owner has crashed.
pub(crate) fn try_lock<W: Words>(
    words: &W,
    at: usize,
    owner: Owner,
) -> Result<Option<Locked>, W::Error> {
    match seize(words, at, owner, 0)? {
        Seized::Yes(locked) => Ok(Some(locked)),
        Seized::Owned(_) => Ok(None),
    }
}

/// Locks the mutex. Returns `None` if `deadline` comes first.
pub(crate) fn lock<W: Words>(
    words: &W,
    at: usize,
    owner: Owner,
    deadline: Option<Instant>,
) -> Result<Option<Locked>, W::Error> {
    // The first attempt finds no thread asleep. A later one has to pass on that others may sleep.
    let (mut waiters, mut slice) = (0, FIRST_SLICE);
    loop {
        let word = match seize(words, at, owner, waiters)? {
            Seized::Yes(locked) => return Ok(Some(locked)),
            Seized::Owned(word) => word,
        };
        waiters = WAITERS;
        let waiting = word | WAITERS;
        if word != waiting && words.compare_exchange(at, word, waiting)?.is_err() {
            continue;
        }
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        words.sleep(at, waiting, left.map_or(slice, |left| left.min(slice)))?;
        slice = (2 * slice).min(LAST_SLICE);
    }
}

enum Seized {
    Yes(Locked),
    /// The owner of this word exists.
    Owned(u64),
}

/// Takes the lock unless its owner exists.
fn seize<W: Words>(words: &W, at: usize, owner: Owner, waiters: u64) -> Result<Seized, W::Error> {
    // Most locks are unlocked and consistent.
    let (mut word, _) = first_exchange(owner);
    loop {
        let former = word >> ID_SHIFT;
        let has_crashed = former != 0 && former != owner.id && !words.is_alive(former)?;
        if former != 0 && !has_crashed {
            return Ok(Seized::Owned(word));
        }
        let dirty = if has_crashed { DIRTY } else { word & DIRTY };
        let new = owner.id << ID_SHIFT | dirty | word & WAITERS | waiters;
        match words.compare_exchange(at, word, new)? {
            Ok(_) => return locked(words, at, owner, dirty != 0).map(Seized::Yes),
            Err(other) => word = other,
        }
    }
}

fn locked<W: Words>(
    words: &W,
    at: usize,
    owner: Owner,
    owner_died: bool,
) -> Result<Locked, W::Error> {
    words.store_hint(at + PID, owner.pid)?;
    Ok(Locked { owner_died })
}

/// Unlocks the mutex. `is_dirty`: a crash of an owner is reported to the next one too.
pub(crate) fn unlock<W: Words>(words: &W, at: usize, is_dirty: bool) -> Result<(), W::Error> {
    let former = words.swap(at, unlocked(is_dirty))?;
    if has_waiters(former) { words.wake_one(at) } else { Ok(()) }
}
