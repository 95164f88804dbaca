//! Random programs: processes that commit, checkpoint, close, and end in other ways.

use super::{
    super::{Change, Failure, Log, Need, NewLen, OpenError, Seen, needs_recovery},
    disk::{Cache, DATA, NAME},
    explore::{Watch, identity, note, open},
    machine::{Expected, Fault, Machine, Stop},
    process::{Control, Process},
};

/// A change that owns its bytes.
struct Owned {
    ranges: Vec<(u64, Vec<u8>)>,
    len: Option<NewLen>,
}

impl Owned {
    /// Most records have the same few lengths, so that they lie over older ones.
    fn random(rng: &mut fastrand::Rng, old_len: usize) -> Owned {
        let len = match rng.u8(..10) {
            0 if old_len < 1500 => Some(NewLen::Grow((old_len + rng.usize(1..400)) as u64)),
            1 => Some(NewLen::Cut(rng.usize(..=old_len) as u64)),
            2 if rng.u8(..8) == 0 => Some(NewLen::Grow(6000)),
            _ => None,
        };
        let new_len = match len {
            Some(NewLen::Grow(len) | NewLen::Cut(len)) => len as usize,
            None => old_len,
        };
        let count = if rng.u8(..4) == 0 { 3 } else { 1 };
        Owned { ranges: (0..count).map(|_| random_range(rng, new_len)).collect(), len }
    }

    fn change<R>(&self, run: impl FnOnce(&Change<'_>) -> R) -> R {
        let ranges: Vec<_> = self.ranges.iter().map(|(at, bytes)| (*at, &**bytes)).collect();
        run(&Change { ranges: &ranges, len: self.len })
    }

    /// The oracle.
    fn apply(&self, mut content: Vec<u8>) -> Vec<u8> {
        if let Some(NewLen::Grow(len) | NewLen::Cut(len)) = self.len {
            content.resize(len as usize, 0);
        }
        for (at, bytes) in &self.ranges {
            content[*at as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        content
    }
}

fn random_range(rng: &mut fastrand::Rng, len: usize) -> (u64, Vec<u8>) {
    let wanted = if len > 4000 { 3000 } else { [8, 40, 40, 40, 424, 424, 700][rng.usize(..7)] };
    let count = wanted.min(len);
    let at = rng.usize(..=len - count);
    (at as u64, (0..count).map(|_| rng.u8(..)).collect())
}

/// Runs a program of several processes.
pub(super) fn run(seed: u64, control: Control, watch: Watch, processes: usize) -> Machine {
    let mut rng = fastrand::Rng::with_seed(seed);
    let data = (0..rng.usize(..1200)).map(|_| rng.u8(..)).collect();
    let machine = Machine::new(data, seed);
    machine.control.set(control);
    machine.watch.set(watch);
    for _ in 0..processes {
        if !machine.has_failed() {
            run_process(&machine);
            machine.fault.take();
        }
    }
    machine
}

fn run_process(machine: &Machine) {
    let has_journal = machine.cache.borrow().name.is_some();
    if !has_journal && machine.one_of(3) {
        write_without_lock(machine);
    }
    let process = Process::new(machine);
    set_fault(machine, 4);
    match open(&process) {
        Ok(mut log) => {
            machine.settle();
            machine.changed(None);
            use_log(machine, &mut log);
            end(machine, log);
        }
        Err(OpenError::Files(_)) => end_killed(machine),
        Err(error) => machine.fail(format!("the journal is refused: {error:?}")),
    }
}

/// Another program writes to the data file, and does not sync it.
fn write_without_lock(machine: &Machine) {
    let len = machine.rng.borrow_mut().usize(..900);
    let mut cache = machine.cache.borrow_mut();
    cache.set_len(DATA, len);
    for at in (0..len).step_by(100) {
        cache.write(DATA, &[at as u8 + 1], at);
    }
    machine.expected.replace(Expected::default());
}

/// Lets operations fail in one of `count` cases.
fn set_fault(machine: &Machine, count: u64) {
    machine.has_stopped.set(false);
    if machine.one_of(count) {
        let mut rng = machine.rng.borrow_mut();
        let count = if rng.bool() { 1 } else { rng.usize(1..40) };
        machine.fault.set(Fault { after: rng.usize(..14), count });
    }
}

fn use_log(machine: &Machine, log: &mut Log<&Process<'_>>) {
    let count = machine.rng.borrow_mut().usize(1..7);
    for _ in 0..count {
        if log.is_in_doubt() || machine.has_failed() {
            return;
        }
        set_fault(machine, 10);
        match machine.one_of(6) {
            true => drop(checkpoint(machine, log)),
            false => commit(machine, log),
        }
    }
}

/// Empties the journal. Returns whether that worked.
pub(super) fn checkpoint(machine: &Machine, log: &mut Log<&Process<'_>>) -> bool {
    let content = machine.data();
    machine.is_readable.set(true);
    let result = log.checkpoint();
    machine.is_readable.set(false);
    if machine.is(Control::None) || result.is_ok() {
        note(machine, &result, &content);
    }
    check_doubt(machine, log, &result);
    result.is_ok()
}

/// A log that is in doubt does nothing more, and readers know it.
fn check_doubt(machine: &Machine, log: &mut Log<&Process<'_>>, result: &Result<(), Failure<Stop>>) {
    if !matches!(result, Err(Failure::InDoubt(_))) {
        return;
    }
    let is_stopped = log.checkpoint() == Err(Failure::Earlier);
    let need = needs_recovery(log.files(), &identity(), &mut Seen::default());
    if !is_stopped || need != Ok(Need::Unfinished) {
        machine.fail("a log in doubt continues");
    }
}

/// Commits a random change.
pub(super) fn commit(machine: &Machine, log: &mut Log<&Process<'_>>) {
    let before = machine.data();
    let change = Owned::random(&mut machine.rng.borrow_mut(), before.len());
    let after = change.apply(before.clone());
    machine.expected.replace(Expected { before: Some(before), after: Some(after.clone()) });
    let result = change.change(|change| log.commit(change));
    note(machine, &result, &after);
    check_doubt(machine, log, &result);
}

fn end(machine: &Machine, mut log: Log<&Process<'_>>) {
    let closes = !log.is_in_doubt() && machine.one_of(3);
    if closes && checkpoint(machine, &mut log) {
        machine.cache.borrow_mut().set_name(None);
        machine.changed(Some(NAME));
    } else {
        end_killed(machine);
    }
}

/// The process is gone. Pages may be lost, or the power fails.
pub(super) fn end_killed(machine: &Machine) {
    machine.fault.take();
    machine.check_reader();
    if machine.one_of(3) {
        machine.lose_pages(machine.one_of(2));
        machine.changed(None);
    }
    if machine.one_of(4) {
        let mut disks = Vec::new();
        let mut rng = machine.rng.borrow_mut().fork();
        machine
            .cache
            .borrow()
            .after_power_failures(None, (0, 1), &mut rng, |disk| disks.push(disk));
        for disk in disks {
            machine.cache.replace(Cache::from_disk(disk));
            machine.start_again();
        }
    }
}
