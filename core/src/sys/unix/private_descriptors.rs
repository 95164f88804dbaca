//! Descriptors that a forked child does not keep.
//!
//! A lock belongs to an open file description. A copy of its descriptor in a child would keep the
//! lock after the parent has ended, so the child closes it: in the fork handler, or when it notices
//! a fork that ran no handlers. By then its program may have closed the descriptor and opened
//! another file under the number. The child therefore compares device and inode first.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    ptr,
    sync::atomic::{
        AtomicI32, AtomicPtr, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use super::file::identity;

/// States of a slot that holds no descriptor.
const FREE: RawFd = -1;
const RESERVED: RawFd = -2;

/// The place of one descriptor. Slots are never freed: a child reads them without a lock.
#[derive(Debug)]
pub(super) struct Slot {
    descriptor: AtomicI32,
    identity: [AtomicU64; 2],
    next: AtomicPtr<Slot>,
}

static FIRST: AtomicPtr<Slot> = AtomicPtr::new(ptr::null_mut());

/// Has the descriptor closed in children that are forked from now on, until [`Slot::release`].
pub(super) fn register(file: &OwnedFd) -> io::Result<&'static Slot> {
    let identity = identity(file.as_fd())?;
    let slot = slots().find(|slot| slot.reserve()).unwrap_or_else(add);
    let parts = slot.identity.iter().zip(identity);
    parts.for_each(|(part, value)| part.store(value, Relaxed));
    slot.descriptor.store(file.as_raw_fd(), Release);
    Ok(slot)
}

impl Slot {
    fn reserve(&self) -> bool {
        self.descriptor.compare_exchange(FREE, RESERVED, Acquire, Relaxed).is_ok()
    }

    /// Leaves the descriptor to children.
    pub(super) fn release(&self) {
        self.descriptor.store(FREE, Release);
    }

    fn close_in_child(&self) {
        let descriptor = self.descriptor.swap(FREE, AcqRel);
        if descriptor >= 0 && self.is_same_file(descriptor) {
            // SAFETY: the number belongs to a description of the registered file, and no value of
            // this process closes it: owners compare the number of forks.
            unsafe { libc::close(descriptor) };
        }
    }

    pub(super) fn is_same_file(&self, descriptor: RawFd) -> bool {
        // SAFETY: the borrow ends here. If the number is not open, `fstat` reports that.
        let file = unsafe { BorrowedFd::borrow_raw(descriptor) };
        identity(file)
            .is_ok_and(|found| found == self.identity.each_ref().map(|part| part.load(Relaxed)))
    }
}

/// Adds a slot that is reserved.
fn add() -> &'static Slot {
    let slot = Box::into_raw(Box::new(Slot {
        descriptor: AtomicI32::new(RESERVED),
        identity: [const { AtomicU64::new(0) }; 2],
        next: AtomicPtr::new(ptr::null_mut()),
    }));
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

/// Closes the copies of the parent's descriptors. Uses only atomics and system calls.
pub(super) fn close_in_child() {
    slots().for_each(Slot::close_in_child);
}
