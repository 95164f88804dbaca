//! Operations that fail: each one of a call, once or several in a row. Then other
//! processes follow, and the power fails.

use super::{
    IS_THOROUGH,
    explore::{Watch, open},
    machine::{Fault, Machine},
    process::{Control, Process},
    program::{checkpoint, commit, end_killed},
};

/// For controls.
pub(super) const MANY: Watch = Watch { depth: 2, all: 32, most: 6, deeper: 40, kills: 6 };
const FEW: Watch = Watch { depth: 2, all: 6, most: 2, deeper: 60, kills: 12 };
/// Each case runs once, elsewhere one of so many. What a failed sync leaves on the disk is random.
const STEP: usize = if IS_THOROUGH { 1 } else { 7 };
/// No call has more operations.
const OPERATIONS: usize = 12;

#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    Commit,
    /// A commit for which the journal becomes longer.
    Long,
    Checkpoint,
    Open,
}

/// Two commits, a call with a fault, and a successor.
pub(super) fn run(seed: u64, control: Control, call: Call, fault: Fault, watch: Watch) -> Machine {
    let len = if matches!(call, Call::Long) { 6000 } else { 600 };
    let machine = Machine::new(vec![1; len], seed);
    machine.control.set(control);
    let process = Process::new(&machine);
    if let Ok(mut log) = open(&process) {
        if !matches!(call, Call::Long) {
            commit(&machine, &mut log);
            commit(&machine, &mut log);
        }
        machine.has_stopped.set(false);
        match call {
            Call::Commit | Call::Long => with_fault(&machine, fault, || commit(&machine, &mut log)),
            Call::Checkpoint => with_fault(&machine, fault, || {
                checkpoint(&machine, &mut log);
            }),
            Call::Open => with_fault(&machine, fault, || drop(open(&Process::new(&machine)))),
        }
    }
    machine.check_reader();
    machine.watch.set(watch);
    succeed(&machine);
    machine
}

fn with_fault(machine: &Machine, fault: Fault, call: impl FnOnce()) {
    machine.fault.set(fault);
    call();
    machine.fault.take();
}

/// A next process, and the power failures of its time.
fn succeed(machine: &Machine) {
    machine.changed(None);
    if machine.one_of(3) {
        end_killed(machine);
    }
    let process = Process::new(machine);
    match open(&process) {
        Ok(mut log) => {
            machine.settle();
            machine.changed(None);
            commit(machine, &mut log);
        }
        Err(error) => machine.fail(format!("the journal is refused: {error:?}")),
    }
}

fn faults() -> impl Iterator<Item = Fault> {
    let counts = [1, 2, 1000].into_iter();
    counts.flat_map(|count| (0..OPERATIONS).map(move |after| Fault { after, count }))
}

#[test]
fn a_failed_operation_leaves_the_state_before_or_after() {
    let mut states = 0;
    for call in [Call::Commit, Call::Long, Call::Checkpoint, Call::Open] {
        for (seed, fault) in (0..).zip(faults()).step_by(STEP) {
            let machine = run(seed, Control::None, call, fault, FEW);
            states += machine.states.get();
            assert_eq!(machine.failure.take(), None, "{call:?}, {fault:?}, {seed}");
        }
    }
    println!("{states} states");
}
