//! Crashes before each operation of joining, leaving and looking, alone and in pairs, and the
//! others between the operations of a look.
//!
//! The reference model is a set of ids. A process enters it with the store of its id, and leaves it
//! with the removal. A forked child that has not used its place has not crashed.

use std::{cell::Cell, collections::BTreeSet};

use super::super::{
    layout::{PLACES, RECEIVERS, SENDERS, SENDERS_JOINED},
    peers::{
        Others, Place, Presence,
        Presence::{Gone, NeverThere, There},
        Reason, count, is_in_doubt, join, leave, presence, use_place,
    },
    side::Side::{Receivers, Senders},
};
use crate::ipc::simulated::{Control, Memory, Process, Stop};

/// The receiver that was there from the beginning, one that comes last, and one that only looks.
const EARLY: u64 = 1;
const LATE: u64 = 2;
const LOOKS: u64 = 3;
const CLOSED: Presence = Gone { died: false };
const DIED: Presence = Gone { died: true };

fn process(memory: &Memory, id: u64) -> Process<'_> {
    Process::new(memory, id, None)
}

fn joined(memory: &Memory, id: u64) -> Place {
    join(&process(memory, id), Senders, id, Reason::Use).unwrap().unwrap().0
}

/// Joins in a fork.
fn forked(memory: &Memory, id: u64) -> Place {
    join(&process(memory, id), Senders, id, Reason::Fork).unwrap().unwrap().0
}

fn receiver(memory: &Memory, id: u64) -> Others {
    join(&process(memory, id), Receivers, id, Reason::Use).unwrap().unwrap().1
}

fn left(memory: &Memory, place: &Place, id: u64) {
    leave(&process(memory, id), place).unwrap();
}

/// The process ends, without executing anything.
fn ended(memory: &Memory, id: u64) {
    Process::new(memory, id, Some(0)).load(SENDERS).unwrap_err();
}

fn looked(memory: &Memory, id: u64, others: &mut Others) -> Presence {
    presence(&process(memory, id), Senders, others).unwrap().unwrap()
}

/// The ids that are there, also those of processes that have ended.
fn ids(memory: &Memory) -> Vec<u64> {
    let words = (0..PLACES).map(|place| memory.word(SENDERS + 8 * place));
    words.filter(|word| *word != 0).map(|word| word & !(1 << 63)).collect()
}

/// What senders do, and a receiver that crashes.
#[derive(Clone, Copy, Debug)]
enum Action {
    Join(u64),
    Fork(u64),
    Use(u64),
    Leave(u64),
    Look,
}

use Action::{Fork, Join, Leave, Look, Use};

/// The memory and the reference model, as the early receiver knows it.
#[derive(Clone)]
struct World {
    memory: Memory,
    others: Others,
    places: Vec<(u64, Place)>,
    there: BTreeSet<u64>,
    /// Those that have joined in a fork, and nothing more.
    unused: BTreeSet<u64>,
    were_there: bool,
    died: bool,
}

impl World {
    fn new() -> World {
        let memory = Memory::default();
        let others = receiver(&memory, EARLY);
        let (places, there, unused) = Default::default();
        World { memory, others, places, there, unused, were_there: false, died: false }
    }

    /// Executes `action`, with a crash before the operation `crash`. Returns whether it has ended.
    fn run(&mut self, action: Action, crash: Option<usize>) -> bool {
        let result = match action {
            Join(id) => self.join(id, Reason::Use, crash),
            Fork(id) => self.join(id, Reason::Fork, crash),
            Use(id) => self.use_place(id, crash),
            Leave(id) => self.leave(id, crash),
            Look => self.look(crash),
        };
        assert!(matches!(result, Ok(()) | Err(Stop::Crashed)));
        result.is_ok()
    }

    fn join(&mut self, id: u64, reason: Reason, crash: Option<usize>) -> Result<(), Stop> {
        let result = join(&Process::new(&self.memory, id, crash), Senders, id, reason);
        let is_there = ids(&self.memory).contains(&id);
        self.were_there |= is_there;
        self.died |= is_there && result.is_err() && reason == Reason::Use;
        let (place, _) = result?.unwrap();
        self.places.push((id, place));
        self.there.insert(id);
        self.unused.extend((reason == Reason::Fork).then_some(id));
        Ok(())
    }

    fn place_of(&self, id: u64) -> Place {
        self.places.iter().find(|place| place.0 == id).expect("it has joined").1
    }

    fn use_place(&mut self, id: u64, crash: Option<usize>) -> Result<(), Stop> {
        let result = use_place(&Process::new(&self.memory, id, crash), &self.place_of(id));
        match result {
            Ok(()) => drop(self.unused.remove(&id)),
            Err(_) => self.end(id),
        }
        result
    }

    fn leave(&mut self, id: u64, crash: Option<usize>) -> Result<(), Stop> {
        let result = leave(&Process::new(&self.memory, id, crash), &self.place_of(id));
        self.end(id);
        result
    }

    /// The process has left, or crashed.
    fn end(&mut self, id: u64) {
        self.died |= ids(&self.memory).contains(&id) && !self.unused.contains(&id);
        self.there.remove(&id);
        self.places.retain(|place| place.0 != id);
    }

    fn look(&self, crash: Option<usize>) -> Result<(), Stop> {
        let process = Process::new(&self.memory, LOOKS, crash);
        presence(&process, Senders, &mut self.others.clone()).map(drop)
    }

    fn expected(&self) -> Presence {
        match (self.there.is_empty(), self.were_there) {
            (false, _) => There,
            (true, true) => Gone { died: self.died },
            (true, false) => NeverThere,
        }
    }

    /// What a crash leaves: equal states have equal futures.
    fn state(&self) -> (Vec<u64>, [BTreeSet<u64>; 2], (bool, bool)) {
        let answer = (self.were_there, self.died);
        (self.memory.words(), [self.there.clone(), self.unused.clone()], answer)
    }

    fn assert_is_right(&mut self, what: &dyn std::fmt::Debug) {
        let expected = self.expected();
        assert_eq!(looked(&self.memory, EARLY, &mut self.others), expected, "{what:?}");
        let late = looked(&self.memory, LATE, &mut receiver(&self.memory, LATE));
        assert_eq!(ids(&self.memory), Vec::from_iter(self.there.clone()), "{what:?}");
        // The late one has removed ids. That changes no answer.
        let again = looked(&self.memory, EARLY, &mut self.others);
        assert_eq!(again, self.expected(), "{what:?}");
        let expected = if self.there.is_empty() { NeverThere } else { There };
        assert_eq!(late, expected, "{what:?}");
    }
}

/// What there is at first: nothing, a sender, one that has left, one that has crashed, a forked
/// child, one that has ended.
const BEGINNINGS: [&[Step]; 6] = [
    &[],
    &[(Join(11), None)],
    &[(Join(11), None), (Leave(11), None)],
    &[(Join(11), None), (Leave(11), Some(0))],
    &[(Fork(11), None)],
    &[(Fork(11), None), (Leave(11), Some(0))],
];

/// An action, with the crash before one of its operations.
type Step = (Action, Option<usize>);

fn begun(beginning: &[Step]) -> World {
    let mut world = World::new();
    for &(action, crash) in beginning {
        world.run(action, crash);
    }
    world
}

/// The actions that are possible, with each of them the crashes that leave different states, and
/// these states.
fn steps(begun: &World, id: u64) -> Vec<(Step, World)> {
    let more = begun.places.iter().flat_map(|place| [Use(place.0), Leave(place.0)]);
    [Join(id), Fork(id), Look]
        .into_iter()
        .chain(more)
        .flat_map(|it| crashes_of(begun, it))
        .collect()
}

fn crashes_of(begun: &World, action: Action) -> Vec<(Step, World)> {
    let (mut steps, mut states) = (Vec::new(), Vec::new());
    for crash in 0.. {
        let mut world = begun.clone();
        let has_ended = world.run(action, Some(crash));
        let state = world.state();
        if has_ended || !states.contains(&state) {
            states.push(state);
            steps.push(((action, (!has_ended).then_some(crash)), world));
        }
        if has_ended {
            break;
        }
    }
    steps
}

#[test]
fn crashes_before_each_operation_and_each_pair_of_them_are_reported() {
    let mut checked = 0;
    for beginning in BEGINNINGS {
        for (first, mut world) in steps(&begun(beginning), 12) {
            for (second, mut world) in steps(&world, 13) {
                world.assert_is_right(&(beginning, first, second));
                checked += 1;
            }
            world.assert_is_right(&(beginning, first));
        }
    }
    assert!(checked > 500, "{checked} pairs");
}

/// What a sender does that leaves: the crash, if there is one, and how it is reported.
const LEAVES: [(Option<usize>, bool); 7] = [
    (Some(0), true),
    (Some(1), true),
    (Some(2), true),
    (Some(3), true),
    // It has removed its id.
    (Some(4), false),
    (Some(5), false),
    (None, false),
];

/// A sender leaves, crashes or ends at any instant of a look: there is no lock against that.
#[test]
fn a_sender_leaves_between_the_operations_of_a_look() {
    for (crash, died) in LEAVES {
        assert!((0..).take_while(|&at| is_right_beside(at, crash, died)).count() > PLACES);
    }
}

/// Returns whether a look has an operation with the number `at`.
fn is_right_beside(at: usize, crash: Option<usize>, died: bool) -> bool {
    let (memory, has_left) = (Memory::default(), Cell::new(false));
    let mut others = receiver(&memory, EARLY);
    let place = joined(&memory, 11);
    let leaves = || {
        let _ = leave(&Process::new(&memory, 11, crash), &place);
        ended(&memory, 11);
        has_left.set(true);
    };
    let process = process(&memory, EARLY).interrupted(at, leaves);
    let found = presence(&process, Senders, &mut others).unwrap().unwrap();
    if has_left.get() {
        assert!(found == There || found == Gone { died }, "{found:?} at {at}, {crash:?}");
        // It is noticed at once.
        assert!(crash.is_some() || is_in_doubt(&process, Senders, &others).unwrap(), "at {at}");
        assert_eq!(looked(&memory, EARLY, &mut others), Gone { died }, "at {at}, {crash:?}");
    }
    has_left.get()
}

/// A forked child ends between the operations of a process that looks, or joins and removes ids.
/// It has just used its place, or has not.
#[test]
fn a_forked_child_ends_between_the_operations_of_others() {
    let looks = |process: &Process<'_>, others: &mut Others| {
        presence(process, Senders, others).unwrap();
    };
    let joins = |process: &Process<'_>, _: &mut Others| {
        join(process, Receivers, LOOKS, Reason::Use).unwrap();
    };
    for (work, is_used) in [(looks as Work, false), (looks, true), (joins, false), (joins, true)] {
        let is_right = |&at: &usize| is_right_beside_child(at, is_used, work);
        assert!((0..).take_while(is_right).count() > PLACES);
    }
}

type Work = fn(&Process<'_>, &mut Others);

/// Returns whether `work` has an operation with the number `at`.
fn is_right_beside_child(at: usize, is_used: bool, work: Work) -> bool {
    let (memory, has_ended) = (Memory::default(), Cell::new(false));
    let mut others = receiver(&memory, EARLY);
    let place = forked(&memory, 11);
    let ends = || {
        if is_used {
            use_place(&process(&memory, 11), &place).unwrap();
        }
        ended(&memory, 11);
        has_ended.set(true);
    };
    work(&process(&memory, LOOKS).interrupted(at, ends), &mut others.clone());
    if has_ended.get() {
        let found = looked(&memory, EARLY, &mut others);
        assert_eq!(found, Gone { died: is_used }, "at {at}");
    }
    has_ended.get()
}

/// While a sender is stopped in `leave`, another process looks, and crashes.
#[test]
fn a_receiver_looks_between_the_operations_of_a_sender_that_leaves() {
    for (at, crash) in (0..6).flat_map(|at| (0..ALL).map(move |crash| (at, crash))) {
        let memory = Memory::default();
        let mut others = receiver(&memory, EARLY);
        let (place, mut looks) = (joined(&memory, 11), others.clone());
        let looking = Process::new(&memory, LOOKS, Some(crash));
        let look = || assert_ne!(presence(&looking, Senders, &mut looks), Ok(Some(NeverThere)));
        leave(&process(&memory, 11).interrupted(at, look), &place).unwrap();
        assert!(is_in_doubt(&process(&memory, LOOKS), Senders, &looks).unwrap(), "{at}, {crash}");
        assert_eq!(looked(&memory, EARLY, &mut others), CLOSED, "{at}, {crash}");
    }
}

/// A look finds the first change of `left` and the id. Then the sender removes its id, and crashes
/// before it changes `left` again: there is no doubt until the receiver looks by itself.
#[test]
fn a_side_stays_in_doubt_after_a_look_that_found_no_process() {
    let memory = Memory::default();
    let mut others = receiver(&memory, EARLY);
    let place = joined(&memory, 11);
    let receiver = process(&memory, EARLY);
    let is_in_doubt = |others: &Others| is_in_doubt(&receiver, Senders, others).unwrap();
    let look = || assert_eq!(looked(&memory, EARLY, &mut others), There);
    leave(&Process::new(&memory, 11, Some(4)).interrupted(3, look), &place).unwrap_err();
    assert!(!is_in_doubt(&others));
    assert_eq!(looked(&memory, EARLY, &mut others), CLOSED);
    assert!(is_in_doubt(&others));
}

/// More operations than a look has.
const ALL: usize = 5 * PLACES;

/// Sender 12 joins at a free place before sender 11 leaves, both between operations of a look.
fn a_look_beside_a_change(at: usize, control: Control) -> Option<Presence> {
    let memory = Memory::default();
    let mut others = receiver(&memory, EARLY);
    let [first, second] = [10, 11].map(|id| joined(&memory, id));
    left(&memory, &first, 10);
    memory.control.set(control);
    let replaces = || {
        joined(&memory, 12);
        left(&memory, &second, 11);
    };
    let process = process(&memory, EARLY).interrupted(at, replaces);
    presence(&process, Senders, &mut others).unwrap()
}

#[test]
fn a_look_finds_a_process_if_one_is_there_at_each_instant() {
    assert!((0..ALL).all(|at| a_look_beside_a_change(at, Control::None) == Some(There)));
}

#[test]
fn a_look_that_loads_each_word_once_finds_no_process_although_one_is_there() {
    let found = |at| a_look_beside_a_change(at, Control::LoadedOnce);
    assert!((0..ALL).any(|at| found(at) == Some(CLOSED)));
}

#[test]
fn a_process_leaves_once() {
    let memory = Memory::default();
    let mut others = receiver(&memory, EARLY);
    let place = joined(&memory, 11);
    left(&memory, &place, 11);
    joined(&memory, 12);
    left(&memory, &place, 11);
    assert_eq!(ids(&memory), [12]);
    assert_eq!(looked(&memory, EARLY, &mut others), There);
}

/// The child has a copy of the place.
#[test]
fn a_forked_child_does_not_leave_for_its_parent() {
    let memory = Memory::default();
    let place = joined(&memory, 11);
    left(&memory, &place, 12);
    assert_eq!(ids(&memory), [11]);
}

/// The sender leaves before the child joins. The child continues with what its parent knew.
#[test]
fn a_forked_child_notices_what_happened_before_it_joined() {
    let memory = Memory::default();
    let place = joined(&memory, 11);
    let mut inherited = receiver(&memory, EARLY);
    left(&memory, &place, 11);
    let mut new = receiver(&memory, 12);
    assert_eq!(looked(&memory, 12, &mut inherited), CLOSED);
    assert_eq!(looked(&memory, 12, &mut new), NeverThere);
}

#[test]
fn a_process_whose_leave_failed_gets_its_place_again() {
    let memory = Memory::default();
    let place = joined(&memory, 11);
    joined(&memory, 12);
    assert_eq!(joined(&memory, 11), place);
    assert_eq!(ids(&memory), [11, 12]);
}

#[test]
fn a_forked_child_that_has_not_used_its_place_leaves_it() {
    let memory = Memory::default();
    let mut others = receiver(&memory, EARLY);
    let place = forked(&memory, 11);
    assert_eq!(looked(&memory, EARLY, &mut others), There);
    assert_eq!(count(&process(&memory, 11), Senders), Ok(1));
    left(&memory, &place, 11);
    assert_eq!(ids(&memory), [0; 0]);
    assert_eq!(looked(&memory, EARLY, &mut others), CLOSED);
}

/// The sender sends, forks a child, and crashes. The child says nothing about that.
#[test]
fn a_forked_child_that_ends_does_not_hide_a_crash() {
    let memory = Memory::default();
    joined(&memory, 11);
    forked(&memory, 12);
    ended(&memory, 11);
    let mut others = receiver(&memory, EARLY);
    ended(&memory, 12);
    let mut late = receiver(&memory, LATE);
    assert_eq!(looked(&memory, EARLY, &mut others), DIED);
    late.note_message();
    assert_eq!(looked(&memory, LATE, &mut late), DIED);
}

#[test]
fn a_side_is_full_if_all_its_processes_are_alive() {
    let memory = Memory::default();
    let mut others = receiver(&memory, EARLY);
    let all = 100..100 + PLACES as u64;
    for id in all.clone() {
        joined(&memory, id);
    }
    assert_eq!(join(&process(&memory, 11), Senders, 11, Reason::Use), Ok(None));
    assert_eq!(count(&process(&memory, 11), Senders), Ok(PLACES));
    // A full side loses nothing, and the other side has its own places.
    receiver(&memory, LATE);
    all.for_each(|id| ended(&memory, id));
    assert_eq!(count(&process(&memory, 11), Senders), Ok(0));
    joined(&memory, 11);
    assert_eq!(ids(&memory), [11]);
    assert_eq!(looked(&memory, EARLY, &mut others), There);
}

/// Process 12 removes the id of the crashed process before the receiver looks.
#[test]
fn a_crash_is_reported_also_if_other_processes_joined_and_left_since() {
    let memory = Memory::default();
    let mut others = receiver(&memory, EARLY);
    joined(&memory, 11);
    ended(&memory, 11);
    let place = joined(&memory, 12);
    assert_eq!(ids(&memory), [12]);
    left(&memory, &place, 12);
    assert_eq!(looked(&memory, EARLY, &mut others), DIED);
}

#[test]
fn a_crash_before_the_receiver_joined_is_not_reported() {
    let memory = Memory::default();
    joined(&memory, 11);
    ended(&memory, 11);
    let mut others = receiver(&memory, EARLY);
    let place = joined(&memory, 12);
    left(&memory, &place, 12);
    assert_eq!(looked(&memory, EARLY, &mut others), CLOSED);
}

/// Nothing but a message shows that a sender was there.
#[test]
fn a_receiver_that_comes_last_learns_how_the_sender_left() {
    for (has_crashed, answer) in [(false, CLOSED), (true, DIED)] {
        let memory = Memory::default();
        let place = joined(&memory, 11);
        if !has_crashed {
            left(&memory, &place, 11);
        }
        ended(&memory, 11);
        let mut others = receiver(&memory, EARLY);
        assert_eq!(looked(&memory, EARLY, &mut others), NeverThere);
        others.note_message();
        assert_eq!(looked(&memory, EARLY, &mut others), answer);
    }
}

#[test]
fn a_receiver_that_restarts_after_a_crash_of_all_processes_waits() {
    let memory = Memory::default();
    receiver(&memory, EARLY);
    joined(&memory, 11);
    ended(&memory, EARLY);
    ended(&memory, 11);
    let mut others = receiver(&memory, LATE);
    assert_eq!(looked(&memory, LATE, &mut others), NeverThere);
    joined(&memory, 12);
    assert_eq!(looked(&memory, LATE, &mut others), There);
}

#[test]
fn a_side_is_in_doubt_until_a_look_finds_a_process() {
    let memory = Memory::default();
    let [first, _] = [11, 12].map(|id| joined(&memory, id));
    let mut others = receiver(&memory, EARLY);
    let process = process(&memory, EARLY);
    let is_in_doubt = |others: &Others| is_in_doubt(&process, Senders, others).unwrap();
    assert!(!is_in_doubt(&others));
    left(&memory, &first, 11);
    assert!(is_in_doubt(&others));
    assert_eq!(looked(&memory, EARLY, &mut others), There);
    assert!(!is_in_doubt(&others));
    ended(&memory, 12);
    assert!(!is_in_doubt(&others));
    assert_eq!(looked(&memory, EARLY, &mut others), DIED);
    // As long as no process comes.
    assert!(is_in_doubt(&others));
    joined(&memory, 13);
    assert_eq!(looked(&memory, EARLY, &mut others), There);
    assert!(!is_in_doubt(&others));
}

/// The other direction: what a sender learns.
#[test]
fn a_sender_notices_that_the_receivers_are_gone() {
    for (has_crashed, answer) in [(false, CLOSED), (true, DIED)] {
        let memory = Memory::default();
        let sender = process(&memory, 11);
        let mut others = join(&sender, Senders, 11, Reason::Use).unwrap().unwrap().1;
        let mut looked = || presence(&sender, Receivers, &mut others).unwrap().unwrap();
        assert_eq!(looked(), NeverThere);
        let receiver = process(&memory, EARLY);
        let place = join(&receiver, Receivers, EARLY, Reason::Use).unwrap().unwrap().0;
        assert_eq!(looked(), There);
        if !has_crashed {
            leave(&receiver, &place).unwrap();
        }
        ended(&memory, EARLY);
        assert_eq!(looked(), answer);
    }
}

/// Any words are a valid state: only the kernel's answers count.
#[test]
fn words_of_another_program_do_no_harm() {
    let mut random = 1u64;
    for _ in 0..200 {
        let memory = Memory::default();
        for word in (SENDERS_JOINED..RECEIVERS + 8 * PLACES).step_by(8) {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            memory.set(word, random | random >> 32);
        }
        let mut others = receiver(&memory, EARLY);
        assert_eq!(looked(&memory, EARLY, &mut others), NeverThere);
        let place = joined(&memory, 11);
        left(&memory, &place, 11);
        assert_eq!(looked(&memory, EARLY, &mut others), CLOSED);
    }
}
