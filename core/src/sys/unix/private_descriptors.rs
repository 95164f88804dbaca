//! Descriptors that a forked child does not keep.
//!
//! A lock belongs to an open file description. A copy of its descriptor in a child would keep the
//! lock after the parent has ended, so the child closes it: in the fork handler, or when it notices
//! a fork that ran no handlers. By then its program may have closed the descriptor and opened
//! another file under the number. The child therefore compares device and inode first.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::atomic::{
        AtomicI32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
};

use super::{file::identity, growing_list::GrowingList};

/// States of a slot that holds no descriptor.
const FREE: RawFd = -1;
const RESERVED: RawFd = -2;

/// The place of one descriptor.
#[derive(Debug)]
pub(super) struct Slot {
    descriptor: AtomicI32,
    identity: [AtomicU64; 2],
}

static SLOTS: GrowingList<Slot> = GrowingList::new();

/// Has the descriptor closed in children that are forked from now on, until [`Slot::release`].
pub(super) fn register(file: &OwnedFd) -> io::Result<&'static Slot> {
    let identity = identity(file.as_fd())?;
    let slot =
        SLOTS.iter().find(|slot| slot.reserve()).unwrap_or_else(|| SLOTS.add(Slot::reserved()));
    let parts = slot.identity.iter().zip(identity);
    parts.for_each(|(part, value)| part.store(value, Relaxed));
    slot.descriptor.store(file.as_raw_fd(), Release);
    Ok(slot)
}

impl Slot {
    fn reserved() -> Slot {
        let identity = [const { AtomicU64::new(0) }; 2];
        Slot { descriptor: AtomicI32::new(RESERVED), identity }
    }

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

/// Closes the copies of the parent's descriptors. Uses only atomics and system calls.
pub(super) fn close_in_child() {
    SLOTS.iter().for_each(Slot::close_in_child);
}
