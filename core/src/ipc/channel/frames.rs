//! Frames: how messages lie in the ring, how they are sent, and how they are taken.
//!
//! Positions only grow, modulo 2^64; the offset in the ring is the position modulo the capacity. A
//! frame is a header and a payload, up to the next multiple of 8. The payload is the message,
//! behind its number if the number of messages is limited.
//!
//! | bits of the header | |
//! |---|---|
//! | 0–31 | bytes of the payload |
//! | 32–61 | position / 8, modulo 2^30 |
//! | 62 | 0 |
//! | 63 | 1 |
//!
//! **The store of the header sends the message**, and the word behind the last frame is always 0.
//! The store of `HEAD` takes it. A process that crashes between two steps leaves this:
//!
//! | sender, has the senders' mutex | crash behind it |
//! |---|---|
//! | S0 read `TAIL` and the header there; if that is not 0, move `SENT` and `TAIL` behind the frame | nothing |
//! | S1 check the space, with 8 bytes for the word behind the frame | nothing |
//! | S2 copy the message | bytes that no process reads |
//! | S3 store 0 behind the frame | the same |
//! | S4 store the header | the message; the next sender's S0 moves the tail |
//! | S5 store `SENT`, then `TAIL` | the message |
//!
//! | receiver, has the receivers' mutex | crash behind it |
//! |---|---|
//! | R0 read the header at `HEAD`; 0: empty | nothing |
//! | R1 check it | nothing |
//! | R2 copy the message | nothing |
//! | R3 store `HEAD` | the message is gone |
//!
//! Why this is right:
//!
//! - Between `HEAD` and the tail are complete frames. No sender writes there: its frame and the 0
//!   behind it end at `HEAD` plus the capacity at the latest.
//! - S3 comes before S4. Otherwise a receiver would take bytes of an older message for a header.
//! - S0 stores the new tail *before* S2. Otherwise two crashes would be fatal: the first one behind
//!   S4; then the message is taken; the second one in S2, which may overwrite the header at the old
//!   tail. So the tail is at most one frame behind, and S0 reads two headers at most.
//! - `SENT` comes before `TAIL`. Otherwise a crash between them would leave a number that is used
//!   twice. In this order S0 finds the frame, whose number is `SENT` or one less.
//! - A crashed sender may have left `TAIL` behind `HEAD`: the two are compared behind S0 only.
//! - The sender may read the number of the oldest message while receivers take messages: only
//!   senders write to the ring, and it has their mutex.
//! - The position in a header finds damage; no step relies on it. It repeats after 8 GiB.
//! - Without a mutex, the word at `HEAD` is a header if `HEAD` is the same afterwards: it only
//!   grows, and senders overwrite a frame after they have read a greater one. (This needs a
//!   processor on which all others see a store at once, as on x86-64 and aarch64.)

use std::ops::Range;

use super::layout::{GREATEST_CAPACITY, HEAD, LEAST_CAPACITY, RING, SENT, TAIL};
use crate::ipc::words::Memory;

/// The size of a header, of a number, and of the word behind the last frame.
const WORD: u64 = 8;
const IS_FRAME: u64 = 1 << 63;
const LEN_BITS: u32 = 32;
const STAMP: u64 = (1 << 30) - 1;

/// How often a thread without the mutex reads again what changes during the call.
const ATTEMPTS: u32 = 8;

/// The geometry of a ring, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(super) capacity: u64,
    /// The greatest number of messages. 0: no limit.
    pub(super) most: u64,
}

impl Ring {
    /// Returns `None` if the capacity is not possible. `most` is the greatest number of messages,
    /// or 0 for no limit.
    pub(crate) fn new(capacity: u64, most: u64) -> Option<Ring> {
        let is_possible = capacity.is_power_of_two()
            && (LEAST_CAPACITY..=GREATEST_CAPACITY).contains(&capacity)
            && capacity < (isize::MAX as u64) - RING as u64;
        is_possible.then_some(Ring { capacity, most })
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The greatest number of messages, if it is limited.
    pub(crate) fn max_messages(&self) -> Option<u64> {
        self.is_numbered().then_some(self.most)
    }

    /// The length of the longest message.
    pub(crate) fn longest(&self) -> usize {
        (self.capacity - WORD - self.prefix()) as usize
    }

    /// The bytes of the ring that a message occupies.
    pub(crate) fn frame_len(&self, len: usize) -> u64 {
        (len as u64).saturating_add(self.prefix() + WORD - 1) & !(WORD - 1)
    }

    /// Returns where the `len` bytes at `position` are: offsets in the map, and which of the bytes
    /// are there.
    pub(crate) fn pieces(
        &self,
        position: u64,
        len: usize,
    ) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let first = (len as u64).min(self.capacity - self.offset(position)) as usize;
        let pieces = [(self.at(position), 0..first), (RING, first..len)];
        pieces.into_iter().filter(|(_, bytes)| !bytes.is_empty())
    }

    /// Which part of the ring these messages took up, of its bytes or of its number of messages,
    /// whichever is greater; as a number of bytes.
    pub(crate) fn freed_by(&self, bytes: u64, messages: usize) -> u64 {
        let share = self.capacity.checked_div(self.most).unwrap_or(0);
        bytes.max(share.saturating_mul(messages as u64))
    }

    fn is_numbered(&self) -> bool {
        self.most != 0
    }

    /// The bytes before a message in its frame.
    pub(super) fn prefix(&self) -> u64 {
        if self.is_numbered() { 2 * WORD } else { WORD }
    }

    fn offset(&self, position: u64) -> u64 {
        position & (self.capacity - 1)
    }

    /// The offset in the map.
    pub(super) fn at(&self, position: u64) -> usize {
        RING + self.offset(position) as usize
    }

    /// Returns the length of the message whose frame begins at `position` with `header`, or `None`
    /// if that is not a header.
    fn message_len(&self, position: u64, header: u64) -> Option<usize> {
        let payload = header ^ header_of(position, 0);
        let len = payload.checked_sub(self.prefix() - WORD)?;
        (len <= self.longest() as u64).then_some(len as usize)
    }

    /// Whether `used` bytes leave space for a frame of `needed` bytes and the word behind it.
    fn has_bytes(&self, used: u64, needed: u64) -> bool {
        used <= self.capacity && needed <= self.capacity && used + needed + WORD <= self.capacity
    }
}

pub(super) fn header_of(position: u64, payload: u64) -> u64 {
    IS_FRAME | ((position / WORD) & STAMP) << LEN_BITS | payload
}

/// A position between two frames, and the number of the message there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    position: u64,
    number: u64,
}

/// Where a message will be. Only the thread that has the senders' mutex has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// The position of the message, for [`Ring::pieces`].
    pub(crate) start: u64,
    pub(crate) len: usize,
    number: u64,
}

/// Why there is no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    end: Mark,
    needed: u64,
}

/// S0 and S1: returns the space for a message of `len` bytes. `front` is what this handle last knew
/// of the oldest message, at first `None`.
pub(crate) fn reserve<M: Memory>(
    memory: &M,
    ring: &Ring,
    len: usize,
    front: &mut Option<Mark>,
) -> Result<Result<Room, Full>, M::Error> {
    let end = end(memory, ring)?;
    let needed = ring.frame_len(len);
    if !front.is_some_and(|front| has_space_between(ring, front, end, needed)) {
        let newer = *front.insert(front_before(memory, ring, end)?);
        if !has_space_between(ring, newer, end, needed) {
            return Ok(Err(Full { end, needed }));
        }
    }
    let start = end.position.wrapping_add(ring.prefix());
    Ok(Ok(Room { start, len, number: end.number }))
}

/// S0. Returns the end of the last frame.
#[inline]
fn end<M: Memory>(memory: &M, ring: &Ring) -> Result<Mark, M::Error> {
    let position = aligned(memory, TAIL)?;
    let number = if ring.is_numbered() { memory.load(SENT)? } else { 0 };
    let end = Mark { position, number };
    match memory.load(ring.at(position))? {
        0 => Ok(end),
        header => behind_frame(memory, ring, end, header),
    }
}

/// Completes the work of a sender that crashed behind S4.
#[cold]
fn behind_frame<M: Memory>(
    memory: &M,
    ring: &Ring,
    hint: Mark,
    header: u64,
) -> Result<Mark, M::Error> {
    let at = ring.at(hint.position);
    let len = ring.message_len(hint.position, header).ok_or_else(|| memory.corrupt(at))?;
    let position = hint.position.wrapping_add(ring.frame_len(len));
    let mut number = hint.number;
    if ring.is_numbered() {
        number = number_at(memory, ring, hint.position)?.wrapping_add(1);
        if number.wrapping_sub(hint.number) > 1 {
            return Err(memory.corrupt(SENT));
        }
    }
    let end = Mark { position, number };
    store_end(memory, ring, end)?;
    match memory.load(ring.at(position))? {
        0 => Ok(end),
        _ => Err(memory.corrupt(ring.at(position))),
    }
}

/// Where the oldest message is, if the last frame ends at `end`.
fn front_before<M: Memory>(memory: &M, ring: &Ring, end: Mark) -> Result<Mark, M::Error> {
    let position = aligned(memory, HEAD)?;
    let used = end.position.wrapping_sub(position);
    if !ring.has_bytes(used, 0) {
        return Err(memory.corrupt(HEAD));
    }
    if used == 0 || !ring.is_numbered() {
        return Ok(Mark { position, number: end.number });
    }
    let number = number_at(memory, ring, position)?;
    let count = end.number.wrapping_sub(number);
    if count == 0 || count > ring.most.min(used / ring.prefix()) {
        return Err(memory.corrupt(ring.at(position.wrapping_add(WORD))));
    }
    Ok(Mark { position, number })
}

/// Whether a frame of `needed` bytes fits behind `end`. `front` may be an older one.
#[inline]
fn has_space_between(ring: &Ring, front: Mark, end: Mark, needed: u64) -> bool {
    ring.has_bytes(end.position.wrapping_sub(front.position), needed)
        && (!ring.is_numbered() || end.number.wrapping_sub(front.number) < ring.most)
}

/// S3 to S5: sends the message that was copied to that space.
pub(crate) fn publish<M: Memory>(memory: &M, ring: &Ring, room: &Room) -> Result<(), M::Error> {
    let start = room.start.wrapping_sub(ring.prefix());
    let end = start.wrapping_add(ring.frame_len(room.len));
    if ring.is_numbered() {
        memory.store(ring.at(start.wrapping_add(WORD)), room.number)?;
    }
    memory.store(ring.at(end), 0)?;
    let payload = room.len as u64 + ring.prefix() - WORD;
    memory.store(ring.at(start), header_of(start, payload))?;
    store_end(memory, ring, Mark { position: end, number: room.number.wrapping_add(1) })
}

/// S5.
#[inline]
fn store_end<M: Memory>(memory: &M, ring: &Ring, end: Mark) -> Result<(), M::Error> {
    if ring.is_numbered() {
        memory.store(SENT, end.number)?;
    }
    memory.store(TAIL, end.position)
}

/// A message. Only the thread that has the receivers' mutex has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The position of the message, for [`Ring::pieces`].
    pub(crate) start: u64,
    pub(crate) len: usize,
    /// The bytes from `HEAD` to the end of the frame.
    pub(crate) through: u64,
}

impl Frame {
    pub(super) fn end(&self) -> u64 {
        self.start.wrapping_add((self.len as u64).next_multiple_of(WORD))
    }
}

/// R0 and R1: returns the oldest message.
pub(crate) fn first<M: Memory>(memory: &M, ring: &Ring) -> Result<Option<Frame>, M::Error> {
    let head = aligned(memory, HEAD)?;
    frame_at(memory, ring, head, 0)
}

/// Returns the message behind `frame`, which was not taken yet.
pub(crate) fn next<M: Memory>(
    memory: &M,
    ring: &Ring,
    frame: &Frame,
) -> Result<Option<Frame>, M::Error> {
    frame_at(memory, ring, frame.end(), frame.through)
}

/// `before`: the bytes between `HEAD` and `position`.
#[inline]
fn frame_at<M: Memory>(
    memory: &M,
    ring: &Ring,
    position: u64,
    before: u64,
) -> Result<Option<Frame>, M::Error> {
    let at = ring.at(position);
    let header = memory.load(at)?;
    if header == 0 {
        return Ok(None);
    }
    let len = ring.message_len(position, header).ok_or_else(|| memory.corrupt(at))?;
    let needed = ring.frame_len(len);
    if !ring.has_bytes(before, needed) {
        return Err(memory.corrupt(at));
    }
    let start = position.wrapping_add(ring.prefix());
    Ok(Some(Frame { start, len, through: before + needed }))
}

/// R3: takes all messages up to `frame`, which is included.
pub(crate) fn take<M: Memory>(memory: &M, frame: &Frame) -> Result<(), M::Error> {
    memory.store(HEAD, frame.end())
}

/// Returns whether no message is in the ring. Without a mutex: that may change at once.
pub(crate) fn is_empty<M: Memory>(memory: &M, ring: &Ring) -> Result<bool, M::Error> {
    let mut head = aligned(memory, HEAD)?;
    for _ in 0..ATTEMPTS {
        let header = memory.load(ring.at(head))?;
        let now = aligned(memory, HEAD)?;
        if now == head {
            return Ok(header == 0);
        }
        head = now;
    }
    // Messages are taken all the time.
    Ok(false)
}

/// Returns the number of messages. Without a mutex, for humans: it may count messages that are
/// taken during the call. It is one too small if messages have numbers and the last sender crashed
/// between S4 and S5.
pub(crate) fn count<M: Memory>(memory: &M, ring: &Ring) -> Result<u64, M::Error> {
    if ring.is_numbered() { difference(memory, ring) } else { walk(memory, ring) }
}

fn difference<M: Memory>(memory: &M, ring: &Ring) -> Result<u64, M::Error> {
    let (mut head, mut count) = (aligned(memory, HEAD)?, 0);
    for _ in 0..ATTEMPTS {
        let header = memory.load(ring.at(head))?;
        let number = number_at(memory, ring, head)?;
        let now = aligned(memory, HEAD)?;
        count = match header {
            0 => 0,
            _ => memory.load(SENT)?.wrapping_sub(number).clamp(1, ring.most),
        };
        if now == head {
            break;
        }
        head = now;
    }
    Ok(count)
}

/// Counts the headers.
fn walk<M: Memory>(memory: &M, ring: &Ring) -> Result<u64, M::Error> {
    let mut position = aligned(memory, HEAD)?;
    let (mut count, mut before) = (0, 0);
    for _ in 0..ring.capacity / WORD {
        let header = memory.load(ring.at(position))?;
        let head = aligned(memory, HEAD)?;
        if head.wrapping_sub(position) as i64 > 0 {
            // The message was taken; the word may be another one.
            (position, count, before) = (head, 0, 0);
            continue;
        }
        let Some(len) = ring.message_len(position, header) else { break };
        let needed = ring.frame_len(len);
        if !ring.has_bytes(before, needed) {
            break;
        }
        (position, count, before) = (position.wrapping_add(needed), count + 1, before + needed);
    }
    Ok(count)
}

/// Returns whether there may be space now that was not there when `full` was returned. Without a
/// mutex: another sender may be faster.
pub(crate) fn has_space<M: Memory>(memory: &M, ring: &Ring, full: &Full) -> Result<bool, M::Error> {
    let head = aligned(memory, HEAD)?;
    let used = full.end.position.wrapping_sub(head);
    if used > ring.capacity {
        // Newer messages were taken too.
        return Ok(true);
    }
    if !ring.has_bytes(used, full.needed) {
        return Ok(false);
    }
    if used == 0 || !ring.is_numbered() {
        return Ok(true);
    }
    let number = number_at(memory, ring, head)?;
    let is_outdated = aligned(memory, HEAD)? != head;
    Ok(is_outdated || full.end.number.wrapping_sub(number) < ring.most)
}

/// Loads a position.
#[inline]
fn aligned<M: Memory>(memory: &M, at: usize) -> Result<u64, M::Error> {
    let position = memory.load(at)?;
    if position % WORD == 0 { Ok(position) } else { Err(memory.corrupt(at)) }
}

/// Loads the number of the message whose frame begins at `position`.
fn number_at<M: Memory>(memory: &M, ring: &Ring, position: u64) -> Result<u64, M::Error> {
    memory.load(ring.at(position.wrapping_add(WORD)))
}
