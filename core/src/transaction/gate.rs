//! The gate of a transactional map: a store passes it, and a commit closes it for a moment.
//!
//! A store announces itself, then looks whether the gate is closed. A commit closes the gate, then
//! looks whether a store is announced. So one of them notices the other, if neither processor
//! delays its store behind its load. Fences on both sides would prevent that, but a fence costs as
//! much as the store to the map. So the first threads that store get private slots, and no
//! fence: the commit has the kernel execute one on their processors ([`Barrier::heavy`]).
//!
//! The fast path of a store is two comparisons and two stores. The slot has the number of its
//! owner only while it is idle, so one comparison finds a slot that the thread may use. The map's
//! mark has an end, which is 0 while the gate is closed, so the check of the range is the look at
//! the gate.
//!
//! The owner of a slot never changes, because a former owner may have read its number just before.
//! A later thread may have the number of one that has ended; then it has its slot.

use std::sync::Arc;

use super::system::{
    AtomicUsize, Barrier, Mark,
    Ordering::{Relaxed, Release, SeqCst},
    begin_other_store, end_other_store, has_other_store, pause, this_thread,
};

/// How many threads need no fence.
const SLOTS: usize = 4;

/// What an idle thread's slot never has. No thread has such a number, nor has a thread without one.
const UNUSED: usize = usize::MAX;
const STORING: usize = usize::MAX - 1;

/// The stores of one thread. Aligned, so that two threads do not share a cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    /// The number of the owner while it does not store; else `STORING`, or `UNUSED`.
    state: AtomicUsize,
    /// The number of the owner; 0 for none.
    owner: AtomicUsize,
}

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Gate {
    slots: [Slot; SLOTS],
    /// Has the offset up to which the fast path stores; 0 while the gate is closed.
    mark: Arc<Mark>,
    /// What the mark's end is while the gate is open.
    end: AtomicUsize,
    /// The number of the thread that has closed the gate; 0 if it is open.
    closed: AtomicUsize,
    /// How many stores are in progress of threads without a slot, and of signal handlers that have
    /// interrupted a store.
    others: AtomicUsize,
    barrier: Barrier,
}

/// A store that is in progress, until this is dropped.
#[must_use]
pub(crate) enum Inside<'a> {
    Slot(#[allow(dead_code)] InSlot<'a>),
    Other(#[allow(dead_code)] InOthers<'a>),
}

/// A store of a thread that has a slot.
#[must_use]
pub(crate) struct InSlot<'a> {
    slot: &'a Slot,
    thread: usize,
}

/// Another store.
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

impl Slot {
    fn new() -> Slot {
        Slot { state: AtomicUsize::new(UNUSED), owner: AtomicUsize::new(0) }
    }

    /// Announces a store of the owner. No other thread stores to `state`.
    #[inline]
    fn announce(&self, thread: usize, barrier: &Barrier) -> InSlot<'_> {
        self.state.store(STORING, Relaxed);
        barrier.light();
        InSlot { slot: self, thread }
    }

    fn is_storing(&self) -> bool {
        self.state.load(SeqCst) == STORING
    }

    /// Makes `thread` the owner, if there is none, and announces a store.
    fn take(&self, thread: usize, barrier: &Barrier) -> Option<InSlot<'_>> {
        self.owner.compare_exchange(0, thread, SeqCst, SeqCst).ok()?;
        Some(self.announce(thread, barrier))
    }
}

impl Gate {
    /// The fast path stores up to `end`.
    pub(super) fn new(mark: Arc<Mark>, end: usize) -> Gate {
        mark.set_store_end(end);
        Gate {
            slots: [Slot::new(), Slot::new(), Slot::new(), Slot::new()],
            mark,
            end: AtomicUsize::new(end),
            closed: AtomicUsize::new(0),
            others: AtomicUsize::new(0),
            barrier: Barrier::new(),
        }
    }

    /// Has the fast path store up to `end` while the gate is open. The caller is the only one that
    /// calls this, or closes the gate.
    pub(super) fn set_end(&self, end: usize) {
        self.end.store(end, Relaxed);
        if !self.is_closed() {
            self.mark.set_store_end(end);
        }
    }

    /// Fast path: begins a store of `thread` to bytes of which the last one is at `last`. Returns
    /// `None` if the thread has no slot or is storing already, if the gate is closed, and if `last`
    /// lies beyond the end.
    #[inline(always)]
    pub(super) fn try_enter_to(&self, thread: usize, last: usize) -> Option<InSlot<'_>> {
        let inside = self.try_announce(thread)?;
        (last < self.mark.store_end()).then_some(inside)
    }

    #[inline]
    fn try_announce(&self, thread: usize) -> Option<InSlot<'_>> {
        let slot = self.slots.iter().find(|slot| slot.state.load(Relaxed) == thread)?;
        Some(slot.announce(thread, &self.barrier))
    }

    /// Begins a store. Returns `None` if the gate is closed.
    pub(super) fn try_enter(&self) -> Option<Inside<'_>> {
        let thread = this_thread();
        let inside = match self.try_announce(thread).or_else(|| self.take_slot(thread)) {
            Some(inside) => Inside::Slot(inside),
            None => {
                begin_other_store();
                self.others.fetch_add(1, SeqCst);
                self.barrier.full();
                Inside::Other(InOthers(&self.others))
            }
        };
        (self.closed.load(SeqCst) == 0).then_some(inside)
    }

    /// Takes a slot for a thread that has none.
    fn take_slot(&self, thread: usize) -> Option<InSlot<'_>> {
        let is_owner = |slot: &Slot| slot.owner.load(Relaxed) == thread;
        if !self.barrier.is_heavy() || self.slots.iter().any(is_owner) {
            return None;
        }
        self.slots.iter().find_map(|slot| slot.take(thread, &self.barrier))
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
            let thread = this_thread();
            if self.closed.load(Relaxed) == thread || self.is_inside(thread) {
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
        self.mark.set_store_end(0);
        let closed = Closed(self);
        if !self.barrier.heavy() {
            return Err(Obstacle::NoBarrier);
        }
        if self.is_inside(thread) {
            return Err(Obstacle::OwnThread);
        }
        for slot in &self.slots {
            wait_while(|| slot.is_storing());
        }
        wait_while(|| self.others.load(SeqCst) > 0);
        Ok(closed)
    }

    /// Returns whether a store of `thread`, which is the calling one, is in progress: a signal
    /// handler has interrupted it. May be true also during a store to another map, if it has no
    /// slot there, and another store here has none.
    fn is_inside(&self, thread: usize) -> bool {
        let is_in_slot = |slot: &Slot| slot.owner.load(Relaxed) == thread && slot.is_storing();
        self.slots.iter().any(is_in_slot) || (has_other_store() && self.others.load(SeqCst) > 0)
    }

    /// Returns whether a store would wait.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed) != 0
    }
}

fn wait_while(is_storing: impl Fn() -> bool) {
    let mut round = 0;
    while is_storing() {
        pause(round);
        round += 1;
    }
}

impl Drop for InSlot<'_> {
    #[inline]
    fn drop(&mut self) {
        self.slot.state.store(self.thread, Release);
    }
}

impl Drop for InOthers<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Release);
        end_other_store();
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.mark.set_store_end(self.0.end.load(Relaxed));
        self.0.closed.store(0, Release);
    }
}
