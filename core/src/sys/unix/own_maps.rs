//! Maps that a forked child must not use.
//!
//! Their marks are in a list of slots that only grows, so that a child reads it without a lock.

#![allow(unsafe_code)]

use std::{
    ptr,
    sync::{
        Arc,
        atomic::{
            AtomicPtr,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

use super::{growing_list::GrowingList, repair::Mark};

/// The mark of a map; null if the slot is free.
type Slot = AtomicPtr<Mark>;

static SLOTS: GrowingList<Slot> = GrowingList::new();

/// Children that are forked set the mark, until this is dropped.
#[derive(Debug)]
pub(crate) struct OwnMap {
    slot: &'static Slot,
    /// Freed after the slot no longer refers to it.
    mark: Arc<Mark>,
}

impl OwnMap {
    pub(crate) fn new(mark: Arc<Mark>) -> OwnMap {
        let pointer = Arc::as_ptr(&mark).cast_mut();
        let take =
            |slot: &&Slot| slot.compare_exchange(ptr::null_mut(), pointer, AcqRel, Relaxed).is_ok();
        let slot = SLOTS.iter().find(take).unwrap_or_else(|| SLOTS.add(Slot::new(pointer)));
        OwnMap { slot, mark }
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }
}

impl Drop for OwnMap {
    fn drop(&mut self) {
        self.slot.store(ptr::null_mut(), Release);
    }
}

/// Sets the marks of the parent's maps. Uses only atomics.
pub(super) fn end_in_child() {
    for slot in SLOTS.iter() {
        // SAFETY: null, or a mark that existed when the process was forked. Its value frees it
        // after the slot, which this thread of the child alone reads, was cleared.
        if let Some(mark) = unsafe { slot.load(Acquire).as_ref() } {
            mark.end();
        }
    }
}
