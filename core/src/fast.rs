//! Short calls for the Python package: what `Map` does otherwise, if nothing is in the way.
//!
//! Code that calls nothing but a kernel of one word puts no registers on the stack, which is a third of what a step of
//! `for x in m` has to do here.
//!
//! # Safety
//!
//! The blocks hand addresses to kernels. They lie in the map, by a comparison right before, and its region stays while the pin is held
//! that comes before the comparison.

#![allow(unsafe_code)]

use std::{mem::MaybeUninit, slice};

use crate::{
    Access, Map, accessor,
    sys::{fault, fork, in_use::InUse},
};

/// Returns how often this process and its forebears forked since the first map was made: threads do not survive a fork.
#[doc(hidden)]
#[must_use]
#[inline]
pub fn forks() -> u64 {
    fork::count()
}

impl Map {
    /// As [`Map::get`], if nothing is in the way; what it is tells `get`.
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_get(&self, at: usize) -> Option<u8> {
        let _in_use = self.ready()?;
        if at >= self.len() {
            return None;
        }
        // SAFETY: the byte lies in the map.
        let loaded = unsafe { accessor::load8(self.base().wrapping_add(at)) };
        (loaded.fault == 0).then_some(loaded.value as u8)
    }

    /// As [`Map::set`], if nothing is in the way; see [`Map::try_get`].
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_set(&self, at: usize, byte: u8) -> Option<()> {
        let _in_use = self.ready()?;
        if self.access() == Access::Read || at >= self.len() {
            return None;
        }
        // SAFETY: the byte lies in the map, which may be written to.
        let fault = unsafe { accessor::store8(self.base().wrapping_add(at), byte.into()) };
        (fault == 0).then_some(())
    }

    /// Copies the bytes from `at` on into `room`, up to and with the first `end`, or to the map's end; `None` if neither comes before
    /// `room` is full, or if anything else is in the way. See [`Map::try_get`].
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_until<'a>(&self, end: u8, at: usize, room: &'a mut [MaybeUninit<u8>]) -> Option<&'a [u8]> {
        let _in_use = self.ready()?;
        let left = self.len().checked_sub(at)?;
        let (to, count) = (room.as_mut_ptr().cast::<u8>(), room.len().min(left));
        // SAFETY: the bytes lie in the map, and `room` has room for as many.
        let outcome = unsafe { accessor::copy_until(to, self.base().wrapping_add(at), count, end) };
        // SAFETY: the kernel wrote so many.
        let bytes = unsafe { slice::from_raw_parts(to, outcome.done) };
        let whole = bytes.last().is_some_and(|&last| last == end || bytes.len() == left);
        (outcome.fault == 0 && whole).then_some(bytes)
    }

    /// Says that a kernel may be called at once: this thread is known to be fit, and nobody needs to look for damage.
    #[inline]
    fn ready(&self) -> Option<InUse<'_>> {
        (self.mark.is_none() && fault::is_ready()).then(|| self.in_use.enter())
    }
}
