//! Checks in every interleaving that no store is lost beside a commit.
//!
//! The model has a fence where the library has the kernel execute one on all processors, and one
//! where the compiler must not move accesses: `loom` has no membarrier. Without either, it finds
//! the lost store.

use std::{cell::Cell, panic, sync::Arc};

use loom::{
    sync::atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
        fence,
    },
    thread,
};

mod system {
    pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};

    pub(super) use super::{
        Barrier, Mark, begin_other_store, end_other_store, has_other_store, pause, this_thread,
    };
}

#[allow(dead_code)]
#[path = "../../src/transaction/gate.rs"]
mod protocol;

use protocol::{Gate, Inside, Obstacle};

thread_local! {
    /// The threads of a model run on one thread of the system.
    static LACKS_LIGHT: Cell<bool> = const { Cell::new(false) };
    static LACKS_HEAVY: Cell<bool> = const { Cell::new(false) };
    static HAS_SLOTS: Cell<bool> = const { Cell::new(true) };
    static IS_OPEN: Cell<bool> = const { Cell::new(false) };
    static LACKS_END: Cell<bool> = const { Cell::new(false) };
    static LACKS_COUNT: Cell<bool> = const { Cell::new(false) };
}

loom::thread_local! {
    static NUMBER: Cell<usize> = Cell::new(0);
    static OTHER_STORES: Cell<usize> = Cell::new(0);
}

#[derive(Debug)]
struct Barrier;

impl Barrier {
    fn new() -> Barrier {
        Barrier
    }

    fn is_heavy(&self) -> bool {
        HAS_SLOTS.get()
    }

    fn light(&self) {
        if !LACKS_LIGHT.get() {
            fence(SeqCst);
        }
    }

    fn full(&self) {
        fence(SeqCst);
    }

    fn heavy(&self) -> bool {
        if !LACKS_HEAVY.get() {
            fence(SeqCst);
        }
        true
    }
}

/// As far as the gate needs it.
#[derive(Debug)]
struct Mark(AtomicUsize);

impl Mark {
    fn store_end(&self) -> usize {
        if LACKS_END.get() { 1 } else { self.0.load(SeqCst) }
    }

    fn set_store_end(&self, end: usize) {
        self.0.store(end, SeqCst);
    }
}

fn this_thread() -> usize {
    NUMBER.with(Cell::get)
}

fn begin_other_store() {
    OTHER_STORES.with(|stores| stores.set(stores.get() + 1));
}

fn end_other_store() {
    OTHER_STORES.with(|stores| stores.set(stores.get() - 1));
}

fn has_other_store() -> bool {
    !LACKS_COUNT.get() && OTHER_STORES.with(Cell::get) > 0
}

fn pause(_: u32) {
    thread::yield_now();
}

/// A page, the file, and the gate. A commit copies the page to the file and drops it: what is
/// stored to it in between is lost.
struct Map {
    gate: Gate,
    page: AtomicUsize,
    file: AtomicUsize,
}

impl Map {
    fn new() -> Map {
        let gate = Gate::new(Arc::new(Mark(AtomicUsize::new(0))), 1);
        Map { gate, page: AtomicUsize::new(0), file: AtomicUsize::new(0) }
    }

    fn enter(&self) -> Option<Inside<'_>> {
        let inside = self.gate.try_enter_to(this_thread(), 0).map(Inside::Slot);
        inside.or_else(|| self.gate.try_enter())
    }

    /// Adds to the page, unless the gate is closed. Each thread adds another digit. Returns what it
    /// has added. If `handlers` is not 0, a signal handler interrupts the store, and stores.
    fn store(&self, digit: usize, handlers: usize) -> usize {
        let Some(_inside) = self.enter() else { return 0 };
        let by_handler = if handlers > 0 { self.store_in_handler(digit) } else { 0 };
        self.page.fetch_add(digit, Relaxed);
        digit + by_handler
    }

    /// Waits while the gate is closed, unless a commit waits for the store that was interrupted.
    fn store_in_handler(&self, digit: usize) -> usize {
        let is_needed = || Ok::<(), Obstacle>(());
        let Ok(_inside) = self.gate.enter(is_needed) else { return 0 };
        self.page.fetch_add(digit, Relaxed);
        digit
    }

    fn commit(&self) {
        let closed = (!IS_OPEN.get()).then(|| self.gate.close().unwrap());
        let copy = self.page.load(Relaxed);
        self.file.store(self.file.load(Relaxed) + copy, Relaxed);
        self.page.store(0, Relaxed);
        drop(closed);
    }
}

/// One thread commits while others store.
fn explore(threads: usize, stores: usize, handlers: usize) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        NUMBER.with(|number| number.set(1));
        let map = Arc::new(Map::new());
        let run = |number: usize| {
            let map = Arc::clone(&map);
            thread::spawn(move || {
                NUMBER.with(|here| here.set(number));
                let digit = 100_usize.pow(number as u32 - 2);
                (0..stores).map(|_| map.store(digit, handlers)).sum::<usize>()
            })
        };
        let storing: Vec<_> = (2..2 + threads).map(run).collect();
        map.commit();
        let stored: usize = storing.into_iter().map(|thread| thread.join().unwrap()).sum();
        map.commit();
        assert_eq!(map.file.load(Relaxed), stored, "a store was lost");
    });
}

type Control = std::thread::LocalKey<Cell<bool>>;

fn finds_a_loss(control: &'static Control, value: bool) -> bool {
    // The second store has a slot.
    fails(control, value, || explore(1, 2, 0))
}

fn fails(control: &'static Control, value: bool, model: fn()) -> bool {
    control.set(value);
    let found = panic::catch_unwind(model).is_err();
    control.set(!value);
    found
}

#[test]
fn no_store_is_lost_with_slots_or_without() {
    for has_slots in [true, false] {
        HAS_SLOTS.set(has_slots);
        explore(1, 2, 0);
        explore(2, 1, 0);
        explore(1, 1, 1);
    }
    HAS_SLOTS.set(true);
}

#[test]
fn without_a_barrier_or_the_gate_a_store_is_lost() {
    assert!(finds_a_loss(&LACKS_LIGHT, true));
    assert!(finds_a_loss(&LACKS_HEAVY, true));
    assert!(finds_a_loss(&IS_OPEN, true));
    assert!(finds_a_loss(&LACKS_END, true));
}

/// The model has no end then.
#[test]
fn without_a_count_a_handler_waits_for_a_commit_that_waits_for_its_thread() {
    HAS_SLOTS.set(false);
    assert!(fails(&LACKS_COUNT, true, || explore(1, 1, 1)));
    HAS_SLOTS.set(true);
}
