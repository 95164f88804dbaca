//! The calls of a transactional map that need no more than what it keeps.

#[cfg(feature = "python-internals")]
use std::time::Duration;

use super::{
    state::{Changes, HeldReading, Transactional},
    writer::gave_up,
};
use crate::{
    Error, Map, Result,
    mode::Stores,
    polling::{PATIENCE, Wait},
    sys::fork,
};

impl Map {
    /// Returns whether stores are noted: the map is transactional, and can be written to.
    #[inline]
    pub(crate) fn notes_stores(&self) -> bool {
        self.stores == Stores::Noted
    }

    /// Returns why no call of the map can succeed any more, if that is so.
    pub(crate) fn end_of_transactions(&self) -> Option<Error> {
        let transactional = self.transactional.as_ref()?;
        if transactional.forks != fork::current() {
            Some(Error::Forked)
        } else {
            transactional.opened.is_in_doubt().then_some(Error::InDoubt)
        }
    }

    /// Returns what a transactional map keeps, if it can be written to.
    pub(super) fn changes(&self, call: &'static str) -> Result<(&Transactional, &Changes)> {
        let transactional = self.transactional.as_deref().ok_or_else(Error::not_transactional)?;
        let changes = transactional.changes.as_ref().ok_or(Error::ReadOnly { call })?;
        self.ensure_usable()?;
        Ok((transactional, changes))
    }

    pub(super) fn hold_reading(&self) -> Result<HeldReading> {
        let transactional = self.transactional.as_deref().ok_or_else(Error::not_transactional)?;
        self.ensure_usable()?;
        let patience = Wait::within(transactional.timeout);
        let wait = patience.at_least(PATIENCE);
        let entered = transactional.opened.enter("reading", &wait, patience.until)?;
        entered.ok_or_else(|| gave_up("reading", &wait))
    }

    #[cfg(feature = "python-internals")]
    pub(super) fn hold_reading_within(&self, slice: Duration) -> Result<Option<HeldReading>> {
        let transactional = self.transactional.as_deref().ok_or_else(Error::not_transactional)?;
        self.ensure_usable()?;
        let wait = Wait::within(slice);
        transactional.opened.enter("reading", &wait, wait.until)
    }

    #[cfg(feature = "python-internals")]
    pub(super) fn advance_locks(&self, slice: Duration) -> Result<bool> {
        let (transactional, _) = self.changes("commit")?;
        transactional.opened.advance_locks("commit", &Wait::within(slice))
    }

    #[cfg(feature = "python-internals")]
    pub(super) fn release_locks(&self) {
        if let Some(transactional) = &self.transactional {
            transactional.opened.release_locks();
        }
    }

    /// Returns the length up to which the file has bytes of this map.
    pub(crate) fn committed_len(&self) -> usize {
        let changes = self.transactional.as_deref().and_then(|state| state.changes.as_ref());
        changes.map_or_else(|| self.len(), Changes::file_len)
    }

    pub(super) fn checkpoint_journal(&self) -> Result<()> {
        let (transactional, changes) = self.changes("checkpoint")?;
        let done = transactional.opened.checkpoint("checkpoint", &Wait::FOREVER);
        if done.is_err() {
            // Not while another thread opens the gate.
            let _locked = changes.lock();
            transactional.notice_doubt();
        }
        done.map(drop)
    }
}
