//! Which processes take part in a channel: joining, leaving, and whether the other side is gone.
//!
//! Each side has these words:
//!
//! | word | |
//! |---|---|
//! | joined | how many processes have joined |
//! | left | bit 0: the last one that left has crashed. Bits 1 to 31: how many have crashed. Bits 32 to 63: a number that each departure changes |
//! | 64 ids | the processes that are there; 0: free. Bit 63: it has joined in a fork, and has not used the channel yet |
//!
//! A process is there from the store of its id to the exchange that removes it. Each is one
//! operation, and the kernel knows whether the process with an id exists. A process that crashes
//! leaves its id. The next one that joins counts the crash and removes the id, in this order: if it
//! crashes in between, the crash is counted again, which changes no answer.
//!
//! A forked child joins during the fork, and may then execute another program, or end. As long as
//! bit 63 is set, that is no crash.
//!
//! [`join`] and [`Others::new`] exclude each other by a lock of the caller. [`leave`] and
//! [`presence`] need no lock, so they never wait for a process that is stopped in the other two,
//! and work in a process that cannot open the file again.
//!
//! [`presence`] has to find a process if one was there at each instant, although it loads one id
//! after the other. It loads all of them, then asks the kernel, and then loads all of them again.
//! If no word has changed, no process was there between the two: no id was removed since the first
//! load, because each removal changes `left` before; so each place had one id, or none, all the
//! time.

use super::{layout::PLACES, side::Side};
use crate::ipc::words::Memory;

/// The place of this process on one side. Its threads share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) side: Side,
    pub(super) at: usize,
    pub(super) id: u64,
}

/// Why a process joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Use,
    /// It is forked, and may never use the channel.
    Fork,
}

/// What a process knows about the other side. A forked child continues with that of its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Others {
    /// How many had joined, and how many had crashed, when this process joined.
    joined: u64,
    crashes: u64,
    /// The word `left` before the last look that found a process, or that found that none was ever
    /// there.
    seen: u64,
    /// Whether a process was there when this one joined, or since.
    were_there: bool,
    are_gone: bool,
}

/// The processes of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    NeverThere,
    /// `died`: one of them has crashed.
    Gone {
        died: bool,
    },
}

impl Others {
    /// Looks at the side `other`. The caller holds the lock.
    pub(crate) fn new<M: Memory>(memory: &M, other: Side) -> Result<Others, M::Error> {
        // Loaded before the look: a departure that comes after it must still be noticed.
        let seen = memory.load(other.left())?;
        let were_there = remove_ended(memory, other)?;
        let crashes = crashes(memory.load(other.left())?);
        let joined = memory.load(other.joined())?;
        Ok(Others { joined, crashes, seen, were_there, are_gone: false })
    }

    /// Notes that a message came: a sender was there, even if it had left before. Returns whether
    /// that is new.
    pub(crate) fn note_message(&mut self) -> bool {
        !std::mem::replace(&mut self.were_there, true)
    }

    fn note_there(&mut self, seen: u64) {
        self.seen = seen;
        self.were_there = true;
        self.are_gone = false;
    }

    /// No process was there at one instant, at which these were the words.
    fn note_none(&mut self, counts: Counts, words: &[u64; PLACES]) -> Presence {
        let Counts { joined, left } = counts;
        let has_crashed = crashes(left) != self.crashes || words.iter().any(|&it| is_used(it));
        // A process that ended before it counted as joined is noticed by its id.
        let has_id = words.iter().any(|&word| word != 0);
        self.were_there |= has_crashed || has_id || joined != self.joined;
        self.are_gone = self.were_there;
        if self.were_there {
            // Those that sent the messages may have left before this process joined.
            return Presence::Gone { died: has_crashed || left & CRASHED != 0 };
        }
        self.seen = left;
        Presence::NeverThere
    }
}

/// Changed by each process that comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    joined: u64,
    left: u64,
}

impl Counts {
    fn load<M: Memory>(memory: &M, side: Side) -> Result<Counts, M::Error> {
        Ok(Counts { joined: memory.load(side.joined())?, left: memory.load(side.left())? })
    }
}

/// Joins `side` as the process `id`, which must be alive. Returns `None` if 64 other processes are
/// there. The caller holds the lock.
///
/// A process that has an id there already, because an earlier `leave` has failed, gets that place.
pub(crate) fn join<M: Memory>(
    memory: &M,
    side: Side,
    id: u64,
    reason: Reason,
) -> Result<Option<(Place, Others)>, M::Error> {
    remove_ended(memory, side)?;
    let others = Others::new(memory, side.other())?;
    let Some(at) = place_for(memory, side, id)? else { return Ok(None) };
    // The id first: if this process crashes before it counts, its id still shows that it was there.
    memory.store(at, if reason == Reason::Fork { id | UNUSED } else { id })?;
    count_joined(memory, side)?;
    Ok(Some((Place { side, at, id }, others)))
}

/// The caller holds the lock.
fn count_joined<M: Memory>(memory: &M, side: Side) -> Result<(), M::Error> {
    let joined = memory.load(side.joined())?;
    memory.store(side.joined(), joined.wrapping_add(1))
}

/// Returns the place that has `id`, or else a free one.
fn place_for<M: Memory>(memory: &M, side: Side, id: u64) -> Result<Option<usize>, M::Error> {
    let mut free = None;
    for at in side.places() {
        match id_of(memory.load(at)?) {
            found if found == id => return Ok(Some(at)),
            0 => free = free.or(Some(at)),
            _ => {}
        }
    }
    Ok(free)
}

/// The process has joined in a fork, and uses the channel from now on.
pub(crate) fn use_place<M: Memory>(memory: &M, place: &Place) -> Result<(), M::Error> {
    memory.compare_exchange(place.at, place.id | UNUSED, place.id).map(drop)
}

/// Leaves, if this process has the place. The second time, and in a forked child, it has not. The
/// caller then notifies both event counts.
pub(crate) fn leave<M: Memory>(memory: &M, place: &Place) -> Result<(), M::Error> {
    let word = memory.load(place.at)?;
    if memory.owner()?.id != place.id || id_of(word) != place.id {
        return Ok(());
    }
    // Before the id is removed, so that the process that finds no id finds how this one has left.
    change(memory, place.side, closed)?;
    let removed = memory.compare_exchange(place.at, word, 0)?;
    // Again: a process may have seen the first change and then the id.
    if removed.is_ok() { change(memory, place.side, changed) } else { Ok(()) }
}

/// How often [`presence`] looks.
const LOOKS: u32 = 2;

/// Returns which processes are on the side `other`, without a lock. `None`: processes come and go
/// all the time.
///
/// Processes that were there before [`Presence::Gone`] do nothing after it. So the caller looks for
/// messages after this call, not before it.
pub(crate) fn presence<M: Memory>(
    memory: &M,
    other: Side,
    others: &mut Others,
) -> Result<Option<Presence>, M::Error> {
    for _ in 0..LOOKS {
        let (counts, words) = (Counts::load(memory, other)?, words(memory, other)?);
        if is_any_alive(memory, &words)? {
            others.note_there(counts.left);
            return Ok(Some(Presence::There));
        }
        // The ids before the counts, which a process changes before it removes its id.
        if self::words(memory, other)? == words && Counts::load(memory, other)? == counts {
            return Ok(Some(others.note_none(counts, &words)));
        }
    }
    Ok(None)
}

/// Loads the ids.
fn words<M: Memory>(memory: &M, side: Side) -> Result<[u64; PLACES], M::Error> {
    let mut words = [0; PLACES];
    for (word, at) in words.iter_mut().zip(side.places()) {
        *word = memory.load(at)?;
    }
    Ok(words)
}

/// Returns whether [`presence`] is worth asking: a process has left since a process was last found.
/// One load. A crash that no process has noticed changes nothing.
pub(crate) fn is_in_doubt<M: Memory>(
    memory: &M,
    other: Side,
    others: &Others,
) -> Result<bool, M::Error> {
    Ok(others.are_gone || memory.load(other.left())? != others.seen)
}

/// Returns how many processes of that side are alive, for humans.
pub(crate) fn count<M: Memory>(memory: &M, side: Side) -> Result<usize, M::Error> {
    let words = words(memory, side)?;
    words.iter().try_fold(0, |count, &word| Ok(count + usize::from(is_alive(memory, word)?)))
}

fn is_any_alive<M: Memory>(memory: &M, words: &[u64]) -> Result<bool, M::Error> {
    for &word in words {
        if is_alive(memory, word)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_alive<M: Memory>(memory: &M, word: u64) -> Result<bool, M::Error> {
    Ok(id_of(word) != 0 && memory.is_alive(id_of(word))?)
}

/// Removes the ids of processes that have ended. Returns whether a process is there. The caller
/// holds the lock.
fn remove_ended<M: Memory>(memory: &M, side: Side) -> Result<bool, M::Error> {
    let mut is_any = false;
    for at in side.places() {
        let word = memory.load(at)?;
        if is_alive(memory, word)? {
            is_any = true;
        } else if word != 0 {
            remove(memory, side, at, id_of(word))?;
        }
    }
    Ok(is_any)
}

/// Removes the id of a process that has ended.
fn remove<M: Memory>(memory: &M, side: Side, at: usize, id: u64) -> Result<(), M::Error> {
    // Loaded again: the process may have left, or used its place, before it ended.
    let word = memory.load(at)?;
    if id_of(word) != id {
        return Ok(());
    }
    if is_used(word) {
        change(memory, side, crashed)?;
    } else {
        // Counted again: it may have ended before it counted.
        count_joined(memory, side)?;
        change(memory, side, changed)?;
    }
    memory.compare_exchange(at, word, 0).map(drop)
}

const UNUSED: u64 = 1 << 63;

fn id_of(word: u64) -> u64 {
    word & !UNUSED
}

/// Whether the process with this id has used the channel. If it ends, it has crashed.
fn is_used(word: u64) -> bool {
    word != 0 && word & UNUSED == 0
}

const CRASHED: u64 = 1;
const CRASHES: u64 = u32::MAX as u64 & !CRASHED;
const ONE_CRASH: u64 = CRASHED + 1;
const ONE_CHANGE: u64 = 1 << 32;

fn crashes(left: u64) -> u64 {
    left & CRASHES
}

fn changed(left: u64) -> u64 {
    left.wrapping_add(ONE_CHANGE)
}

fn closed(left: u64) -> u64 {
    changed(left) & !CRASHED
}

/// If the number of crashes overflows, it changes the other number once more.
fn crashed(left: u64) -> u64 {
    left.wrapping_add(ONE_CHANGE + ONE_CRASH) | CRASHED
}

/// After so many failed exchanges, other processes change the word all the time.
const ATTEMPTS: u32 = 100;

/// Changes the word `left`.
fn change<M: Memory>(memory: &M, side: Side, new: fn(u64) -> u64) -> Result<(), M::Error> {
    let mut left = memory.load(side.left())?;
    for _ in 0..ATTEMPTS {
        match memory.compare_exchange(side.left(), left, new(left))? {
            Ok(_) => return Ok(()),
            Err(other) => left = other,
        }
    }
    Ok(())
}
