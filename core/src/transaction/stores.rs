//! Stores to a transactional map, by calls and by code outside the library.

use std::sync::atomic::Ordering::{AcqRel, Release};

use super::{
    gate::{InSlot, Inside, Obstacle},
    modified::Modified,
    state::Changes,
};
use crate::{Error, Map, Result, access::RegionsGuard, sys::fault};

impl Map {
    /// Fast path: begins a store of `size` bytes at `at` to pages that are noted. Returns `None` if
    /// the slow path is needed, for example because the store would have to wait, or the thread may
    /// not be able to take a fault.
    #[inline]
    pub(crate) fn try_pass_gate(&self, at: usize, size: usize) -> Option<InSlot<'_>> {
        self.try_pass(at, size, Modified::has_noted)
    }

    /// As [`Map::try_pass_gate`], with less code. Returns `None` also for bytes in two pages.
    #[inline(always)]
    pub(crate) fn try_pass_gate_in_page(&self, at: usize, size: usize) -> Option<InSlot<'_>> {
        self.try_pass(at, size, Modified::has_noted_unit)
    }

    #[inline(always)]
    fn try_pass(
        &self,
        at: usize,
        size: usize,
        has_noted: impl Fn(&Modified, usize, usize) -> bool,
    ) -> Option<InSlot<'_>> {
        let changes = self.transactional.as_deref()?.changes.as_ref()?;
        let last = at.wrapping_add(size).wrapping_sub(1);
        let inside = changes.gate.try_enter_to(fault::inlining_thread(), last)?;
        // If `last` has wrapped around, it lies in a unit before that of `at`, which is not noted.
        has_noted(&changes.modified, at, last).then_some(inside)
    }

    /// Begins a store. Waits while a commit copies the changes.
    pub(crate) fn pass_gate(&self, call: &'static str) -> Result<Inside<'_>> {
        let (_, changes) = self.changes(call)?;
        let is_needed = || self.ensure_usable().map_err(Refused::Other);
        changes.gate.enter(is_needed).map_err(|refused| match refused {
            Refused::Other(error) => error,
            Refused::Obstacle(obstacle) => obstacle.error(call),
        })
    }

    /// Notes the pages of the `len` bytes at `at`. The caller has passed the gate.
    pub(crate) fn note_pages(&self, at: usize, len: usize) {
        let changes = self.transactional.as_deref().and_then(|state| state.changes.as_ref());
        if let (Some(changes), Some(more)) = (changes, len.checked_sub(1)) {
            changes.note(at, at + more);
        }
    }

    /// Records that code outside the library may store to the memory until the next resize.
    #[cold]
    pub(crate) fn lend_pointer(&self) {
        let Ok((_, changes)) = self.changes("as_mut_ptr") else { return };
        let inside = self.pass_gate("as_mut_ptr");
        changes.has_pointer.store(true, Release);
        changes.was_exported.store(true, Release);
        drop(inside);
    }

    /// Records that code outside the library stores to the memory during a borrow of the map, which
    /// excludes commits.
    pub(crate) fn lend_slice(&mut self) {
        if let Ok((_, changes)) = self.changes("as_mut_slice") {
            changes.was_exported.store(true, Release);
        }
    }

    pub(super) fn count_loan(&self) -> Result<()> {
        let Ok((_, changes)) = self.changes("lend") else { return self.ensure_usable() };
        let _inside = self.pass_gate("lend")?;
        changes.loans.fetch_add(1, AcqRel);
        changes.was_exported.store(true, Release);
        Ok(())
    }

    pub(super) fn end_loan(&self) {
        let changes = self.transactional.as_deref().and_then(|state| state.changes.as_ref());
        if let Some(changes) = changes {
            changes.loans.fetch_sub(1, AcqRel);
        }
    }

    /// Returns whether a store would wait for a commit at the moment.
    pub(super) fn is_gate_closed(&self) -> bool {
        let changes = self.transactional.as_deref().and_then(|state| state.changes.as_ref());
        changes.is_some_and(|changes| changes.gate.is_closed())
    }
}

impl Changes {
    /// Notes the pages of the bytes from `first` to `last`.
    fn note(&self, first: usize, last: usize) {
        self.modified.note_all(first >> self.page_bits..(last >> self.page_bits) + 1);
    }

    /// Publishes another length of the map. The caller has locked the changes.
    pub(super) fn set_len(&self, regions: &RegionsGuard<'_>, len: usize) {
        regions.set_len(len);
        self.gate.set_end(len);
    }
}

/// Why the gate was not passed.
enum Refused {
    Obstacle(Obstacle),
    Other(Error),
}

impl From<Obstacle> for Refused {
    fn from(obstacle: Obstacle) -> Refused {
        Refused::Obstacle(obstacle)
    }
}
