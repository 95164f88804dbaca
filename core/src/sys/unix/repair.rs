//! Repair: in watched regions, the signal handler replaces pages that external code cannot access.
//!
//! Accessors report a fault to their caller. External code that holds a `memoryview` or a slice of
//! the map cannot. When such code faults, the handler looks up the fault *address* here, maps a
//! page of zeros there, records the damage and lets the code continue.
//!
//! The handler reads the `registry` of watched regions, so the registry takes no lock. A region is
//! unmapped only after it was removed from the registry and no handler uses it any more.
//!
//! # Safety
//!
//! A [`Damage`] is freed, and its region is unmapped, after `registry::leave` has returned: no
//! handler uses it then.

#![allow(unsafe_code)]

mod count;
mod damage;
mod exclusion;
mod probe;
mod record;
mod registry;
mod report;
mod spare;

/// The atomics of `record`, for which `model` has others.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
}

use std::{io, ops::Range, os::fd::BorrowedFd, ptr::NonNull, sync::Arc};

use super::access_kind::FaultAccess;
use crate::{flags::Protection, sys::request::MapRequest};
pub(crate) use count::damages;
use damage::Damage;
pub(crate) use record::{Mark, Reaction};
use registry::Slot;
pub(super) use registry::forget_handlers;

/// Whether pages of a map can be replaced while it is mapped.
pub(crate) const POSSIBLE: bool = true;

/// Keeps a region under watch until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    slot: &'static Slot,
    damage: NonNull<Damage>,
}

// SAFETY: a watch owns its damage, which consists of atomics and numbers.
unsafe impl Send for Watch {}
// SAFETY: as above.
unsafe impl Sync for Watch {}

impl Watch {
    /// Watches `size` bytes of whole pages at `start`, which are mapped as `request` says.
    ///
    /// The caller has installed the signal handlers.
    pub(super) fn new(
        start: usize,
        size: usize,
        lead: usize,
        request: MapRequest,
        mark: Arc<Mark>,
    ) -> io::Result<Watch> {
        spare::keep();
        let damage = Box::new(Damage::new(start, size, lead, request, mark)?);
        let damage = NonNull::from(Box::leak(damage));
        Ok(Watch { slot: registry::enter(damage), damage })
    }

    /// Maps the file again where pages were replaced. `offset` is the file offset of the region.
    pub(super) fn restore(&self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        self.damage().restore(file, offset)
    }

    /// Records that all pages have another protection.
    pub(super) fn set_protection(&self, protection: Protection) {
        self.damage().set_protection(protection);
    }

    /// Whether no page is replaced.
    pub(super) fn is_intact(&self) -> bool {
        self.damage().is_intact()
    }

    /// The first byte of `range`, which counts from the region's start, in a replaced page.
    pub(super) fn first_in(&self, range: Range<usize>) -> Option<usize> {
        self.damage().first_in(range)
    }

    fn damage(&self) -> &Damage {
        // SAFETY: only `drop` frees it.
        unsafe { self.damage.as_ref() }
    }
}

impl Mark {
    /// Like [`Mark::first`], after a handler has recorded what it replaces at the moment.
    pub(crate) fn first_after_repair(&self) -> Option<usize> {
        exclusion::wait(self, |_| self.first())
    }

    /// The number and the offset of the fault that ended the intact state; `None` if it lasts.
    pub(crate) fn first_fault(&self) -> Option<(usize, usize)> {
        self.first().and_then(|_| exclusion::wait(self, |exclusive| self.beginning(exclusive)))
    }

    /// Records that the map is intact, if `is_intact` returns that for all of its regions.
    pub(crate) fn clear_if(&self, is_intact: impl Fn() -> bool) {
        exclusion::wait(self, |exclusive| {
            if is_intact() {
                self.clear(exclusive);
            }
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        registry::leave(self.slot);
        // SAFETY: leaked by `new`. No handler uses it after `leave`.
        drop(unsafe { Box::from_raw(self.damage.as_ptr()) });
    }
}

/// Whether `address` lies in a watched region, in a page that has not been replaced.
/// Async-signal-safe.
#[allow(dead_code)] // Called on Linux with x86-64 or 64-bit ARM, by `fault::raised`.
pub(super) fn is_wanted(address: usize) -> bool {
    registry::any(|damage| damage.is_intact_at(address))
}

/// Replaces the page that was accessed by zeros if it is watched, its region allows the access, and
/// it is still missing. Returns whether the access may be tried again. Async-signal-safe.
pub(super) fn repair(access: &FaultAccess) -> bool {
    registry::any(|damage| damage.repair(access))
}
