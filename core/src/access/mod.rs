//! The unsafe boundary of the crate: runs accessors on checked ranges of a map and returns results.
//!
//! The modules above this folder contain safe code only. Each operation here takes a [`Span`], adds
//! the map's base address, runs one accessor, repeats it if the memory moved during the call, and
//! returns a fault as an error.
//!
//! # Safety
//!
//! The unsafe blocks in this folder rely on these facts:
//!
//! - A [`Span`] or [`Strided`] lies in the map that issued it. Only `span.rs` constructs them,
//!   after a bounds check, for the methods of `bounds.rs`.
//! - `base .. base + len` lies in one region of the map ([`Memory`]). A region stays mapped until
//!   its map is dropped. On systems where a resize unmaps a view, it stays mapped while an
//!   [`InUse`] guard exists.
//! - Every operation calls `fault::ensure_ready` before it runs an accessor, or checks
//!   `fault::can_inline`. A fault then ends the accessor and not the process.

#![allow(unsafe_code)]

mod bounds;
mod copy;
mod external;
mod locked;
mod memory;
mod noted;
mod pages;
#[cfg(feature = "zerocopy")]
mod plain;
mod search;
mod sleep;
mod slices;
mod span;
mod updates;
mod view;
mod words;

pub use external::copy_of;
#[cfg(feature = "python-internals")]
pub use external::copy_to_buffer;
pub(crate) use memory::{Memory, RegionsGuard};
pub(crate) use pages::Rounding;
pub(crate) use sleep::Sleep;
pub(crate) use span::{Span, Strided};
pub(crate) use updates::Update;
pub use view::View;

use crate::{
    Error, Map, Result,
    accessor::{Loaded, Outcome},
    sys::{
        fault,
        in_use::{self, InUse},
    },
};

/// What an accessor returned: a result, and the address of a fault if there was one.
trait Completion {
    /// The address that could not be accessed, 0 if none.
    fn fault(&self) -> usize;
}

impl Completion for Outcome {
    fn fault(&self) -> usize {
        self.fault
    }
}

impl Completion for Loaded {
    fn fault(&self) -> usize {
        self.fault
    }
}

/// A store returns the fault address alone.
impl Completion for usize {
    fn fault(&self) -> usize {
        *self
    }
}

impl Map {
    /// Keeps the region of `span` mapped until the guard is dropped.
    ///
    /// A thread that holds the guard must not lock the regions. A resize locks them and then waits
    /// for the guard.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] if a concurrent resize has unmapped the end of `span` since the bounds
    /// check. The offset is the start of `span`, because no byte of it is processed. Never fails on
    /// Unix, where regions stay mapped.
    #[inline]
    pub(crate) fn enter(&self, span: Span) -> Result<InUse<'_>> {
        let in_use = self.memory.enter();
        if in_use::COUNTED && span.end() > self.len() {
            return Err(Error::Fault { offset: span.start() });
        }
        Ok(in_use)
    }

    /// Runs `step`, and repeats it if the memory has moved. Returns how much was done in all, in
    /// the accessor's unit.
    ///
    /// `step` gets the map's base address and the amount that is already done. It may access
    /// `span`, `buffer` and memory that the caller owns.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] for a fault in the map, [`Error::Buffer`] for one in `buffer`;
    /// [`Error::Damaged`].
    ///
    /// `Copy` keeps the closure's captures in registers; they are spilled only on the retry path.
    /// An iteration of `x.py bench reads` executes 42 instructions around the accessor this way.
    /// Otherwise it executes 58, ten of them stores to the stack.
    #[inline]
    fn transfer(
        &self,
        span: Span,
        buffer: *const u8,
        step: impl Fn(*mut u8, usize) -> Outcome + Copy,
    ) -> Result<usize> {
        self.ensure_intact()?;
        fault::ensure_ready();
        let (base, outcome) = self.with_base(span, |base| step(base, 0))?;
        if outcome.fault == 0 {
            return Ok(outcome.done);
        }
        let all = self.retry(base, outcome, buffer, move |before| {
            let (base, outcome) = self.with_base(span, |base| step(base, before.done))?;
            Ok((base, Outcome { done: before.done + outcome.done, ..outcome }))
        })?;
        Ok(all.done)
    }

    /// Returns the map's base address for a fast path; `None` if the slow path is needed.
    #[inline(always)]
    fn try_enter(&self, span: Span) -> Option<(*mut u8, InUse<'_>)> {
        let in_use = self.is_ready().then(|| self.enter(span))?.ok()?;
        Some((self.base(), in_use))
    }

    /// Runs `step` on the map's base address, which stays valid during the call. Returns both.
    #[inline]
    fn with_base<R>(&self, span: Span, step: impl FnOnce(*mut u8) -> R) -> Result<(*mut u8, R)> {
        let _in_use = self.enter(span)?;
        let base = self.base();
        Ok((base, step(base)))
    }

    /// Repeats an operation after its first fault, as long as each fault is caused by a move.
    ///
    /// Out of line, so that a call without a fault has short code.
    #[cold]
    #[inline(never)]
    fn retry<C: Completion>(
        &self,
        mut base: *mut u8,
        mut completion: C,
        buffer: *const u8,
        next: impl Fn(C) -> Result<(*mut u8, C)>,
    ) -> Result<C> {
        let mut was_restored = false;
        while completion.fault() != 0 {
            self.ensure_moved(base, completion.fault(), buffer, &mut was_restored)?;
            (base, completion) = next(completion)?;
        }
        Ok(completion)
    }

    /// Checks that the memory has moved away from `base`, so that an operation that has faulted at
    /// `address` can be repeated. It can also be repeated, once, if access was restored after a
    /// move that was not completed.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] or [`Error::Buffer`] if the memory has not moved.
    #[cold]
    fn ensure_moved(
        &self,
        base: *mut u8,
        address: usize,
        buffer: *const u8,
        was_restored: &mut bool,
    ) -> Result<()> {
        fault::note();
        let _locked = self.memory.wait_for_move();
        if self.base() != base {
            return Ok(());
        }
        if self.memory.has_restored_access() && !std::mem::replace(was_restored, true) {
            return Ok(());
        }
        let size = self.memory.size_from(base);
        match address.checked_sub(base.addr()) {
            Some(offset) if offset < size => Err(Error::Fault { offset }),
            _ => Err(Error::Buffer { offset: address.wrapping_sub(buffer.addr()) }),
        }
    }

    /// Returns whether a fast path may access the memory. Otherwise the slow path has to unblock
    /// signals on this thread, to report damage, or to run in the object that contains the crate.
    #[inline]
    fn is_ready(&self) -> bool {
        self.is_intact() && fault::can_inline()
    }
}
