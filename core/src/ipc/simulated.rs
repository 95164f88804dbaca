//! Simulated shared memory, on which a process can crash before each operation of a protocol.
//!
//! Processes run one at a time. A process can be stopped before one of its operations, while
//! another one runs, and then continue.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::words::{Owner, Words};

/// What the kernel keeps when a process crashes.
#[derive(Default)]
pub(super) struct Memory {
    words: RefCell<BTreeMap<usize, u64>>,
    alive: RefCell<BTreeSet<u64>>,
    pub(super) control: Cell<Control>,
}

/// How the memory lies about the life of processes, so that tests must fail.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Control {
    #[default]
    None,
    AllAlive,
    AllCrashed,
}

/// Why a process does not continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Crashed,
    /// It sleeps, and no process will change what it waits for.
    Stuck,
}

/// The operation before which another process runs, and what that does.
type Interruption<'a> = (usize, Box<dyn FnOnce() + 'a>);

/// A process that uses the memory.
pub(super) struct Process<'a> {
    memory: &'a Memory,
    pub(super) id: u64,
    operations: Cell<usize>,
    crash_before: Option<usize>,
    interruption: RefCell<Option<Interruption<'a>>>,
    sleeps: Cell<usize>,
}

impl<'a> Process<'a> {
    /// Starts a process. It crashes before the operation with the number `crash_before`.
    pub(super) fn new(memory: &'a Memory, id: u64, crash_before: Option<usize>) -> Process<'a> {
        memory.alive.borrow_mut().insert(id);
        Process {
            memory,
            id,
            operations: Cell::new(0),
            crash_before,
            interruption: RefCell::new(None),
            sleeps: Cell::new(0),
        }
    }

    /// Runs `other` before the operation with the number `at`.
    pub(super) fn interrupted(self, at: usize, other: impl FnOnce() + 'a) -> Process<'a> {
        *self.interruption.borrow_mut() = Some((at, Box::new(other)));
        self
    }

    /// Begins an operation.
    fn step(&self) -> Result<(), Stop> {
        let number = self.operations.replace(self.operations.get() + 1);
        // No borrow lasts while the other process runs.
        let due = self.interruption.borrow_mut().take_if(|(at, _)| *at == number);
        if let Some((_, other)) = due {
            other();
        }
        if self.crash_before == Some(number) {
            self.memory.alive.borrow_mut().remove(&self.id);
            return Err(Stop::Crashed);
        }
        Ok(())
    }

    /// Stores a word, as one operation.
    pub(super) fn store(&self, at: usize, word: u64) -> Result<(), Stop> {
        self.step()?;
        self.replace(at, word);
        Ok(())
    }

    /// Loads a word, as one operation.
    pub(super) fn load(&self, at: usize) -> Result<u64, Stop> {
        self.step()?;
        Ok(self.word(at))
    }

    fn word(&self, at: usize) -> u64 {
        self.memory.words.borrow().get(&at).copied().unwrap_or(0)
    }

    fn replace(&self, at: usize, word: u64) -> u64 {
        self.memory.words.borrow_mut().insert(at, word).unwrap_or(0)
    }
}

impl Words for Process<'_> {
    type Error = Stop;

    fn owner(&self) -> Result<Owner, Stop> {
        Ok(Owner { id: self.id, pid: 0, forks: 0 })
    }

    fn compare_exchange(
        &self,
        at: usize,
        current: u64,
        new: u64,
    ) -> Result<Result<u64, u64>, Stop> {
        self.step()?;
        let former = self.word(at);
        if former != current {
            return Ok(Err(former));
        }
        Ok(Ok(self.replace(at, new)))
    }

    fn store_hint(&self, _at: usize, _hint: u32) {}

    fn is_alive(&self, id: u64) -> Result<bool, Stop> {
        self.step()?;
        Ok(match self.memory.control.get() {
            Control::None => self.memory.alive.borrow().contains(&id),
            Control::AllAlive => true,
            Control::AllCrashed => false,
        })
    }

    fn sleep(&self, _at: usize, _expected: u64, _timeout: Duration) -> Result<(), Stop> {
        self.step()?;
        self.sleeps.set(self.sleeps.get() + 1);
        // The interruption may still come.
        if self.sleeps.get() > 3 { Err(Stop::Stuck) } else { Ok(()) }
    }

    fn wake_one(&self, _at: usize) -> Result<(), Stop> {
        self.step()
    }
}
