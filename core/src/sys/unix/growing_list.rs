//! A list that only grows, so that a forked child reads it without a lock.

#![allow(unsafe_code)]

use std::{
    iter, ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Acquire, Relaxed},
    },
};

/// Values that are never freed.
#[derive(Debug)]
pub(super) struct GrowingList<T: 'static> {
    first: AtomicPtr<Node<T>>,
}

#[derive(Debug)]
struct Node<T: 'static> {
    value: T,
    next: AtomicPtr<Node<T>>,
}

impl<T: Sync + 'static> GrowingList<T> {
    pub(super) const fn new() -> GrowingList<T> {
        GrowingList { first: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Adds a value, which is published by one store.
    pub(super) fn add(&self, value: T) -> &'static T {
        let node = Box::into_raw(Box::new(Node { value, next: AtomicPtr::new(ptr::null_mut()) }));
        // SAFETY: the node was just allocated, and is never freed.
        let added = unsafe { &*node };
        loop {
            let first = self.first.load(Acquire);
            added.next.store(first, Relaxed);
            if self.first.compare_exchange(first, node, AcqRel, Relaxed).is_ok() {
                return &added.value;
            }
        }
    }

    /// All values, the last one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'static T> + use<T> {
        iter::successors(node(&self.first), |last| node(&last.next)).map(|node| &node.value)
    }
}

fn node<T>(link: &AtomicPtr<Node<T>>) -> Option<&'static Node<T>> {
    // SAFETY: null, or a node, which is never freed.
    unsafe { link.load(Acquire).as_ref() }
}
