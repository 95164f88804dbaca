//! The registry: every watched region, as the handler of signals reads it.
//!
//! A slot holds one region. Slots lie in chunks, each twice as large as the one before, which are never freed, so the handler reads
//! them without a lock. A slot that is given back goes on a stack of free ones: to take one and to give one back costs the
//! same however many there are.
//!
//! # Safety
//!
//! - A chunk is leaked when it is made, and stays where it is.
//! - A [`Damage`] is freed after its slot was cleared and nobody looks at it (`Slot::clear`).

#![allow(unsafe_code)]

use std::{
    hint,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::damage::Damage;

/// Slots of the first chunk.
const FIRST: usize = 64;
/// Enough for as many slots as numbers of 32 bits count.
const CHUNKS: usize = 26;

static REGISTRY: Registry = Registry::new();

/// Takes a slot for a region.
pub(super) fn enter(damage: NonNull<Damage>) -> &'static Slot {
    let slot = REGISTRY.take();
    slot.damage.store(damage.as_ptr(), SeqCst);
    slot
}

/// Takes a region out, and waits until no handler looks at it.
pub(super) fn leave(slot: &'static Slot) {
    slot.clear();
    REGISTRY.give_back(slot);
}

/// Whether `what` holds for one of the regions, in the order of their slots. For the handler of signals.
pub(super) fn any(what: impl Fn(&Damage) -> bool) -> bool {
    REGISTRY.slots().any(|slot| slot.look(&what))
}

/// A forked child has one thread, which is in no handler: nobody looks at anything there.
pub(in crate::sys::unix) fn forget_handlers() {
    REGISTRY.slots().for_each(|slot| slot.looking.store(0, SeqCst));
}

/// A place for a region.
#[derive(Debug)]
pub(super) struct Slot {
    number: u32,
    damage: AtomicPtr<Damage>,
    /// Handlers that look at `damage`.
    looking: AtomicUsize,
    /// The free slot below this one on the stack, counted from 1; 0 for none.
    below: AtomicU32,
}

impl Slot {
    fn new(number: usize) -> Slot {
        Slot {
            number: number as u32,
            damage: AtomicPtr::new(ptr::null_mut()),
            looking: AtomicUsize::new(0),
            below: AtomicU32::new(0),
        }
    }

    fn look(&self, what: impl FnOnce(&Damage) -> bool) -> bool {
        self.looking.fetch_add(1, SeqCst);
        // SAFETY: null, or not freed while this handler is counted (clear).
        let found = unsafe { self.damage.load(SeqCst).as_ref() }.is_some_and(what);
        self.looking.fetch_sub(1, SeqCst);
        found
    }

    /// Takes the damage out and waits for the handlers that may have seen it. They never wait for anything themselves.
    fn clear(&self) {
        self.damage.store(ptr::null_mut(), SeqCst);
        while self.looking.load(SeqCst) != 0 {
            hint::spin_loop();
            thread::yield_now();
        }
    }
}

struct Registry {
    chunks: [AtomicPtr<Slot>; CHUNKS],
    /// Slots that were ever taken; all of them have their chunks.
    used: AtomicUsize,
    /// Top of the stack of free slots, counted from 1; above it a number that every change raises, so that nobody takes an old
    /// top for the present one.
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
            let below = u64::from(slot.below.load(SeqCst));
            if self.free.compare_exchange(top, raised(top) | below, SeqCst, SeqCst).is_ok() {
                return slot;
            }
        }
    }

    fn give_back(&self, slot: &'static Slot) {
        loop {
            let top = self.free.load(SeqCst);
            slot.below.store(top as u32, SeqCst);
            let next = raised(top) | u64::from(slot.number + 1);
            if self.free.compare_exchange(top, next, SeqCst, SeqCst).is_ok() {
                return;
            }
        }
    }

    /// A slot that nobody had yet.
    fn fresh(&self) -> &'static Slot {
        loop {
            let used = self.used.load(SeqCst);
            self.make_chunk(place(used).0);
            // Counted after its chunk is there, for the handler.
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
        if self.chunks[chunk].compare_exchange(ptr::null_mut(), new.cast(), SeqCst, SeqCst).is_err() {
            // SAFETY: made above, and given to nobody: another thread was faster.
            drop(unsafe { Box::from_raw(new) });
        }
    }

    /// The slot of a number below `used`.
    fn slot(&self, number: usize) -> &'static Slot {
        let (chunk, inside) = place(number);
        let at = self.chunks[chunk].load(SeqCst).wrapping_add(inside);
        // SAFETY: the chunk was made before the number was counted as used, is as long as `place` says, and stays.
        unsafe { &*at }
    }

    fn slots(&self) -> impl Iterator<Item = &'static Slot> {
        (0..self.used.load(SeqCst)).map(|number| self.slot(number))
    }
}

/// The chunk of a slot, and its place in there.
fn place(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST + 1).ilog2() as usize;
    (chunk, number - start(chunk))
}

/// The number of a chunk's first slot.
fn start(chunk: usize) -> usize {
    FIRST * ((1 << chunk) - 1)
}

fn raised(top: u64) -> u64 {
    (top >> 32).wrapping_add(1) << 32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let places: Vec<_> = (0..10_000).map(place).collect();
        assert_eq!(places.iter().collect::<HashSet<_>>().len(), places.len());
        assert!(places.iter().all(|&(chunk, inside)| inside < FIRST << chunk));
        assert_eq!(places[FIRST..FIRST + 2], [(1, 0), (1, 1)]);
    }

    #[test]
    fn nobody_gets_a_slot_that_another_has_and_free_ones_are_used_again() {
        static OWN: Registry = Registry::new();
        const THREADS: usize = 4;
        const EACH: usize = 100;
        let crowd = || {
            for round in 0..200 {
                let slots: Vec<_> = (0..EACH).map(|_| OWN.take()).collect();
                // `looking` notes whose the slot is: whoever finds another there was given what is not free.
                assert!(slots.iter().all(|slot| slot.looking.swap(1, SeqCst) == 0), "round {round}");
                assert!(slots.iter().all(|slot| slot.looking.swap(0, SeqCst) == 1), "round {round}");
                slots.into_iter().for_each(|slot| OWN.give_back(slot));
            }
        };
        thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(crowd))));
        assert!(OWN.used.load(SeqCst) <= THREADS * EACH, "{} slots", OWN.used.load(SeqCst));
        assert_eq!(OWN.slots().map(|slot| slot.number).collect::<HashSet<_>>().len(), OWN.used.load(SeqCst));
    }
}
