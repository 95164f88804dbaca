//! Simulated shared memory, on which a process can crash before each operation of a protocol.
//!
//! Processes run one at a time. A process can be stopped before one of its operations, while
//! another one runs, and then continue. Each byte of a copy is an operation: a crash may tear a
//! copy anywhere.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use super::words::{self, Owner, Words};

/// Whether tests explore all that they can. Elsewhere emulators, or other accessors, run the same
/// code.
pub(crate) const IS_THOROUGH: bool =
    cfg!(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)));

/// What the kernel keeps when a process crashes.
#[derive(Clone, Default)]
pub(super) struct Memory {
    words: RefCell<Vec<u64>>,
    alive: RefCell<BTreeSet<u64>>,
    pub(super) control: Cell<Control>,
    /// Stores that are lost, so that tests must fail.
    pub(super) lost: Cell<Option<IsLost>>,
    /// The store to the first word comes only behind the one to the second: tests must fail.
    pub(super) delayed: Cell<Option<(usize, usize)>>,
    /// How many bytes there are. 0: no limit.
    pub(super) len: Cell<usize>,
    /// The words that were replaced, if a test needs them.
    pub(super) replaced: RefCell<Option<Vec<(usize, u64)>>>,
}

pub(super) type IsLost = fn(&Store) -> bool;

/// A store of a word, by a process.
pub(super) struct Store {
    pub(super) at: usize,
    pub(super) word: u64,
    /// Whether the process has loaded a word just before.
    pub(super) follows_load: bool,
}

impl Memory {
    /// Looks at a word, without a process.
    pub(super) fn word(&self, at: usize) -> u64 {
        self.ensure_inside(at);
        self.words.borrow().get(at / 8).copied().unwrap_or(0)
    }

    /// Replaces a word, without a process.
    pub(super) fn set(&self, at: usize, word: u64) -> u64 {
        self.ensure_inside(at);
        let mut words = self.words.borrow_mut();
        let len = words.len().max(at / 8 + 1);
        words.resize(len, 0);
        if let Some(replaced) = &mut *self.replaced.borrow_mut() {
            replaced.push((at, word));
        }
        std::mem::replace(&mut words[at / 8], word)
    }

    /// Replaces all words, and ends all processes.
    pub(super) fn restart(&self, words: &[u64]) {
        self.words.replace(words.to_vec());
        self.alive.borrow_mut().clear();
    }

    /// All words.
    pub(super) fn words(&self) -> Vec<u64> {
        self.words.borrow().clone()
    }

    fn ensure_inside(&self, at: usize) {
        assert!(at % 8 == 0, "the word at {at} is not aligned");
        let len = self.len.get();
        assert!(len == 0 || at + 8 <= len, "the word at {at} is behind the end");
    }

    /// Looks at bytes, without a process.
    pub(super) fn read(&self, bytes: Range<usize>) -> Vec<u8> {
        let skipped = bytes.start % 8;
        let mut found = Vec::with_capacity(bytes.len() + 16);
        for at in (bytes.start - skipped..bytes.end).step_by(8) {
            found.extend_from_slice(&self.word(at).to_ne_bytes());
        }
        found.truncate(skipped + bytes.len());
        found.drain(..skipped);
        found
    }

    /// Replaces bytes, without a process.
    fn write(&self, mut at: usize, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = at % 8;
            let (now, rest) = bytes.split_at(bytes.len().min(8 - skipped));
            let mut word = self.word(at - skipped).to_ne_bytes();
            word[skipped..][..now.len()].copy_from_slice(now);
            self.set(at - skipped, u64::from_ne_bytes(word));
            (at, bytes) = (at + now.len(), rest);
        }
    }
}

/// How the memory lies about the life of processes, so that tests must fail.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Control {
    #[default]
    None,
    AllAlive,
    AllCrashed,
    /// Loads return what the process has loaded there before.
    LoadedOnce,
}

/// Why a process does not continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Crashed,
    /// It sleeps, and no process will change what it waits for.
    Stuck,
    /// It found a word that the protocol does not store.
    Corrupt,
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
    /// Whether the last operation was a load.
    has_loaded: Cell<bool>,
    /// The word of a store that is delayed.
    late: Cell<Option<u64>>,
    /// What the process has loaded.
    loaded: RefCell<BTreeMap<usize, u64>>,
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
            has_loaded: Cell::new(false),
            late: Cell::new(None),
            loaded: RefCell::default(),
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
        match self.memory.delayed.get() {
            Some((first, _)) if first == at => self.late.set(Some(word)),
            Some((first, second)) if second == at => {
                self.store_now(second, word)?;
                self.late.take().map_or(Ok(()), |word| self.store_now(first, word))?;
            }
            _ => self.store_now(at, word)?,
        }
        Ok(())
    }

    fn store_now(&self, at: usize, word: u64) -> Result<(), Stop> {
        self.step()?;
        let store = Store { at, word, follows_load: self.has_loaded.replace(false) };
        if !self.memory.lost.get().is_some_and(|is_lost| is_lost(&store)) {
            self.memory.set(at, word);
        }
        Ok(())
    }

    /// Loads a word, as one operation.
    pub(super) fn load(&self, at: usize) -> Result<u64, Stop> {
        self.step()?;
        self.has_loaded.set(true);
        let word = self.memory.word(at);
        if self.memory.control.get() != Control::LoadedOnce {
            return Ok(word);
        }
        Ok(*self.loaded.borrow_mut().entry(at).or_insert(word))
    }

    /// How many operations follow before the process crashes or another one runs. A copy may do so
    /// many at once.
    pub(super) fn undisturbed(&self) -> usize {
        let interruption = self.interruption.borrow().as_ref().map(|(at, _)| *at);
        let stops = [self.crash_before, interruption].into_iter().flatten();
        let done = self.operations.get();
        stops.filter_map(|at| at.checked_sub(done)).min().unwrap_or(usize::MAX)
    }

    /// Begins the operations of a copy of so many bytes; returns how many are done at once.
    fn steps(&self, bytes: usize) -> Result<usize, Stop> {
        let count = bytes.min(self.undisturbed());
        if count == 0 {
            return self.step().map(|()| 1);
        }
        self.operations.set(self.operations.get() + count);
        Ok(count)
    }

    /// Copies `bytes` to the memory. Each byte is an operation.
    pub(super) fn write(&self, mut at: usize, mut bytes: &[u8]) -> Result<(), Stop> {
        self.has_loaded.set(false);
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(self.steps(bytes.len())?);
            self.memory.write(at, now);
            (at, bytes) = (at + now.len(), rest);
        }
        Ok(())
    }

    /// Copies bytes from the memory. Each byte is an operation.
    pub(super) fn read(&self, mut bytes: Range<usize>) -> Result<Vec<u8>, Stop> {
        let mut found = Vec::with_capacity(bytes.len());
        while !bytes.is_empty() {
            let end = bytes.start + self.steps(bytes.len())?;
            found.extend_from_slice(&self.memory.read(bytes.start..end));
            bytes.start = end;
        }
        Ok(found)
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
        let former = self.memory.word(at);
        if former != current {
            return Ok(Err(former));
        }
        Ok(Ok(self.memory.set(at, new)))
    }

    fn store_hint(&self, _at: usize, _hint: u32) {}

    fn is_alive(&self, id: u64) -> Result<bool, Stop> {
        self.step()?;
        Ok(match self.memory.control.get() {
            Control::None | Control::LoadedOnce => self.memory.alive.borrow().contains(&id),
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

impl words::Memory for Process<'_> {
    fn load(&self, at: usize) -> Result<u64, Stop> {
        self.load(at)
    }

    fn store(&self, at: usize, word: u64) -> Result<(), Stop> {
        self.store(at, word)
    }

    fn fence(&self) {}

    fn wake_all(&self, _at: usize) -> Result<(), Stop> {
        self.step()
    }

    fn corrupt(&self, _at: usize) -> Stop {
        Stop::Corrupt
    }
}
