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

use super::repair::Mark;

#[derive(Debug)]
struct Slot {
    /// Null if the slot is free.
    mark: AtomicPtr<Mark>,
    next: AtomicPtr<Slot>,
}

static FIRST: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());

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
        let take = |slot: &&Slot| {
            slot.mark.compare_exchange(ptr::null_mut(), pointer, AcqRel, Relaxed).is_ok()
        };
        OwnMap { slot: slots().find(take).unwrap_or_else(|| add(pointer)), mark }
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }
}

impl Drop for OwnMap {
    fn drop(&mut self) {
        self.slot.mark.store(ptr::null_mut(), Release);
    }
}

fn add(mark: *mut Mark) -> &'static Slot {
    let (mark, next) = (AtomicPtr::new(mark), AtomicPtr::new(ptr::null_mut()));
    let slot = Box::into_raw(Box::new(Slot { mark, next }));
    // SAFETY: the slot was just allocated, and is never freed.
    let added = unsafe { &*slot };
    loop {
        let first = FIRST.load(Acquire);
        added.next.store(first, Relaxed);
        if FIRST.compare_exchange(first, slot, AcqRel, Relaxed).is_ok() {
            return added;
        }
    }
}

fn slots() -> impl Iterator<Item = &'static Slot> {
    std::iter::successors(slot(&FIRST), |last| slot(&last.next))
}

fn slot(link: &AtomicPtr<Slot>) -> Option<&'static Slot> {
    // SAFETY: null, or a slot, which is never freed.
    unsafe { link.load(Acquire).as_ref() }
}

/// Sets the marks of the parent's maps. Uses only atomics.
pub(super) fn end_in_child() {
    for slot in slots() {
        // SAFETY: null, or a mark that existed when the process was forked. Its value frees it
        // after the slot, which this thread of the child alone reads, was cleared.
        if let Some(mark) = unsafe { slot.mark.load(Acquire).as_ref() } {
            mark.end();
        }
    }
}
