//! Operations that copy, fill and compare ranges of bytes.

use std::{cell::Cell, mem::MaybeUninit, ptr::NonNull, slice};

use super::{Span, Strided};
use crate::{
    Error, Map, Result,
    accessor::{self, inline},
};

impl Map {
    /// Copies bytes from the start of `span` to `buffer`, as many as fit. Returns their number.
    #[inline(always)]
    pub(crate) fn copy_out(&self, span: Span, buffer: &mut [u8]) -> Result<usize> {
        let span = span.part(0, buffer.len());
        // SAFETY: `buffer` is borrowed exclusively, and `span` is no longer than it.
        unsafe { self.copy_to(span, buffer.as_mut_ptr()) }?;
        Ok(span.len())
    }

    /// Copies bytes from the start of `span` to `buffer`, as many as fit. Returns the part that was
    /// initialised.
    #[inline]
    pub(crate) fn copy_out_uninit<'a>(
        &self,
        span: Span,
        buffer: &'a mut [MaybeUninit<u8>],
    ) -> Result<&'a mut [u8]> {
        let (span, to) = (span.part(0, buffer.len()), buffer.as_mut_ptr().cast::<u8>());
        // SAFETY: `buffer` is borrowed exclusively, and `span` is no longer than it.
        unsafe { self.copy_to(span, to) }?;
        // SAFETY: the accessor wrote `span.len()` bytes to `buffer`, as it reported no fault.
        Ok(unsafe { slice::from_raw_parts_mut(to, span.len()) })
    }

    /// # Safety
    ///
    /// `to` is the address of at least `span.len()` bytes that may be written, and stay so during
    /// the call.
    #[inline(always)]
    unsafe fn copy_to(&self, span: Span, to: *mut u8) -> Result<()> {
        let mut before = 0;
        if let Some((base, _in_use)) = self.try_enter(span) {
            // SAFETY: the source is `span`; the caller guarantees the target.
            match unsafe { copy_once(to, base.wrapping_add(span.start()), span.len()) } {
                Ok(()) => return Ok(()),
                Err(done) => before = done,
            }
        }
        // SAFETY: the caller guarantees it.
        unsafe { self.copy_to_slowly(span, to, before) }
    }

    /// Slow path of [`Map::copy_to`], after the first `before` bytes were copied. Not inlined, so
    /// that it is compiled with the crate.
    ///
    /// # Safety
    ///
    /// As for [`Map::copy_to`].
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn copy_to_slowly(
        &self,
        span: Span,
        to: *mut u8,
        before: usize,
    ) -> Result<()> {
        self.transfer(span.rest(before), to, move |base, done| {
            let done = before + done;
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: the source is the rest of `span`; the caller guarantees the target.
            unsafe { accessor::copy(to.wrapping_add(done), from, span.len() - done) }
        })?;
        Ok(())
    }

    /// Copies bytes from the start of `span` to `buffer` up to a fault. Returns their number, and
    /// the fault if there was one.
    pub(crate) fn copy_out_until_fault(
        &self,
        span: Span,
        buffer: &mut [u8],
    ) -> (usize, Result<()>) {
        // SAFETY: `buffer` is borrowed exclusively, and the part is no longer than it.
        unsafe { self.copy_to_until_fault(span.part(0, buffer.len()), buffer.as_mut_ptr()) }
    }

    /// Appends the bytes of `span` to `bytes`; if there is a fault, the bytes before it.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>, span: Span) -> Result<()> {
        bytes.try_reserve_exact(span.len()).map_err(|error| Error::os("to_vec")(error.into()))?;
        let to = bytes.spare_capacity_mut().as_mut_ptr().cast();
        // SAFETY: the spare capacity has `span.len()` bytes, as they were reserved.
        let (count, result) = unsafe { self.copy_to_until_fault(span, to) };
        // SAFETY: the accessor wrote the next `count` bytes.
        unsafe { bytes.set_len(bytes.len() + count) };
        result
    }

    /// # Safety
    ///
    /// As for [`Map::copy_to`].
    unsafe fn copy_to_until_fault(&self, span: Span, to: *mut u8) -> (usize, Result<()>) {
        let copied = Cell::new(0);
        let result = self.transfer(span, to, |base, done| {
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: the source is the rest of `span`; the caller guarantees the target.
            let outcome = unsafe { accessor::copy(to.wrapping_add(done), from, span.len() - done) };
            copied.set(done + outcome.done);
            outcome
        });
        (copied.get(), result.map(drop))
    }

    /// Copies the bytes of `span` to `buffer`, which is as long, the last one first. Returns the
    /// number of bytes at the start that were not copied, and the fault if there was one.
    pub(crate) fn copy_out_backward(&self, span: Span, buffer: &mut [u8]) -> (usize, Result<()>) {
        debug_assert_eq!(span.len(), buffer.len());
        let span = span.part(0, buffer.len());
        let (to, missing) = (buffer.as_mut_ptr(), Cell::new(span.len()));
        let result = self.transfer(span, to, |base, _| {
            // SAFETY: both ranges are the first `missing` bytes, of `span` and of `buffer`, which
            // is borrowed exclusively.
            let outcome =
                unsafe { accessor::copy_back(to, base.wrapping_add(span.start()), missing.get()) };
            missing.set(missing.get() - outcome.done);
            outcome
        });
        (missing.get(), result.map(drop))
    }

    /// Copies the bytes from `at` to `buffer`, up to and including the first `end` or the last byte
    /// of the map. Returns them, or `None` if the slow path is needed (see [`Map::try_get`]) or
    /// `buffer` is too short.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[must_use]
    #[inline]
    pub fn try_until<'a>(
        &self,
        end: u8,
        at: usize,
        buffer: &'a mut [MaybeUninit<u8>],
    ) -> Option<&'a [u8]> {
        let _in_use = self.is_ready().then(|| self.memory.enter())?;
        let rest = self.len().checked_sub(at)?;
        let (to, count) = (buffer.as_mut_ptr().cast::<u8>(), buffer.len().min(rest));
        // SAFETY: `count` bytes are in bounds of the map and of `buffer`; the region stays mapped
        // while `_in_use` exists.
        let outcome = unsafe { accessor::copy_until(to, self.base().wrapping_add(at), count, end) };
        // SAFETY: the accessor wrote `done` bytes to `buffer`.
        let bytes = unsafe { slice::from_raw_parts(to, outcome.done) };
        let complete = bytes.last().is_some_and(|&last| last == end || bytes.len() == rest);
        (outcome.fault == 0 && complete).then_some(bytes)
    }

    /// Copies `bytes` to the start of `span`, as many as fit.
    #[inline(always)]
    pub(crate) fn copy_in(&self, span: Span, bytes: &[u8]) -> Result<()> {
        let span = span.part(0, bytes.len());
        let mut before = 0;
        if let Some((base, _in_use)) = self.try_enter(span) {
            let to = base.wrapping_add(span.start());
            // SAFETY: the target is `span`, and `bytes` is no shorter.
            match unsafe { copy_once(to, bytes.as_ptr(), span.len()) } {
                Ok(()) => return Ok(()),
                Err(done) => before = done,
            }
        }
        self.copy_in_slowly(span, bytes, before)
    }

    /// Slow path of [`Map::copy_in`], after the first `before` bytes were copied. Not inlined, so
    /// that it is compiled with the crate.
    #[cold]
    #[inline(never)]
    pub(super) fn copy_in_slowly(&self, span: Span, bytes: &[u8], before: usize) -> Result<()> {
        let span = span.part(0, bytes.len());
        self.transfer(span.rest(before), bytes.as_ptr(), move |base, done| {
            let done = before + done;
            let from = bytes.as_ptr().wrapping_add(done);
            let to = base.wrapping_add(span.start() + done);
            // SAFETY: the target is the rest of `span`, the source is the rest of `bytes`, which is
            // no shorter.
            unsafe { accessor::copy(to, from, span.len() - done) }
        })?;
        Ok(())
    }

    /// Copies the bytes at the offsets of `source` to `buffer`, as many as fit. Returns the part
    /// that was initialised.
    #[inline]
    pub(crate) fn copy_out_strided<'a>(
        &self,
        source: Strided,
        buffer: &'a mut [MaybeUninit<u8>],
    ) -> Result<&'a mut [u8]> {
        let (to, count) = (buffer.as_mut_ptr().cast::<u8>(), source.count.min(buffer.len()));
        self.transfer(source.span, to, move |base, done| {
            let from = source.address(base, done);
            // SAFETY: `count - done` offsets of `source` are left, and as many bytes of `buffer`,
            // which is borrowed exclusively.
            unsafe { accessor::gather(to.wrapping_add(done), from, count - done, source.step) }
        })?;
        // SAFETY: the accessor wrote `count` bytes to `buffer`.
        Ok(unsafe { slice::from_raw_parts_mut(to, count) })
    }

    /// Copies `bytes` to the offsets of `target`, as many as it has.
    #[inline]
    pub(crate) fn copy_in_strided(&self, target: Strided, bytes: &[u8]) -> Result<()> {
        let count = target.count.min(bytes.len());
        self.transfer(target.span, bytes.as_ptr(), move |base, done| {
            let to = target.address(base, done);
            // SAFETY: `count - done` offsets of `target` are left, and as many bytes of `bytes`.
            unsafe {
                accessor::scatter(to, bytes.as_ptr().wrapping_add(done), count - done, target.step)
            }
        })?;
        Ok(())
    }

    /// Sets every byte of `span` to `byte`.
    #[inline]
    pub(crate) fn fill_span(&self, span: Span, byte: u8) -> Result<()> {
        self.transfer(span, NonNull::dangling().as_ptr(), move |base, done| {
            // SAFETY: the target is the rest of `span`.
            unsafe {
                accessor::fill(base.wrapping_add(span.start() + done), byte, span.len() - done)
            }
        })?;
        Ok(())
    }

    /// Copies the bytes of `from` to `to`, which is as long. The two may overlap.
    #[inline]
    pub(crate) fn copy_span(&self, from: Span, to: Span) -> Result<()> {
        let len = from.len().min(to.len());
        self.transfer(from.union(to), NonNull::dangling().as_ptr(), move |base, done| {
            let rest = len - done;
            // The direction in which no byte is overwritten before it is read.
            if to.start() <= from.start() {
                let (to, from) =
                    (base.wrapping_add(to.start() + done), base.wrapping_add(from.start() + done));
                // SAFETY: both ranges are the rest of their spans.
                unsafe { accessor::copy(to, from, rest) }
            } else {
                let (to, from) = (base.wrapping_add(to.start()), base.wrapping_add(from.start()));
                // SAFETY: both ranges are the first bytes of their spans; the last `done` bytes are
                // copied.
                unsafe { accessor::copy_back(to, from, rest) }
            }
        })?;
        Ok(())
    }

    /// Returns the index of the first byte of `bytes` that differs from `span`, in the length of
    /// the shorter one.
    pub(crate) fn first_difference(&self, span: Span, bytes: &[u8]) -> Result<Option<usize>> {
        let span = span.part(0, bytes.len());
        let equal = self.transfer(span, bytes.as_ptr(), move |base, done| {
            let (ours, theirs) =
                (base.wrapping_add(span.start() + done), bytes.as_ptr().wrapping_add(done));
            // SAFETY: one range is the rest of `span`, the other as many bytes of `bytes`.
            unsafe { accessor::compare(ours, theirs, span.len() - done) }
        })?;
        Ok((equal < span.len()).then_some(equal))
    }
}

impl Strided {
    /// The address of the byte with index `index`.
    #[inline]
    fn address(self, base: *mut u8, index: usize) -> *mut u8 {
        base.wrapping_add(self.start).wrapping_offset(self.step.wrapping_mul(index as isize))
    }
}

/// Copies `n` bytes, by instructions in the caller if there are few. After a fault, returns how
/// many were copied; the slow path continues there. An inlined copy starts over.
///
/// # Safety
///
/// As for the accessor [`copy`](accessor::copy); and the caller has checked `fault::can_inline`, or
/// `inline::is_home` in a thread that is ready.
#[inline(always)]
pub(super) unsafe fn copy_once(to: *mut u8, from: *const u8, n: usize) -> Result<(), usize> {
    if inline::COPIED.contains(&n) {
        // SAFETY: the caller guarantees it.
        return unsafe { inline::copy(to, from, n) }.then_some(()).ok_or(0);
    }
    // SAFETY: the caller guarantees it.
    let outcome = unsafe { accessor::copy(to, from, n) };
    if outcome.fault == 0 { Ok(()) } else { Err(outcome.done) }
}
