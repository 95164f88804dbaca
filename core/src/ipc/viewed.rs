//! The words of a map during one operation of a thread, whose checks are made once.

use std::{
    sync::atomic::{Ordering, fence},
    time::Duration,
};

use super::{
    mapped::Mapped,
    words::{Memory, Owner, Words},
};
use crate::{Error, Map, Result, View, sys::region::OUTGROWS_FILES};

/// Like [`Mapped`], and faster for several loads, stores and copies.
#[derive(Debug)]
pub(super) struct Viewed<'a> {
    mapped: Mapped<'a>,
    /// `None` if the map has become shorter: the slow path says so.
    view: Option<View<'a>>,
}

impl<'a> Viewed<'a> {
    #[inline]
    pub(super) fn new(map: &'a Map, call: &'static str) -> Viewed<'a> {
        let mapped = Mapped { map, call, is_unlocking: false };
        Viewed { mapped, view: map.view(..).ok() }
    }

    /// For a map that may grow during the operation. Where views prevent that, there is none.
    #[inline]
    pub(super) fn of_growing(map: &'a Map, call: &'static str) -> Viewed<'a> {
        match OUTGROWS_FILES {
            true => Viewed::new(map, call),
            false => Viewed { mapped: Mapped { map, call, is_unlocking: false }, view: None },
        }
    }

    #[inline]
    pub(super) fn map(&self) -> &'a Map {
        self.mapped.map
    }

    /// Whether these bytes are in the view, which does not grow.
    #[inline]
    pub(super) fn covers(&self, at: usize, len: usize) -> bool {
        let end = at.checked_add(len);
        self.view.as_ref().is_some_and(|view| end.is_some_and(|end| end <= view.len()))
    }

    /// The method of the caller, for errors.
    pub(super) fn call(&self) -> &'static str {
        self.mapped.call
    }

    /// Copies `bytes` to the map.
    #[inline]
    pub(super) fn copy_in(&self, bytes: &[u8], at: usize) -> Result<()> {
        match &self.view {
            Some(view) => view.copy_in(self.mapped.call, bytes, at),
            None => self.mapped.map.write_at(bytes, at),
        }
    }

    /// Fills `buffer` with bytes of the map.
    #[inline]
    pub(super) fn copy_out(&self, buffer: &mut [u8], at: usize) -> Result<()> {
        match &self.view {
            Some(view) => view.copy_out(self.mapped.call, buffer, at),
            None => self.mapped.map.read_exact_at(buffer, at),
        }
    }
}

impl Viewed<'_> {
    #[cold]
    #[inline(never)]
    fn load_slowly(&self, at: usize) -> Result<u64> {
        self.mapped.load(at)
    }

    #[cold]
    #[inline(never)]
    fn store_slowly(&self, at: usize, word: u64) -> Result<()> {
        self.mapped.store(at, word)
    }
}

impl Words for Viewed<'_> {
    type Error = Error;

    #[inline]
    fn owner(&self) -> Result<Owner> {
        self.mapped.owner()
    }

    #[inline]
    fn compare_exchange(
        &self,
        at: usize,
        current: u64,
        new: u64,
    ) -> Result<std::result::Result<u64, u64>> {
        self.mapped.compare_exchange(at, current, new)
    }

    fn store_hint(&self, at: usize, hint: u32) {
        self.mapped.store_hint(at, hint);
    }

    fn is_alive(&self, id: u64) -> Result<bool> {
        self.mapped.is_alive(id)
    }

    fn sleep(&self, at: usize, expected: u64, timeout: Duration) -> Result<()> {
        self.mapped.sleep(at, expected, timeout)
    }

    fn wake_one(&self, at: usize) -> Result<()> {
        self.mapped.wake_one(at)
    }
}

impl Memory for Viewed<'_> {
    #[inline(always)]
    fn load(&self, at: usize) -> Result<u64> {
        match self.view.as_ref().and_then(|view| view.try_load(at)) {
            Some(word) => {
                fence(Ordering::Acquire);
                Ok(word)
            }
            None => self.load_slowly(at),
        }
    }

    #[inline(always)]
    fn store(&self, at: usize, word: u64) -> Result<()> {
        fence(Ordering::Release);
        match self.view.as_ref().and_then(|view| view.try_store(at, word)) {
            Some(()) => Ok(()),
            None => self.store_slowly(at, word),
        }
    }

    #[inline]
    fn fence(&self) {
        self.mapped.fence();
    }

    fn wake_all(&self, at: usize) -> Result<()> {
        self.mapped.wake_all(at)
    }

    #[cold]
    fn corrupt(&self, at: usize) -> Error {
        self.mapped.corrupt(at)
    }
}

/// Sets the length of a buffer whose bytes will be replaced. Fails if memory is short.
#[inline]
pub(super) fn set_len(call: &'static str, buffer: &mut Vec<u8>, len: usize) -> Result<()> {
    let missing = len.saturating_sub(buffer.len());
    buffer.try_reserve(missing).map_err(|error| Error::os(call)(error.into()))?;
    buffer.resize(len, 0);
    Ok(())
}
