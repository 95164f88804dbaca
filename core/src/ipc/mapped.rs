//! The words of a map, as the protocols use them.

use std::{
    sync::atomic::{Ordering, fence},
    time::{Duration, Instant},
};

use super::{
    liveness::Liveness,
    member::Member,
    words::{Memory, Owner, Words},
};
use crate::{Error, Map, Result, access::Update};

/// Words of a map that is shared and writable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapped<'a> {
    pub(super) map: &'a Map,
    /// The method of the caller, for errors.
    pub(super) call: &'static str,
    /// Whether a lock is released, which must not fail because of other pages.
    pub(super) is_unlocking: bool,
}

impl Map {
    /// Returns this process as an owner. Joins at first use.
    pub(super) fn owner(&self) -> Result<Owner> {
        match self.owner_now() {
            Some(owner) => Ok(owner),
            None => self.join(),
        }
    }

    /// Returns this process as an owner, if it has joined.
    #[inline]
    pub(super) fn owner_now(&self) -> Option<Owner> {
        self.member.get().map(|(member, forks)| Owner { id: member.id, pid: member.pid, forks })
    }

    #[cold]
    fn join(&self) -> Result<Owner> {
        loop {
            self.member.get_or_make(|| {
                let Liveness(token) = Liveness::join(self)?;
                // In a child that has been forked since, the id is not used: its parent has it.
                let (id, pid) = (token.id().unwrap_or(0), std::process::id());
                Ok(Member { id, pid, _token: token })
            })?;
            if let Some(owner) = self.owner_now() {
                return Ok(owner);
            }
        }
    }
}

impl Words for Mapped<'_> {
    type Error = Error;

    fn owner(&self) -> Result<Owner> {
        self.map.owner()
    }

    #[inline]
    fn compare_exchange(
        &self,
        at: usize,
        current: u64,
        new: u64,
    ) -> Result<std::result::Result<u64, u64>> {
        let exchange = Update::CompareExchange { expected: current, new };
        let former = match self.is_unlocking {
            true => self.map.update_even_if_damaged(self.call, at, exchange, size_of::<u64>())?,
            false => self.map.update_word(self.call, at, exchange)?,
        };
        Ok(if former == current { Ok(former) } else { Err(former) })
    }

    fn store_hint(&self, at: usize, hint: u32) {
        let _ = self.map.store_word(self.call, at, hint);
    }

    fn is_alive(&self, id: u64) -> Result<bool> {
        Liveness::is_alive(self.map, id)
    }

    fn sleep(&self, at: usize, expected: u64, timeout: Duration) -> Result<()> {
        let word = self.map.atomic::<u64>(at)?;
        let has_changed = || Ok(word.load(Ordering::Acquire)? != expected);
        let deadline = Instant::now().checked_add(timeout);
        // The low half comes first on processors with native accessors.
        self.map.spin_and_sleep(at, expected as u32, deadline, has_changed).map(drop)
    }

    fn wake_one(&self, at: usize) -> Result<()> {
        self.map.wake(at, 1)
    }
}

impl Memory for Mapped<'_> {
    #[inline]
    fn load(&self, at: usize) -> Result<u64> {
        let word = self.map.load_word(self.call, at)?;
        fence(Ordering::Acquire);
        Ok(word)
    }

    #[inline]
    fn store(&self, at: usize, word: u64) -> Result<()> {
        fence(Ordering::Release);
        self.map.store_word(self.call, at, word)
    }

    #[inline]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    fn wake_all(&self, at: usize) -> Result<()> {
        self.map.wake(at, u32::MAX)
    }

    #[cold]
    fn corrupt(&self, at: usize) -> Error {
        Error::Corrupt { offset: at }
    }
}
