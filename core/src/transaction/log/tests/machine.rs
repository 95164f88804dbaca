//! A simulated machine: the files, faults, and what the tests know.

use std::cell::{Cell, RefCell};

use super::{
    disk::{Cache, DATA, Disk},
    explore::Watch,
    process::Control,
};

/// Why an operation was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The disk is full, or broken.
    Failed,
}

/// Which operations fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    /// So many succeed before.
    pub(super) after: usize,
    /// So many fail.
    pub(super) count: usize,
}

/// What may be in the data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// `None`: anything, since other programs have written to it.
    pub(super) before: Option<Vec<u8>>,
    pub(super) after: Option<Vec<u8>>,
}

impl Expected {
    pub(super) fn only(content: Vec<u8>) -> Expected {
        Expected { before: Some(content), after: None }
    }

    pub(super) fn allows(&self, found: &[u8]) -> bool {
        let is = |content: &Option<Vec<u8>>| content.as_deref() == Some(found);
        self.before.is_none() || is(&self.before) || is(&self.after)
    }
}

/// What the kernel and the disk keep, and what the tests know.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) cache: RefCell<Cache>,
    pub(super) boot: Cell<u64>,
    pub(super) randoms: Cell<u64>,
    pub(super) expected: RefCell<Expected>,
    pub(super) control: Cell<Control>,
    pub(super) fault: Cell<Fault>,
    /// Whether an operation has failed since the fault was set.
    pub(super) has_stopped: Cell<bool>,
    pub(super) rng: RefCell<fastrand::Rng>,
    pub(super) watch: Cell<Watch>,
    pub(super) failure: RefCell<Option<String>>,
    /// Whether pages were lost, so that readers may find old bytes until the next recovery.
    pub(super) has_lost: Cell<bool>,
    /// Whether readers may look at any time.
    pub(super) is_readable: Cell<bool>,
    /// How many states were examined.
    pub(super) states: Cell<usize>,
}

impl Machine {
    pub(super) fn new(data: Vec<u8>, seed: u64) -> Machine {
        Machine {
            cache: RefCell::new(Cache::new(data.clone())),
            boot: Cell::new(1),
            expected: RefCell::new(Expected::only(data)),
            rng: RefCell::new(fastrand::Rng::with_seed(seed)),
            ..Machine::default()
        }
    }

    /// The machine with this disk, started again.
    pub(super) fn restarted(&self, disk: Disk) -> Machine {
        let machine = self.with(Cache::from_disk(disk));
        machine.start_again();
        machine
    }

    /// The same machine. Its process is gone.
    pub(super) fn killed(&self) -> Machine {
        self.with(self.cache.borrow().clone())
    }

    fn with(&self, cache: Cache) -> Machine {
        Machine {
            cache: RefCell::new(cache),
            boot: self.boot.clone(),
            randoms: self.randoms.clone(),
            expected: self.expected.clone(),
            control: self.control.clone(),
            has_lost: self.has_lost.clone(),
            rng: RefCell::new(self.rng.borrow_mut().fork()),
            ..Machine::default()
        }
    }

    pub(super) fn data(&self) -> Vec<u8> {
        self.cache.borrow().files[DATA].clone()
    }

    /// Pages of all files are lost: the kernel has reported it to another program.
    pub(super) fn lose_pages(&self, is_evicting: bool) {
        self.has_lost.set(true);
        let (mut cache, mut rng) = (self.cache.borrow_mut(), self.rng.borrow_mut());
        for file in self.first_to_lose()..cache.files.len() {
            cache.sync_part(file, |count| rng.usize(..=count));
            if is_evicting {
                cache.evict(file);
            }
        }
    }

    /// The bytes of other programs are not lost: the log could not know.
    pub(super) fn first_to_lose(&self) -> usize {
        usize::from(self.expected.borrow().before.is_none())
    }

    /// Keeps the first failure.
    pub(super) fn fail(&self, failure: impl Into<String>) {
        self.failure.borrow_mut().get_or_insert_with(|| failure.into());
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    pub(super) fn is(&self, control: Control) -> bool {
        self.control.get() == control
    }

    /// The system starts again.
    pub(super) fn start_again(&self) {
        self.boot.set(self.boot.get() + 1);
        self.has_lost.set(false);
    }

    pub(super) fn step(&self) -> Result<(), Stop> {
        let Fault { after, count } = self.fault.get();
        let (next, result) = match (after, count) {
            (0, 0) => (Fault::default(), Ok(())),
            (0, count) => {
                self.has_stopped.set(true);
                (Fault { after, count: count - 1 }, Err(Stop::Failed))
            }
            (after, count) => (Fault { after: after - 1, count }, Ok(())),
        };
        self.fault.set(if next.count == 0 { Fault::default() } else { next });
        result
    }
}
