//! A simulated machine with one file, whose processes crash and whose power fails.

use std::{
    cell::{Cell, RefCell},
    io,
};

use super::super::{
    create::Storage,
    header::{COMPLETE, IN_CREATION, Id, LEN, STATE},
};

/// A protection that is switched off, so that tests must fail.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Control {
    #[default]
    None,
    /// Every process gets the lock at once.
    NoLock,
    /// Nothing waits for the disk.
    NoSync,
    /// The header says from the start that the file is complete.
    CompleteAtOnce,
    /// A complete file is not set back before it is changed.
    NoSettingBack,
}

/// What a process did to the file.
#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

/// What the kernel and the disk keep.
#[derive(Clone, Default)]
pub(super) struct Machine {
    pub(super) file: RefCell<Vec<u8>>,
    disk: RefCell<Vec<u8>>,
    /// Changes that may or may not be on the disk.
    unsynced: RefCell<Vec<Change>>,
    is_locked: Cell<bool>,
    pub(super) is_in_use: Cell<bool>,
    pub(super) boot: Cell<u8>,
    ids: Cell<u8>,
    pub(super) control: Cell<Control>,
}

impl Machine {
    /// Returns a running machine, whose disk has a file with these bytes.
    pub(super) fn new(bytes: &[u8], control: Control) -> Machine {
        let machine = Machine::default();
        *machine.file.borrow_mut() = bytes.to_vec();
        *machine.disk.borrow_mut() = bytes.to_vec();
        machine.boot.set(1);
        machine.control.set(control);
        machine
    }

    /// Returns the number of changes that a power failure may undo.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.borrow().len()
    }

    /// Returns the length of the last of these changes, or 0 if it is not a write.
    pub(super) fn last_write(&self, kept: usize) -> usize {
        let changes = self.unsynced.borrow();
        let last = changes.iter().enumerate().rfind(|(at, _)| kept & (1 << at) != 0);
        match last {
            Some((_, Change::Write(_, bytes))) => bytes.len(),
            _ => 0,
        }
    }

    /// The power fails, and the machine starts again. Of the changes since the last sync those have
    /// reached the disk whose bits are set in `kept`; of the last one that writes, `part` bytes.
    pub(super) fn lose_power(&self, kept: usize, part: usize) {
        let changes = self.unsynced.take();
        let kept: Vec<_> = (0..changes.len()).filter(|at| kept & (1 << at) != 0).collect();
        let mut disk = self.disk.borrow_mut();
        for &at in &kept {
            let is_last = Some(&at) == kept.last();
            apply(&mut disk, &changes[at], if is_last { part } else { usize::MAX });
        }
        self.file.borrow_mut().clone_from(&disk);
        self.is_in_use.set(false);
        self.boot.set(self.boot.get() + 1);
    }

    fn change(&self, change: Change, part: usize) {
        apply(&mut self.file.borrow_mut(), &change, part);
        let is_whole = part == usize::MAX;
        let part = match change {
            Change::Write(at, bytes) if !is_whole => Change::Write(at, bytes[..part].to_vec()),
            change => change,
        };
        self.unsynced.borrow_mut().push(part);
    }
}

fn apply(file: &mut Vec<u8>, change: &Change, part: usize) {
    match change {
        Change::SetLen(len) => file.resize(*len, 0),
        Change::Write(at, bytes) => {
            let bytes = &bytes[..part.min(bytes.len())];
            if !bytes.is_empty() {
                let end = at + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

/// A process that crashes before an operation. If that is a write, `part` bytes of it are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crash {
    pub(super) before: usize,
    pub(super) part: usize,
}

/// The operation before which another process runs, and what that does.
type Interruption<'a> = (usize, Box<dyn FnOnce() + 'a>);

/// A process that uses the file.
pub(super) struct Process<'a> {
    machine: &'a Machine,
    crash: Option<Crash>,
    /// Operations so far.
    pub(super) operations: Cell<usize>,
    /// The length of the write before which the process crashed.
    pub(super) torn: Cell<usize>,
    interruption: RefCell<Option<Interruption<'a>>>,
    has_no_space: bool,
}

impl<'a> Process<'a> {
    pub(super) fn new(machine: &'a Machine, crash: Option<Crash>) -> Process<'a> {
        Process {
            machine,
            crash,
            operations: Cell::new(0),
            torn: Cell::new(0),
            interruption: RefCell::new(None),
            has_no_space: false,
        }
    }

    /// Runs `other` before the operation with the number `at`.
    pub(super) fn interrupted(self, at: usize, other: impl FnOnce() + 'a) -> Process<'a> {
        *self.interruption.borrow_mut() = Some((at, Box::new(other)));
        self
    }

    /// Finds the disk full.
    pub(super) fn without_space(self) -> Process<'a> {
        Process { has_no_space: true, ..self }
    }

    /// Begins an operation. Returns what the process writes before it crashes.
    fn step(&self) -> Option<Crash> {
        let number = self.operations.replace(self.operations.get() + 1);
        let due = self.interruption.borrow_mut().take_if(|(at, _)| *at == number);
        if let Some((_, other)) = due {
            other();
        }
        self.crash.filter(|crash| crash.before == number)
    }

    fn done<T>(&self, value: T) -> io::Result<T> {
        self.step().map_or(Ok(value), |_| Err(crashed()))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let Some(Crash { part, .. }) = self.step() else {
            self.machine.change(change, usize::MAX);
            return Ok(());
        };
        if let Change::Write(_, bytes) = &change {
            self.torn.set(bytes.len());
            self.machine.change(change, part);
        }
        Err(crashed())
    }
}

fn crashed() -> io::Error {
    io::Error::other("crashed")
}

/// The lock of a process. The kernel releases it when the process crashes.
pub(super) struct Guard<'a>(&'a Machine);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.is_locked.set(false);
    }
}

impl<'a> Storage for Process<'a> {
    type Lock = Guard<'a>;

    fn lock(&self) -> io::Result<Guard<'a>> {
        self.done(())?;
        let is_locked = self.machine.is_locked.replace(true);
        if is_locked && self.machine.control.get() != Control::NoLock {
            // It waits. The caller starts it again.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Guard(self.machine))
    }

    fn len(&self) -> io::Result<u64> {
        self.done(())?;
        Ok(self.machine.file.borrow().len() as u64)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.done(())?;
        let file = self.machine.file.borrow();
        let rest = file.get(at as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        match self.machine.control.get() {
            Control::CompleteAtOnce if bytes.len() == LEN => {
                bytes[STATE..].copy_from_slice(&COMPLETE);
            }
            Control::NoSettingBack if bytes == IN_CREATION => return self.done(()),
            _ => {}
        }
        self.change(Change::Write(at as usize, bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::SetLen(len as usize))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        if self.has_no_space {
            return self.done(()).and(Err(io::ErrorKind::StorageFull.into()));
        }
        self.change(Change::SetLen(len as usize))
    }

    fn sync(&self) -> io::Result<()> {
        self.done(())?;
        if self.machine.control.get() != Control::NoSync {
            self.machine.unsynced.borrow_mut().clear();
            self.machine.disk.borrow_mut().clone_from(&self.machine.file.borrow());
        }
        Ok(())
    }

    fn is_in_use(&self) -> io::Result<bool> {
        self.done(self.machine.is_in_use.get())
    }

    fn boot(&self) -> Id {
        [self.machine.boot.get(); 16]
    }

    fn random(&self) -> io::Result<Id> {
        self.machine.ids.set(self.machine.ids.get() + 1);
        self.done([self.machine.ids.get(); 16])
    }
}
