//! Operations that look for bytes, for candidates of a needle and for blocks.

use std::{cell::Cell, ptr::NonNull};

use super::Span;
use crate::{
    Map, Result,
    accessor::{self, Outcome, Probe, inline},
};

/// How many blocks ahead memory is prefetched.
///
/// Each block may be the first access to its page, and the processor's own prefetcher does not
/// cross pages. Without prefetching, 64 MiB take three times as long (Zen 3).
const PREFETCHED_BLOCKS: usize = 8;

/// A search of at least so many bytes takes the slow path, whose cost does not count then.
const LONG: usize = 64 * 1024;

impl Probe {
    /// The bytes of `needle` at three offsets.
    pub(crate) fn new(needle: &[u8], mut at: [usize; 3]) -> Probe {
        at.sort_unstable();
        Probe { bytes: at.map(|at| needle[at]), at }
    }

    /// The highest offset of the probe's bytes: a candidate reads so many bytes behind its first
    /// one.
    #[inline]
    pub(crate) fn reach(&self) -> usize {
        self.at[2]
    }
}

impl Map {
    /// Returns the offset in the map of the first `byte` in `span`.
    #[inline]
    pub(crate) fn find_byte(&self, span: Span, byte: u8) -> Result<Option<usize>> {
        let mut before = 0;
        // A long search may have to release pages.
        if span.len() < LONG {
            if let Some((base, _in_use)) = self.try_enter(span) {
                // SAFETY: the range is `span`; `try_enter` has checked that code may be inlined.
                match unsafe { find_once(base.wrapping_add(span.start()), span.len(), byte) } {
                    Ok(index) => return Ok((index < span.len()).then_some(span.start() + index)),
                    Err(done) => before = done,
                }
            }
        }
        self.find_byte_slowly(span, byte, before)
    }

    /// Slow path of [`Map::find_byte`], if the byte is not among the first `before`. Not inlined,
    /// so that it is compiled with the crate.
    #[cold]
    #[inline(never)]
    fn find_byte_slowly(&self, span: Span, byte: u8, before: usize) -> Result<Option<usize>> {
        let span = span.rest(before);
        if self.drops_behind() {
            return self.search_in_parts(span, 0, |part| self.find_byte_in(part, byte));
        }
        self.find_byte_in(span, byte)
    }

    fn find_byte_in(&self, span: Span, byte: u8) -> Result<Option<usize>> {
        let index = self.transfer(span, NonNull::dangling().as_ptr(), move |base, done| {
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: the range is the rest of `span`.
            unsafe { accessor::find_byte(from, span.len() - done, byte) }
        })?;
        Ok((index < span.len()).then_some(span.start() + index))
    }

    /// Counts `byte` in `span`.
    pub(crate) fn count_byte(&self, span: Span, byte: u8) -> Result<usize> {
        if !self.drops_behind() {
            return self.count_byte_in(span, byte);
        }
        let mut count = 0;
        self.search_in_parts(span, 0, |part| {
            count += self.count_byte_in(part, byte)?;
            Ok(None)
        })?;
        Ok(count)
    }

    fn count_byte_in(&self, span: Span, byte: u8) -> Result<usize> {
        let (count, counted) = (Cell::new(0), Cell::new(0));
        self.transfer(span, NonNull::dangling().as_ptr(), |base, _| {
            let rest = span.rest(counted.get());
            let from = base.wrapping_add(rest.start());
            // SAFETY: the range is `rest`.
            let outcome = unsafe { accessor::count_byte(from, rest.len(), byte) };
            count.set(count.get() + outcome.done);
            if outcome.fault != 0 {
                counted.set(counted.get() + (outcome.fault - from.addr()));
            }
            outcome
        })?;
        Ok(count.get())
    }

    /// Returns the offset in the map of the last `byte` in `span`.
    pub(crate) fn rfind_byte(&self, span: Span, byte: u8) -> Result<Option<usize>> {
        let end = Cell::new(span.len());
        self.transfer(span, NonNull::dangling().as_ptr(), |base, _| {
            // SAFETY: the range is the first bytes of `span`.
            let outcome =
                unsafe { accessor::rfind_byte(base.wrapping_add(span.start()), end.get(), byte) };
            end.set(outcome.done);
            outcome
        })?;
        Ok(end.get().checked_sub(1).map(|index| span.start() + index))
    }

    /// Returns the index in `span` of the first candidate for which all bytes of `probe` match, or
    /// the number of candidates.
    ///
    /// A candidate is an index from which the probe's bytes lie in `span`.
    pub(crate) fn next_candidate(&self, span: Span, probe: &Probe) -> Result<usize> {
        let candidates = span.len().saturating_sub(probe.reach());
        self.transfer(span, NonNull::dangling().as_ptr(), move |base, done| {
            let from = base.wrapping_add(span.start() + done);
            // SAFETY: the highest byte that is read has index `candidates - 1 + reach`, which is
            // less than `span.len()`.
            unsafe { accessor::find_probe(from, candidates - done, probe) }
        })
    }

    /// Returns the index in `span` of the last candidate for which all bytes of `probe` match; see
    /// [`Map::next_candidate`].
    pub(crate) fn last_candidate(&self, span: Span, probe: &Probe) -> Result<Option<usize>> {
        let end = Cell::new(span.len().saturating_sub(probe.reach()));
        self.transfer(span, NonNull::dangling().as_ptr(), |base, _| {
            // SAFETY: as above, as `end` only decreases.
            let outcome =
                unsafe { accessor::rfind_probe(base.wrapping_add(span.start()), end.get(), probe) };
            end.set(outcome.done);
            outcome
        })?;
        Ok(end.get().checked_sub(1))
    }

    /// Counts the blocks of `block` bytes at the start of `span`, at multiples of `stride`, before
    /// the first that `stops` accepts by its first and last word. A block that cannot be read ends
    /// the count as well.
    #[inline]
    pub(crate) fn blocks_before(
        &self,
        span: Span,
        stride: usize,
        block: usize,
        stops: impl Fn(u64, u64) -> bool + Copy,
    ) -> Result<usize> {
        let (starts, last_word) =
            ((span.len() + 1).saturating_sub(block), block - size_of::<u64>());
        let blocks = starts.div_ceil(stride);
        self.transfer(span, NonNull::dangling().as_ptr(), move |base, _| {
            let mut at = base.wrapping_add(span.start());
            let mut ahead = at.wrapping_add(PREFETCHED_BLOCKS * stride);
            for done in 0..blocks {
                accessor::prefetch(ahead);
                // SAFETY: the block starts at `done * stride`, which is less than `starts`, so it
                // lies in `span`.
                let first = unsafe { accessor::load64(at) };
                // SAFETY: as above; the word is the last one of the block.
                let last = unsafe { accessor::load64(at.wrapping_add(last_word)) };
                if first.fault != 0 || last.fault != 0 || stops(first.value, last.value) {
                    return Outcome { done, fault: 0 };
                }
                (at, ahead) = (at.wrapping_add(stride), ahead.wrapping_add(stride));
            }
            Outcome { done: blocks, fault: 0 }
        })
    }
}

/// Returns the index of the first `byte` in `n` bytes, or `n`; after a fault, how many bytes before
/// it were searched. Short searches consist of instructions in the caller.
///
/// # Safety
///
/// As for the accessor [`find_byte`](accessor::find_byte); and the caller has checked
/// `fault::can_inline`.
#[inline]
unsafe fn find_once(at: *const u8, n: usize, byte: u8) -> Result<usize, usize> {
    if inline::SEARCHED.contains(&n) {
        // SAFETY: the caller guarantees it.
        return unsafe { inline::find(at, n, byte) }.ok_or(0);
    }
    // SAFETY: the caller guarantees it.
    let outcome = unsafe { accessor::find_byte(at, n, byte) };
    if outcome.fault == 0 { Ok(outcome.done) } else { Err(outcome.done) }
}
