//! Which processes take part in a channel: joining, leaving, and whether the other side is gone.
//!
//! Each side has these words:
//!
//! | word | |
//! |---|---|
//! | joined | how many processes have joined |
//! | left | bit 0: the last one that left has crashed. Bits 1 to 31: how many have crashed. Bits 32 to 63: a number that each departure changes |
//! | 64 ids | the processes that are there; 0: free |
//!
//! A process is there from the store of its id to the exchange that removes it. Each is one
//! operation, and the kernel knows whether the process with an id exists. A process that crashes
//! leaves its id. The next one that looks counts the crash and removes the id, in this order: if it
//! crashes in between, the crash is counted again, which changes no answer.
//!
//! [`join`] and [`presence`] exclude each other by a lock of the caller. Otherwise `presence` could
//! look at a free place before one process joins there, and at the place of another one after that
//! one has left, and find no process although at each instant one was there. [`leave`] needs no
//! lock, so it never waits for a process that is stopped in the other two.

use super::side::Side;
use crate::ipc::words::Memory;

/// The place of this process on one side. Its threads share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) side: Side,
    pub(super) at: usize,
    pub(super) id: u64,
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
        let were_there = remove_crashed(memory, other)?;
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
}

/// Joins `side` as the process `id`, which must be alive. Returns `None` if 64 other processes are
/// there. The caller holds the lock.
///
/// A process that has an id there already, because an earlier `leave` has failed, gets that place.
pub(crate) fn join<M: Memory>(
    memory: &M,
    side: Side,
    id: u64,
) -> Result<Option<(Place, Others)>, M::Error> {
    remove_crashed(memory, side)?;
    let others = Others::new(memory, side.other())?;
    let joined = memory.load(side.joined())?;
    let Some(at) = place_for(memory, side, id)? else { return Ok(None) };
    // The id first: if this process crashes before it counts, its id still shows that it was there.
    memory.store(at, id)?;
    memory.store(side.joined(), joined.wrapping_add(1))?;
    Ok(Some((Place { side, at, id }, others)))
}

/// Returns the place that has `id`, or else a free one.
fn place_for<M: Memory>(memory: &M, side: Side, id: u64) -> Result<Option<usize>, M::Error> {
    let mut free = None;
    for at in side.places() {
        match memory.load(at)? {
            found if found == id => return Ok(Some(at)),
            0 => free = free.or(Some(at)),
            _ => {}
        }
    }
    Ok(free)
}

/// Leaves, if this process has the place. The second time, and in a forked child, it has not. The
/// caller then notifies both event counts.
pub(crate) fn leave<M: Memory>(memory: &M, place: &Place) -> Result<(), M::Error> {
    if memory.owner()?.id != place.id || memory.load(place.at)? != place.id {
        return Ok(());
    }
    // Before the id is removed, so that the process that finds no id finds how this one has left.
    change(memory, place.side, closed)?;
    let removed = memory.compare_exchange(place.at, place.id, 0)?;
    // Again: a process may have seen the first change and then the id.
    if removed.is_ok() { change(memory, place.side, changed) } else { Ok(()) }
}

/// Returns which processes are on the side `other`. The caller holds the lock.
///
/// After [`Presence::Gone`] no process of that side does anything. So the caller looks for messages
/// after this call, not before it.
pub(crate) fn presence<M: Memory>(
    memory: &M,
    other: Side,
    others: &mut Others,
) -> Result<Presence, M::Error> {
    let seen = memory.load(other.left())?;
    if remove_crashed(memory, other)? {
        others.note_there(seen);
        return Ok(Presence::There);
    }
    let left = memory.load(other.left())?;
    let has_crashed = crashes(left) != others.crashes;
    // A process that crashed before it counted as joined is noticed by its crash.
    others.were_there |= has_crashed || memory.load(other.joined())? != others.joined;
    others.are_gone = others.were_there;
    if others.were_there {
        // Those that sent the messages may have left before this process joined.
        return Ok(Presence::Gone { died: has_crashed || left & CRASHED != 0 });
    }
    others.seen = seen;
    Ok(Presence::NeverThere)
}

/// Returns whether [`is_any_alive`] is worth asking: a process has left since a process was last
/// found. One load, without the lock. A crash that no process has noticed changes nothing.
pub(crate) fn is_in_doubt<M: Memory>(
    memory: &M,
    other: Side,
    others: &Others,
) -> Result<bool, M::Error> {
    Ok(others.are_gone || memory.load(other.left())? != others.seen)
}

/// Returns whether a process of that side is alive, without the lock. Only `false` can be wrong: it
/// is a reason to ask [`presence`].
pub(crate) fn is_any_alive<M: Memory>(
    memory: &M,
    other: Side,
    others: &mut Others,
) -> Result<bool, M::Error> {
    let seen = memory.load(other.left())?;
    for at in other.places() {
        if is_alive(memory, memory.load(at)?)? {
            others.note_there(seen);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns how many processes of that side are alive, for humans.
pub(crate) fn count<M: Memory>(memory: &M, side: Side) -> Result<usize, M::Error> {
    let mut count = 0;
    for at in side.places() {
        count += usize::from(is_alive(memory, memory.load(at)?)?);
    }
    Ok(count)
}

fn is_alive<M: Memory>(memory: &M, id: u64) -> Result<bool, M::Error> {
    Ok(id != 0 && memory.is_alive(id)?)
}

/// Removes the ids of crashed processes. Returns whether a process is there.
fn remove_crashed<M: Memory>(memory: &M, side: Side) -> Result<bool, M::Error> {
    let mut is_any = false;
    for at in side.places() {
        let id = memory.load(at)?;
        if is_alive(memory, id)? {
            is_any = true;
        } else if id != 0 && memory.load(at)? == id {
            // Loaded again: a process that left, and then ended, has not crashed.
            change(memory, side, crashed)?;
            let _ = memory.compare_exchange(at, id, 0)?;
        }
    }
    Ok(is_any)
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
