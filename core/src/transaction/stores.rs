//! Stores to a transactional map, by calls and by code outside the library.

use std::sync::atomic::Ordering::{AcqRel, Release};

use super::{
    gate::{InSlot, Inside, Obstacle},
    state::Changes,
};
use crate::{Error, Map, Result};

impl Map {
    /// Begins a store of `size` bytes at `at`, and notes their pages. Returns `None` if the slow
    /// path is needed, for example because the store would have to wait.
    #[inline]
    pub(crate) fn try_pass_gate(&self, at: usize, size: usize) -> Option<InSlot<'_>> {
        let changes = self.transactional.as_deref()?.changes.as_ref()?;
        let inside = changes.gate.try_enter_slot()?;
        let end = at.checked_add(size).filter(|&end| at < end && end <= self.len())?;
        changes.note(at, end - 1);
        Some(inside)
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
    #[inline]
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
    #[inline]
    fn note(&self, first: usize, last: usize) {
        let (first, last) = (first >> self.page_bits, last >> self.page_bits);
        self.modified.note(first);
        if last > first {
            self.note_others(first + 1, last);
        }
    }

    #[inline(never)]
    fn note_others(&self, first: usize, last: usize) {
        self.modified.note_all(first..last + 1);
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
