//! Processes that send and receive on simulated memory, compared with a reference model.
//!
//! The reference is a queue of messages. A message enters it when its header is in the memory, and
//! leaves it when `HEAD` is behind it: these two stores commit.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use crate::ipc::{
    channel::{
        frames::{self, Frame, Mark, Ring, header_of},
        layout::{
            HEAD, RECEIVERS_EVENTS, RECEIVERS_MUTEX, RING, SENDERS_EVENTS, SENDERS_MUTEX, SENT,
            TAIL,
        },
    },
    event_count,
    mutex::protocol::{lock, unlock},
    simulated::{Memory, Process, Stop},
};

/// What a process does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// Sends messages of these lengths, until the ring is full.
    Send(&'static [usize]),
    /// Receives so many messages at once, or all.
    Receive(usize),
}

pub(super) const ALL: usize = usize::MAX;

/// What survivors send in the end.
const FINAL: [&[usize]; 3] = [&[], &[0; 9], &[30]];

/// A channel, and what has to be in it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) memory: Memory,
    pub(super) ring: Ring,
    messages: RefCell<VecDeque<Vec<u8>>>,
    /// The process that publishes, the position of its frame, and the message.
    sending: RefCell<Option<(u64, u64, Vec<u8>)>>,
    /// The process that takes messages, their end, and their number.
    taking: Cell<Option<(u64, u64, usize)>>,
    /// The first byte of the next message.
    seed: Cell<u8>,
    processes: Cell<u64>,
    failure: RefCell<Option<String>>,
}

impl World {
    /// A channel whose next message begins at `position`. The ring is full of words that could be
    /// headers.
    pub(super) fn new(ring: Ring, position: u64) -> World {
        let memory = Memory::default();
        memory.len.set(RING + ring.capacity as usize);
        for i in 0..ring.capacity / 8 {
            let at = position.wrapping_add(8 * i);
            memory.set(ring.at(at), header_of(at, ring.prefix() - 8));
        }
        memory.set(ring.at(position), 0);
        memory.set(HEAD, position);
        memory.set(TAIL, position);
        if ring.most != 0 {
            memory.set(SENT, u64::MAX);
        }
        World {
            memory,
            ring,
            messages: RefCell::default(),
            sending: RefCell::default(),
            taking: Cell::default(),
            seed: Cell::new(1),
            processes: Cell::new(10),
            failure: RefCell::default(),
        }
    }

    /// A process that crashes before its operation `crash`.
    pub(super) fn process(&self, crash: Option<usize>) -> Process<'_> {
        self.processes.set(self.processes.get() + 1);
        Process::new(&self.memory, self.processes.get(), crash)
    }

    /// Runs a process, which may crash, or wait for a lock.
    pub(super) fn run(&self, process: &Process<'_>, job: Job) -> Result<(), Stop> {
        let result = match job {
            Job::Send(lens) => self.send(process, lens),
            Job::Receive(most) => self.receive(process, most),
        };
        self.settle();
        self.sending.borrow_mut().take_if(|(id, ..)| *id == process.id);
        self.taking.set(self.taking.get().filter(|(id, ..)| *id != process.id));
        self.check(result != Err(Stop::Corrupt), "a sound ring counts as corrupt");
        result
    }

    /// Runs a new process to its end.
    pub(super) fn run_survivor(&self, job: Job) {
        let result = self.run(&self.process(None), job);
        self.check(result == Ok(()), "a survivor waits for ever");
    }

    /// Lets survivors fill the ring behind what is there, and then continue as in `finish`.
    pub(super) fn fill_and_finish(&self) -> Option<String> {
        let full = self.clone();
        full.run_survivor(Job::Send(&[0; 9]));
        full.finish()
    }

    /// Lets survivors take what is there, fill the ring, and empty it again.
    pub(super) fn finish(&self) -> Option<String> {
        self.check_numbers();
        for lens in FINAL {
            self.run_survivor(Job::Send(lens));
            self.check_numbers();
            self.run_survivor(Job::Receive(ALL));
            self.check_numbers();
            self.check(self.messages.borrow().is_empty(), "a message was not received");
        }
        self.failure.take()
    }

    /// The number of messages, by the reference.
    pub(super) fn count(&self) -> usize {
        self.settle();
        self.messages.borrow().len()
    }

    fn check_numbers(&self) {
        let process = self.process(None);
        let count = self.messages.borrow().len();
        let is_empty = frames::is_empty(&process, &self.ring);
        self.check(is_empty == Ok(count == 0), "is_empty is wrong");
        let found = frames::count(&process, &self.ring);
        // A crashed sender may not have stored the number.
        let is_right = found == Ok(count as u64)
            || (self.ring.most != 0 && found.map(|found| found + 1) == Ok(count as u64));
        self.check(is_right, "count is wrong");
    }

    pub(super) fn send(&self, process: &Process<'_>, lens: &[usize]) -> Result<(), Stop> {
        let locked = lock(process, SENDERS_MUTEX, None)?.expect("there is no deadline");
        let mut front = None;
        for &len in lens {
            if !self.send_one(process, len, &mut front)? {
                break;
            }
        }
        let was_locked = unlock(process, SENDERS_MUTEX, locked, false)?;
        self.check(was_locked, "a sender lost its lock");
        event_count::notify(process, RECEIVERS_EVENTS)
    }

    fn send_one(
        &self,
        process: &Process<'_>,
        len: usize,
        front: &mut Option<Mark>,
    ) -> Result<bool, Stop> {
        let had_space = self.has_space(len);
        let room = match frames::reserve(process, &self.ring, len, front)? {
            Ok(room) => room,
            Err(full) => {
                self.check(!had_space, "full, but there is space");
                let is_ready = frames::has_space(process, &self.ring, &full)?;
                self.check(is_ready || !self.has_space(len), "a waiting sender misses the space");
                return Ok(false);
            }
        };
        self.check(self.has_space(len), "space in a full ring");
        let message = self.new_message(len);
        for (at, bytes) in self.ring.pieces(room.start, len) {
            process.write(at, &message[bytes])?;
        }
        let start = room.start.wrapping_sub(self.ring.prefix());
        *self.sending.borrow_mut() = Some((process.id, start, message));
        frames::publish(process, &self.ring, &room)?;
        self.settle();
        self.check(self.sending.borrow().is_none(), "a message was acknowledged, but not sent");
        Ok(true)
    }

    pub(super) fn receive(&self, process: &Process<'_>, most: usize) -> Result<(), Stop> {
        let locked = lock(process, RECEIVERS_MUTEX, None)?.expect("there is no deadline");
        let (mut last, mut count) = (None, 0);
        while count < most {
            let Some(frame) = self.receive_one(process, last.as_ref(), count)? else { break };
            (last, count) = (Some(frame), count + 1);
        }
        if let Some(last) = last {
            self.taking.set(Some((process.id, last.end(), count)));
            frames::take(process, &last)?;
            self.settle();
            self.check(self.taking.get().is_none(), "a message was not taken");
        }
        let was_locked = unlock(process, RECEIVERS_MUTEX, locked, false)?;
        self.check(was_locked, "a receiver lost its lock");
        event_count::notify(process, SENDERS_EVENTS)
    }

    /// Reads the message behind `last`, which has to be the one with the index `index`.
    fn receive_one(
        &self,
        process: &Process<'_>,
        last: Option<&Frame>,
        index: usize,
    ) -> Result<Option<Frame>, Stop> {
        let frame = match last {
            None => frames::first(process, &self.ring)?,
            Some(last) => frames::next(process, &self.ring, last)?,
        };
        self.settle();
        let expected = self.messages.borrow().get(index).cloned();
        let Some(frame) = frame else {
            self.check(expected.is_none(), "a message is lost");
            return Ok(None);
        };
        let mut message = Vec::new();
        for (at, bytes) in self.ring.pieces(frame.start, frame.len) {
            message.extend(process.read(at..at + bytes.len())?);
        }
        self.check(expected.is_some(), "a message came that was not sent, or twice");
        self.check(expected.as_ref() == Some(&message), "a message is torn, or out of order");
        // Do not continue beyond what was sent.
        if expected.is_some() { Ok(Some(frame)) } else { Err(Stop::Stuck) }
    }

    /// Applies stores that have committed to the reference.
    fn settle(&self) {
        let is_header = |at: u64| self.memory.word(self.ring.at(at)) >> 63 == 1;
        let sent = self.sending.borrow_mut().take_if(|(_, start, _)| is_header(*start));
        self.messages.borrow_mut().extend(sent.map(|(.., message)| message));
        let taking = self.taking.get().filter(|(_, end, _)| self.memory.word(HEAD) == *end);
        if let Some((.., count)) = taking {
            self.taking.set(None);
            let mut messages = self.messages.borrow_mut();
            let count = count.min(messages.len());
            messages.drain(..count);
        }
    }

    /// Whether a message of `len` bytes fits, by the reference.
    fn has_space(&self, len: usize) -> bool {
        self.settle();
        let numbered = self.ring.most != 0;
        let bytes = |len: usize| 8 + if numbered { 8 } else { 0 } + len.div_ceil(8) * 8;
        let messages = self.messages.borrow();
        let used: usize = messages.iter().map(|message| bytes(message.len())).sum();
        used + bytes(len) + 8 <= self.ring.capacity as usize
            && (!numbered || (messages.len() as u64) < self.ring.most)
    }

    /// Bytes that could be headers, and differ from those of other messages.
    fn new_message(&self, len: usize) -> Vec<u8> {
        self.seed.set(self.seed.get().wrapping_add(1));
        (0..len).map(|i| 0x80 | self.seed.get().wrapping_mul(3).wrapping_add(i as u8)).collect()
    }

    /// Keeps the first failure.
    fn check(&self, is_right: bool, failure: &str) {
        if !is_right {
            self.failure.borrow_mut().get_or_insert_with(|| failure.to_owned());
        }
    }
}
