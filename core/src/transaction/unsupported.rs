//! Transactional maps where there are none.

use std::ops::Range;
#[cfg(feature = "python-internals")]
use std::time::Duration;

use crate::{Error, Map, Result};

/// What a transactional map keeps: there is none.
#[derive(Debug)]
pub(crate) enum Transactional {}

impl Transactional {
    pub(crate) fn close(self) -> Result<()> {
        match self {}
    }
}

/// A call that has passed the gate of a transactional map.
pub(crate) struct Inside;

/// What [`Reading`](super::Reading) holds: there is none.
pub(super) enum HeldReading {}

impl Map {
    pub(super) fn begin_transaction(&self) -> Result<()> {
        Err(Error::not_transactional())
    }

    pub(super) fn end_transaction(&self, _commit: bool) -> Result<()> {
        Err(Error::not_transactional())
    }

    pub(crate) fn commit_in(&self, _call: &'static str) -> Result<()> {
        Err(Error::not_transactional())
    }

    pub(super) fn rollback_in(&self, _call: &'static str) -> Result<()> {
        Err(Error::not_transactional())
    }

    pub(super) fn changed_ranges(&self) -> Result<Vec<Range<usize>>> {
        Err(Error::not_transactional())
    }

    pub(super) fn checkpoint_journal(&self) -> Result<()> {
        Err(Error::not_transactional())
    }

    pub(super) fn hold_reading(&self) -> Result<HeldReading> {
        Err(Error::not_transactional())
    }

    #[allow(clippy::unnecessary_wraps)] // It fails elsewhere.
    pub(super) fn count_loan(&self) -> Result<()> {
        Ok(())
    }

    pub(super) fn end_loan(&self) {}

    pub(crate) fn end_of_transactions(&self) -> Option<Error> {
        None
    }

    pub(crate) fn committed_len(&self) -> usize {
        self.len()
    }

    pub(crate) fn try_pass_gate(&self, _at: usize, _size: usize) -> Option<Inside> {
        None
    }

    pub(crate) fn try_pass_gate_in_page(&self, _at: usize, _size: usize) -> Option<Inside> {
        None
    }

    pub(crate) fn pass_gate(&self, _call: &'static str) -> Result<Inside> {
        Err(Error::not_transactional())
    }

    pub(crate) fn note_pages(&self, _at: usize, _len: usize) {}

    pub(crate) fn lend_pointer(&self) {}

    pub(crate) fn lend_slice(&mut self) {}
}

#[cfg(feature = "python-internals")]
impl Map {
    pub(super) fn is_gate_closed(&self) -> bool {
        false
    }

    pub(super) fn hold_reading_within(&self, _slice: Duration) -> Result<Option<HeldReading>> {
        Err(Error::not_transactional())
    }

    pub(super) fn advance_locks(&self, _slice: Duration) -> Result<bool> {
        Err(Error::not_transactional())
    }

    pub(super) fn release_locks(&self) {}
}
