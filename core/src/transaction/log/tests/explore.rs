//! What survivors find after a power failure, and after the end of a process, at each instant.

use super::{
    super::{Failure, Identity, Log, Need, OpenError, Seen, needs_recovery},
    disk::Key,
    machine::{Expected, Machine, Stop},
    process::{Control, Process},
    program,
};

/// How much is examined.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watch {
    /// So many crashes in a row. 0: none.
    pub(super) depth: u8,
    /// All states that a power failure may leave, if they are not more.
    pub(super) all: usize,
    /// Otherwise so many.
    pub(super) most: usize,
    /// In one of so many states the next process is watched too.
    pub(super) deeper: u64,
    /// At one of so many instants the process is killed.
    pub(super) kills: u64,
}

type OpenedLog<'a> = Log<&'a Process<'a>>;

pub(super) fn identity() -> Identity {
    Identity::new(b"data").expect("it is short")
}

/// Opens the log as a writer.
pub(super) fn open<'a>(process: &'a Process<'a>) -> Result<OpenedLog<'a>, OpenError<Stop>> {
    let open = if process.is_new.get() { Log::create } else { Log::open };
    let log = open(process, identity())?;
    process.is_open.set(true);
    Ok(log)
}

impl Machine {
    /// Something has changed that may reach the disk. Without a key: what is expected.
    pub(super) fn changed(&self, newest: Option<Key>) {
        if self.watch.get().depth == 0 || self.has_failed() {
            return;
        }
        self.examine_power_failures(newest);
        self.examine_kill();
        if self.is_readable.get() {
            self.check_reader();
        }
    }

    fn examine_power_failures(&self, newest: Option<Key>) {
        let Watch { all, most, .. } = self.watch.get();
        let mut rng = self.rng.borrow_mut().fork();
        let mut disks = Vec::new();
        self.cache.borrow().after_power_failures(newest, (all, most), &mut rng, |disk| {
            disks.push(disk);
        });
        for disk in disks {
            self.examine(&self.restarted(disk));
        }
    }

    fn examine_kill(&self) {
        if self.one_of(self.watch.get().kills) {
            let machine = self.killed();
            if self.one_of(3) {
                machine.lose_pages(self.one_of(2));
            }
            self.examine(&machine);
        }
    }

    /// Lets survivors use a machine.
    fn examine(&self, machine: &Machine) {
        let watch = self.watch.get();
        let depth = if self.one_of(watch.deeper) { watch.depth - 1 } else { 0 };
        machine.watch.set(Watch { depth, all: 64, most: 8, ..watch });
        machine.survive();
        self.states.set(self.states.get() + 1 + machine.states.get());
        if let Some(failure) = machine.failure.take() {
            self.fail(failure);
        }
    }

    pub(super) fn one_of(&self, count: u64) -> bool {
        count != 0 && self.rng.borrow_mut().u64(..count) == 0
    }

    fn survive(&self) {
        self.check_reader();
        let process = Process::new(self);
        match open(&process) {
            Ok(mut log) => {
                self.settle();
                self.check_reader();
                self.continue_with(&mut log);
            }
            Err(error) => self.fail(format!("the journal is refused: {error:?}")),
        }
    }

    /// A recovery is done: what it left is there for ever.
    pub(super) fn settle(&self) {
        self.has_lost.set(false);
        let found = self.data();
        if !self.expected.borrow().allows(&found) {
            self.fail("a recovery leaves something else");
        }
        self.expected.replace(Expected::only(found));
    }

    /// Looks what a later power failure leaves, also behind another commit.
    fn continue_with(&self, log: &mut OpenedLog<'_>) {
        let watch = self.watch.get();
        let one = Watch { depth: 1, all: 1, most: 1, deeper: 0, kills: 0 };
        if watch.depth > 0 || self.one_of(8) {
            self.watch.set(Watch { depth: watch.depth.max(1), ..one });
            self.changed(None);
        }
        if watch.depth > 0 || self.one_of(16) {
            program::commit(self, log);
        }
    }

    /// Looks at the file as a reader without permission to write.
    pub(super) fn check_reader(&self) {
        if self.cache.borrow().name.is_none() {
            return self.check_content();
        }
        let process = Process::new(self);
        match needs_recovery(&&process, &identity(), &mut Seen::default()) {
            Ok(Need::No) => self.check_content(),
            Ok(need) if self.is_readable.get() && !self.has_stopped.get() => {
                self.fail(format!("a reader must wait: {need:?}"));
            }
            Ok(_) => {}
            Err(error) => self.fail(format!("a reader fails: {error:?}")),
        }
    }

    fn check_content(&self) {
        if !self.has_lost.get() && !self.expected.borrow().allows(&self.data()) {
            self.fail("a reader finds something else");
        }
    }
}

/// Notes what a call has returned. `after`: what is in the data file after success.
pub(super) fn note(machine: &Machine, result: &Result<(), Failure<Stop>>, after: &[u8]) {
    let before = machine.expected.borrow().before.clone();
    match result {
        Ok(()) => drop(machine.expected.replace(Expected::only(after.to_vec()))),
        Err(Failure::Unchanged(_)) => {
            drop(machine.expected.replace(Expected { before, after: None }))
        }
        Err(_) => return,
    }
    machine.is_readable.set(true);
    machine.changed(None);
    machine.is_readable.set(false);
    if machine.is(Control::None)
        && machine.data() != machine.expected.borrow().before.clone().unwrap_or_default()
    {
        machine.fail("the cache has something else");
    }
}
