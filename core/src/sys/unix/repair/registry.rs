//! The registry of watched regions, which the signal handler reads without a lock.
//!
//! A slot holds one region. Slots are allocated in chunks that double in size and are never freed,
//! so the handler can read them without a lock. Free slots form a stack: taking and returning a
//! slot takes constant time.
//!
//! # Safety
//!
//! - A chunk is leaked when it is allocated, and never moves.
//! - A [`Damage`] is freed after its slot was cleared and no handler reads it (`Slot::clear`).

use std::{
    hint,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::damage::Damage;

/// Number of slots in the first chunk.
const FIRST: usize = 64;
/// Enough for slot numbers of 32 bits.
const CHUNKS: usize = 26;

static REGISTRY: Registry = Registry::new();

/// Takes a slot for a region.
pub(super) fn enter(damage: NonNull<Damage>) -> &'static Slot {
    let slot = REGISTRY.take();
    slot.damage.store(damage.as_ptr(), SeqCst);
    slot
}

/// Removes a region and waits until no handler reads it.
pub(super) fn leave(slot: &'static Slot) {
    slot.clear();
    REGISTRY.give_back(slot);
}

/// Whether `predicate` holds for one of the regions, in the order of their slots. Async-signal-safe
/// if `predicate` is.
pub(super) fn any(predicate: impl Fn(&Damage) -> bool) -> bool {
    REGISTRY.slots().any(|slot| slot.read(&predicate))
}

/// Resets the counts of handlers, and what handlers own, in a forked child: its only thread is in
/// no handler.
pub(in crate::sys::unix) fn forget_handlers() {
    for slot in REGISTRY.slots() {
        slot.readers.store(0, SeqCst);
        slot.read(|damage| {
            damage.forget_owner();
            true
        });
    }
}

/// Holds one region.
#[derive(Debug)]
pub(super) struct Slot {
    number: u32,
    damage: AtomicPtr<Damage>,
    /// Number of handlers that read `damage`.
    readers: AtomicUsize,
    /// The next slot on the stack of free slots, counted from 1; 0 for none.
    next_free: AtomicU32,
}

impl Slot {
    fn new(number: usize) -> Slot {
        Slot {
            number: number as u32,
            damage: AtomicPtr::new(ptr::null_mut()),
            readers: AtomicUsize::new(0),
            next_free: AtomicU32::new(0),
        }
    }

    fn read(&self, predicate: impl FnOnce(&Damage) -> bool) -> bool {
        self.readers.fetch_add(1, SeqCst);
        // SAFETY: null, or not freed while this handler is counted (`clear`).
        let found = unsafe { self.damage.load(SeqCst).as_ref() }.is_some_and(predicate);
        self.readers.fetch_sub(1, SeqCst);
        found
    }

    /// Removes the damage and waits for the handlers that may be reading it. Handlers never wait.
    fn clear(&self) {
        self.damage.store(ptr::null_mut(), SeqCst);
        while self.readers.load(SeqCst) != 0 {
            hint::spin_loop();
            thread::yield_now();
        }
    }
}

struct Registry {
    chunks: [AtomicPtr<Slot>; CHUNKS],
    /// Number of slots that were ever taken. Their chunks are allocated.
    used: AtomicUsize,
    /// Lower half: the top of the stack of free slots, counted from 1. Upper half: a version that
    /// every change increments, which prevents the ABA problem.
    free: AtomicU64,
}

impl Registry {
    const fn new() -> Registry {
        Registry {
            chunks: [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS],
            used: AtomicUsize::new(0),
            free: AtomicU64::new(0),
        }
    }

    fn take(&self) -> &'static Slot {
        loop {
            let top = self.free.load(SeqCst);
            let Some(number) = (top as u32).checked_sub(1) else { return self.fresh() };
            let slot = self.slot(number as usize);
            let next = u64::from(slot.next_free.load(SeqCst));
            if self.free.compare_exchange(top, next_version(top) | next, SeqCst, SeqCst).is_ok() {
                return slot;
            }
        }
    }

    fn give_back(&self, slot: &'static Slot) {
        loop {
            let top = self.free.load(SeqCst);
            slot.next_free.store(top as u32, SeqCst);
            let new = next_version(top) | u64::from(slot.number + 1);
            if self.free.compare_exchange(top, new, SeqCst, SeqCst).is_ok() {
                return;
            }
        }
    }

    /// Takes a slot that was never taken before.
    fn fresh(&self) -> &'static Slot {
        loop {
            let used = self.used.load(SeqCst);
            self.make_chunk(position(used).0);
            // Counted after its chunk is allocated, because the handler reads all slots below
            // `used`.
            if self.used.compare_exchange(used, used + 1, SeqCst, SeqCst).is_ok() {
                return self.slot(used);
            }
        }
    }

    fn make_chunk(&self, chunk: usize) {
        if !self.chunks[chunk].load(SeqCst).is_null() {
            return;
        }
        let (first, count) = (start(chunk), FIRST << chunk);
        let new: Box<[Slot]> = (first..first + count).map(Slot::new).collect();
        let new = Box::into_raw(new);
        if self.chunks[chunk].compare_exchange(ptr::null_mut(), new.cast(), SeqCst, SeqCst).is_err()
        {
            // SAFETY: allocated above and not shared: another thread stored its chunk first.
            drop(unsafe { Box::from_raw(new) });
        }
    }

    /// Returns the slot with a number below `used`.
    fn slot(&self, number: usize) -> &'static Slot {
        let (chunk, inside) = position(number);
        let at = self.chunks[chunk].load(SeqCst).wrapping_add(inside);
        // SAFETY: the chunk was allocated before the number was counted as used, has the length
        // that `position` assumes, and is never freed.
        unsafe { &*at }
    }

    fn slots(&self) -> impl Iterator<Item = &'static Slot> {
        (0..self.used.load(SeqCst)).map(|number| self.slot(number))
    }
}

/// Returns the chunk of a slot, and its index in the chunk.
fn position(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST + 1).ilog2() as usize;
    (chunk, number - start(chunk))
}

/// Returns the number of a chunk's first slot.
fn start(chunk: usize) -> usize {
    FIRST * ((1 << chunk) - 1)
}

fn next_version(top: u64) -> u64 {
    (top >> 32).wrapping_add(1) << 32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_slot_number_has_a_distinct_position() {
        let positions: Vec<_> = (0..10_000).map(position).collect();
        assert_eq!(positions.iter().collect::<HashSet<_>>().len(), positions.len());
        assert!(positions.iter().all(|&(chunk, inside)| inside < FIRST << chunk));
        assert_eq!(positions[FIRST..FIRST + 2], [(1, 0), (1, 1)]);
    }

    #[test]
    fn a_slot_has_one_owner_and_free_slots_are_reused() {
        static LOCAL: Registry = Registry::new();
        const THREADS: usize = 4;
        const EACH: usize = 100;
        let work = || {
            for round in 0..200 {
                let slots: Vec<_> = (0..EACH).map(|_| LOCAL.take()).collect();
                // `readers` records whether the slot is in use. Another value means that the slot
                // was not free.
                assert!(
                    slots.iter().all(|slot| slot.readers.swap(1, SeqCst) == 0),
                    "round {round}"
                );
                assert!(
                    slots.iter().all(|slot| slot.readers.swap(0, SeqCst) == 1),
                    "round {round}"
                );
                slots.into_iter().for_each(|slot| LOCAL.give_back(slot));
            }
        };
        thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
        assert!(LOCAL.used.load(SeqCst) <= THREADS * EACH, "{} slots", LOCAL.used.load(SeqCst));
        assert_eq!(
            LOCAL.slots().map(|slot| slot.number).collect::<HashSet<_>>().len(),
            LOCAL.used.load(SeqCst)
        );
    }
}
