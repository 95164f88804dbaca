//! The gate of a transactional map: a store passes it, and a commit closes it for a moment.
//!
//! A store announces itself, then looks whether the gate is closed. A commit closes the gate, then
//! looks whether a store is announced. So one of them notices the other, if neither processor
//! delays its store behind its load. Fences on both sides would prevent that, but a fence costs as
//! much as the store to the map. So the first threads that store get private slots, and no
//! fence: the commit has the kernel execute one on their processors ([`Barrier::heavy`]).
//!
//! The owner of a slot never changes, because a former owner may have read its number just before.
//! A later thread may have the number of one that has ended; then it has its slot.

use super::system::{
    AtomicUsize, Barrier,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    pause, this_thread,
};

/// How many threads need no fence.
const SLOTS: usize = 4;

/// The stores of one thread. Aligned, so that two threads do not share a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    /// The number of the thread; 0 for none.
    owner: AtomicUsize,
    /// How many stores are in progress. Several, if a signal handler stores as well.
    stores: AtomicUsize,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Gate {
    /// The number of the thread that has closed the gate; 0 if it is open.
    closed: AtomicUsize,
    barrier: Barrier,
    slots: [Slot; SLOTS],
    /// How many stores of threads without a slot are in progress.
    others: AtomicUsize,
}

/// A store that is in progress, until this is dropped.
#[must_use]
pub(crate) enum Inside<'a> {
    Slot(#[allow(dead_code)] InSlot<'a>),
    Other(#[allow(dead_code)] InOthers<'a>),
}

/// A store of a thread that has a slot.
#[must_use]
pub(crate) struct InSlot<'a>(&'a AtomicUsize);

/// A store of another thread.
#[must_use]
pub(crate) struct InOthers<'a>(&'a AtomicUsize);

/// The gate is closed, until this is dropped.
#[must_use]
pub(super) struct Closed<'a>(&'a Gate);

/// Why the gate cannot be passed or closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The thread would wait for itself: a signal handler has interrupted its commit or its store.
    OwnThread,
    /// The system has no barrier any more: a filter of system calls was installed.
    NoBarrier,
}

impl Gate {
    pub(super) fn new() -> Gate {
        let slot = || Slot { owner: AtomicUsize::new(0), stores: AtomicUsize::new(0) };
        Gate {
            closed: AtomicUsize::new(0),
            barrier: Barrier::new(),
            slots: [slot(), slot(), slot(), slot()],
            others: AtomicUsize::new(0),
        }
    }

    /// Begins a store of a thread that has a slot. Returns `None` if it has none, or the gate is
    /// closed.
    #[inline]
    pub(super) fn try_enter_slot(&self) -> Option<InSlot<'_>> {
        let thread = this_thread();
        let mut slots = self.slots.iter();
        let slot = slots.find(|slot| slot.owner.load(Relaxed) == thread)?;
        self.enter_slot(slot)
    }

    #[inline]
    fn enter_slot<'a>(&'a self, slot: &'a Slot) -> Option<InSlot<'a>> {
        // No other thread stores to it.
        slot.stores.store(slot.stores.load(Relaxed) + 1, Relaxed);
        let inside = InSlot(&slot.stores);
        self.barrier.light();
        if self.closed.load(Acquire) == 0 { Some(inside) } else { None }
    }

    /// Begins a store. Returns `None` if the gate is closed.
    pub(super) fn try_enter(&self) -> Option<Inside<'_>> {
        let thread = this_thread();
        let mut slots = self.slots.iter();
        match slots.find(|slot| slot.owner.load(Relaxed) == thread) {
            Some(slot) => self.enter_slot(slot).map(Inside::Slot),
            None => self.enter_new(thread),
        }
    }

    #[cold]
    fn enter_new(&self, thread: usize) -> Option<Inside<'_>> {
        let take = |slot: &&Slot| slot.owner.compare_exchange(0, thread, SeqCst, SeqCst).is_ok();
        if let Some(slot) = self.slots.iter().filter(|_| self.barrier.is_heavy()).find(take) {
            return self.enter_slot(slot).map(Inside::Slot);
        }
        self.others.fetch_add(1, SeqCst);
        let inside = Inside::Other(InOthers(&self.others));
        self.barrier.full();
        (self.closed.load(SeqCst) == 0).then_some(inside)
    }

    /// Begins a store. Waits while the gate is closed, and calls `is_needed` now and then.
    pub(super) fn enter<E: From<Obstacle>>(
        &self,
        is_needed: impl Fn() -> Result<(), E>,
    ) -> Result<Inside<'_>, E> {
        for round in 0.. {
            if let Some(inside) = self.try_enter() {
                return Ok(inside);
            }
            if self.closed.load(Relaxed) == this_thread() {
                return Err(Obstacle::OwnThread.into());
            }
            is_needed()?;
            pause(round);
        }
        unreachable!("the loop has no end")
    }

    /// Closes the gate, and waits for the stores in progress. The caller is the only one that
    /// closes it.
    pub(super) fn close(&self) -> Result<Closed<'_>, Obstacle> {
        let thread = this_thread();
        self.closed.store(thread, SeqCst);
        let closed = Closed(self);
        if !self.barrier.heavy() {
            return Err(Obstacle::NoBarrier);
        }
        for slot in &self.slots {
            // Only this thread itself could end that store.
            if slot.owner.load(Relaxed) == thread && slot.stores.load(Relaxed) > 0 {
                return Err(Obstacle::OwnThread);
            }
            wait_for(&slot.stores);
        }
        wait_for(&self.others);
        Ok(closed)
    }

    /// Returns whether a store would wait.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed) != 0
    }
}

fn wait_for(stores: &AtomicUsize) {
    let mut round = 0;
    while stores.load(SeqCst) > 0 {
        pause(round);
        round += 1;
    }
}

impl Drop for InSlot<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.store(self.0.load(Relaxed) - 1, Release);
    }
}

impl Drop for InOthers<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Release);
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.closed.store(0, Release);
    }
}
