//! Attempts: the way from a checked range to a accessor, and once more after a fault that came of a move.
//!
//! # Safety
//!
//! The unsafe blocks hand addresses to kernels. They lie in the map, by a [`Span`], and `base .. base + len` lies in regions that stay
//! mapped, or reserved, until the map is dropped, or until nobody holds a [`InUse`] any more (`map.rs` and `resize.rs` keep that).

#![allow(unsafe_code)]

use std::ptr::NonNull;

use crate::{
    Error, Map, Result,
    accessor::{self, Loaded, Outcome},
    span::Span,
    sys::{
        fault,
        in_use::{self, InUse},
        region::Region,
    },
    word::{self, Word},
};

/// What a kernel returned, which may have been stopped.
trait Attempt {
    /// The address that could not be accessed, 0 if none.
    fn fault(&self) -> usize;
}

impl Attempt for Outcome {
    fn fault(&self) -> usize {
        self.fault
    }
}

impl Attempt for Loaded {
    fn fault(&self) -> usize {
        self.fault
    }
}

/// A store returns nothing else.
impl Attempt for usize {
    fn fault(&self) -> usize {
        *self
    }
}

impl Map {
    /// Runs `step` until it meets no fault, or one that is real, and returns how much was done in all, as the kernel counts.
    ///
    /// `step` gets the map's base and what is done so far, and touches nothing of the map but `span`. `buffer` is the
    /// caller's own memory that takes part.
    ///
    /// That `step` can be copied is what makes short transfers fast: the copy for `again` is put into memory when it is needed, and
    /// what the original consists of stays in registers. A turn of `x.py bench reads` has 42 instructions around the kernel so, and 58
    /// otherwise, ten of them stores to the stack that the copy's address has to wait for.
    #[inline]
    pub(crate) fn transfer(
        &self,
        span: Span,
        buffer: *const u8,
        step: impl Fn(*mut u8, usize) -> Outcome + Copy,
    ) -> Result<usize> {
        self.intact()?;
        fault::ensure_ready();
        let (base, outcome) = self.once(span, |base| step(base, 0))?;
        if outcome.fault == 0 {
            return Ok(outcome.done);
        }
        let all = self.again(base, outcome, buffer, move |before| {
            let (base, outcome) = self.once(span, |base| step(base, before.done))?;
            Ok((base, Outcome { done: before.done + outcome.done, ..outcome }))
        })?;
        Ok(all.done)
    }

    /// Goes on after a first fault, `once` more after each, until there is none, or one that is real. Apart, so that a call without one
    /// has short code.
    #[cold]
    #[inline(never)]
    fn again<A: Attempt>(
        &self,
        mut base: *mut u8,
        mut attempt: A,
        buffer: *const u8,
        once: impl Fn(A) -> Result<(*mut u8, A)>,
    ) -> Result<A> {
        while attempt.fault() != 0 {
            self.faulted(base, attempt.fault(), buffer)?;
            (base, attempt) = once(attempt)?;
        }
        Ok(attempt)
    }

    /// Runs `step` on the map's base, which stays meanwhile, and returns both.
    #[inline]
    fn once<R>(&self, span: Span, step: impl FnOnce(*mut u8) -> R) -> Result<(*mut u8, R)> {
        let _in_use = self.enter(span)?;
        let base = self.base();
        Ok((base, step(base)))
    }

    /// Has the map's region stay where and as long as it is until the pin is dropped, where regions do not stay anyway.
    ///
    /// A pin must not be held by whoever waits for the regions.
    #[inline]
    pub(crate) fn enter(&self, span: Span) -> Result<InUse<'_>> {
        let in_use = self.in_use.enter();
        if in_use::COUNTED {
            span.again(self.len())?;
        }
        Ok(in_use)
    }

    /// Judges a fault at `address`, met while the map's base was `base`: real, or was the memory moved meanwhile?
    #[cold]
    pub(crate) fn faulted(&self, base: *mut u8, address: usize, buffer: *const u8) -> Result<()> {
        fault::note();
        // Whoever moves the memory holds the regions; when they are free, the new base is published.
        let held = self.lock_regions();
        if self.base() != base {
            return Ok(());
        }
        let size = held.current.as_ref().map_or(0, Region::size);
        match address.checked_sub(base.addr()) {
            Some(offset) if offset < size => Err(Error::Fault { offset }),
            _ => Err(Error::Buffer { offset: address.wrapping_sub(buffer.addr()) }),
        }
    }

    #[inline]
    pub(crate) fn load_as<T: Word>(&self, call: &'static str, at: usize) -> Result<T> {
        let span = Span::within(call, self.len(), at, size_of::<T>())?;
        self.intact()?;
        fault::ensure_ready();
        let (base, loaded) = self.load_once::<T>(span)?;
        if loaded.fault == 0 {
            return Ok(T::from_bits(loaded.value));
        }
        let loaded = self.again(base, loaded, NonNull::dangling().as_ptr(), move |_| self.load_once::<T>(span))?;
        Ok(T::from_bits(loaded.value))
    }

    #[inline]
    fn load_once<T: Word>(&self, span: Span) -> Result<(*mut u8, Loaded)> {
        // SAFETY: the integer lies in the map (Span).
        self.once(span, |base| unsafe { word::load::<T>(base.wrapping_add(span.start())) })
    }

    #[inline]
    pub(crate) fn store_as<T: Word>(&self, call: &'static str, at: usize, value: T) -> Result<()> {
        self.writable(call)?;
        let span = Span::within(call, self.len(), at, size_of::<T>())?;
        self.intact()?;
        fault::ensure_ready();
        let (base, fault) = self.store_once(span, value)?;
        if fault == 0 {
            return Ok(());
        }
        self.again(base, fault, NonNull::dangling().as_ptr(), move |_| self.store_once(span, value))?;
        Ok(())
    }

    #[inline]
    fn store_once<T: Word>(&self, span: Span, value: T) -> Result<(*mut u8, usize)> {
        // SAFETY: the integer lies in the map (Span).
        self.once(span, |base| unsafe { word::store::<T>(base.wrapping_add(span.start()), value.into_bits()) })
    }

    #[inline]
    pub(crate) fn copy_out(&self, span: Span, buffer: &mut [u8]) -> Result<()> {
        let span = span.part(0, buffer.len());
        // SAFETY: the target is `buffer`, which is as long.
        unsafe { self.copy_to(span, buffer.as_mut_ptr()) }
    }

    /// # Safety
    ///
    /// `to` is good for writing as many bytes as `span` has.
    #[inline]
    pub(crate) unsafe fn copy_to(&self, span: Span, to: *mut u8) -> Result<()> {
        self.transfer(span, to, move |base, done| {
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: the source lies in the map (Span), the caller answers for the target; both are what is left.
            unsafe { accessor::copy(to.wrapping_add(done), from, span.len() - done) }
        })?;
        Ok(())
    }

    /// Index of the first byte of `bytes` that differs from those of `span`, as far as both go.
    pub(crate) fn difference(&self, bytes: &[u8], span: Span) -> Result<Option<usize>> {
        let len = bytes.len().min(span.len());
        let same = self.transfer(span.part(0, len), bytes.as_ptr(), move |base, done| {
            let (ours, theirs) = (base.wrapping_add(span.start() + done), bytes.as_ptr().wrapping_add(done));
            // SAFETY: one range lies in the map (Span), the other is what is left of `bytes`.
            unsafe { accessor::compare(ours, theirs, len - done) }
        })?;
        Ok((same < len).then_some(same))
    }
}
