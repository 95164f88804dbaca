//! Skip: where a long needle cannot begin, from a look at a few bytes in a thousand.
//!
//! A needle of 1000 bytes that begins at one of 969 places in a row holds the 32 bytes from the last of these places on. If they
//! are nowhere in the needle, the 969 places are done. So one looks at them and goes on 969 bytes: in memory that is in no cache this
//! takes a third to a half of the time of looking at every byte (`x.py bench find`). The idea is old (R. S. Boyer, J. S. Moore, "A fast
//! string searching algorithm", 1977), and so are pieces in the place of letters (S. Wu, U. Manber, "A fast algorithm for multi-pattern
//! searching", 1994).
//!
//! The first places are all looked at, as a needle that stands there needs no table, and the last ones, so that a hole at the end is met.
//!
//! Whether a piece is in the needle tells a table of bits, by a hash: it may say yes where no is right. Then the places are gone through
//! one by one; where that happens too often, nothing is skipped any more. A piece that cannot be read is a yes as well: what to say of
//! it is for the search that comes then.
//!
//! # Safety
//!
//! The unsafe blocks hand a kernel places in a [`Span`], which lies in the map.

#![allow(unsafe_code)]

use std::{ops::Range, ptr::NonNull};

use crate::{
    Map, Result,
    accessor::{self, Outcome},
    span::Span,
};

/// Bytes of a piece. A shorter one would be found in needles by chance: logs have much in common.
const PIECE: usize = 32;
/// Where in a piece the second of the two words stands that are looked at.
const SECOND: usize = PIECE - size_of::<u64>();
/// With a shorter needle looking at every byte is as fast, in what the caches hold.
const SHORTEST: usize = 512;
/// So much of a needle is made use of: few enough pieces for the table, and steps shorter than a page, so that no page is passed by.
const LONGEST: usize = 1024;
/// Places at the start that are all looked at, for each byte that is made use of: that takes as long as making the table does.
const FIRST: usize = 64;
/// Places there must be in all, for each such byte: then the table costs no more than an eighth where it turns out to be of no use.
const PLACES: usize = 1024;
/// How many steps ahead memory is asked for: each step may be the first to its page, for which the processor does not see to it itself.
/// Without, 64 MiB take three times as long (Zen 3).
const AHEAD: usize = 8;
/// Bits of a hash.
const HASH: u32 = 16;
/// Strides without a piece of the needle that make good for one with.
const COST: usize = 8;
/// How many strides with a piece of the needle may come in a row before nothing is skipped any more.
const PATIENCE: usize = 16;

/// The places among which skipping is worth while, if there are any.
#[inline]
pub(crate) fn worthwhile(needle: &[u8], places: usize) -> Option<Range<usize>> {
    // Where a kernel asks the system for each word, every byte is had for less.
    if !accessor::FAULTS || needle.len() < SHORTEST {
        return None;
    }
    let used = needle.len().min(LONGEST);
    (places / PLACES >= used).then(|| FIRST * used..places - used)
}

/// What is known of a needle that lets places be skipped.
pub(crate) struct Skipper {
    table: Vec<u64>,
    /// How many places a piece speaks for.
    stride: usize,
    /// Sinks with each stride that has a piece of the needle, rises with each other one; at 0 nothing is skipped.
    patience: usize,
}

impl Skipper {
    /// What is known of `needle`, if there is memory for it.
    pub(crate) fn of(needle: &[u8]) -> Option<Skipper> {
        let needle = &needle[..needle.len().min(LONGEST)];
        let mut table = Vec::new();
        table.try_reserve_exact(1 << (HASH - 6)).ok()?;
        table.resize(1 << (HASH - 6), 0);
        let mut skipper = Skipper { table, stride: needle.len() - PIECE + 1, patience: PATIENCE * COST };
        for piece in needle.windows(PIECE) {
            let (index, bit) = place_of(word(piece, 0), word(piece, SECOND));
            skipper.table[index] |= bit;
        }
        Some(skipper)
    }

    #[inline]
    fn has(&self, first: u64, second: u64) -> bool {
        let (index, bit) = place_of(first, second);
        self.table[index] & bit != 0
    }

    /// Takes note that the needle may begin after `strides` in which it does not.
    fn doubt(&mut self, strides: usize) {
        self.patience = (self.patience + strides).saturating_sub(COST).min(PATIENCE * COST);
    }
}

impl Map {
    /// Returns the first of the `places` at which the needle may begin, with those after it of which the same is to be said.
    pub(crate) fn skip(&self, skipper: &mut Skipper, span: Span, places: Range<usize>) -> Result<Range<usize>> {
        if skipper.patience == 0 {
            return Ok(places);
        }
        let (known, stride, first, end) = (&*skipper, skipper.stride, places.start, places.end);
        let strides = self.transfer(span, NonNull::dangling().as_ptr(), move |base, _| {
            let from = base.wrapping_add(span.start());
            let clear = (first..end).step_by(stride).take_while(|at| {
                let piece = from.wrapping_add(at + stride - 1);
                accessor::prefetch(piece.wrapping_add(AHEAD * stride));
                // SAFETY: the needle has room at every one of the places, so the piece lies in `span`.
                !unsafe { may_have(known, piece) }
            });
            Outcome { done: clear.count(), fault: 0 }
        })?;
        skipper.doubt(strides);
        // No sum is beyond the map's end, or by less than a stride.
        let start = end.min(first + strides * stride);
        Ok(start..end.min(start + stride))
    }
}

/// Whether the needle may have the piece at `piece`.
///
/// # Safety
///
/// As for kernels.
#[inline]
unsafe fn may_have(skipper: &Skipper, piece: *const u8) -> bool {
    // SAFETY: the caller's promise, handed on.
    let first = unsafe { accessor::load64(piece) };
    // SAFETY: as above.
    let second = unsafe { accessor::load64(piece.wrapping_add(SECOND)) };
    first.fault != 0 || second.fault != 0 || skipper.has(first.value, second.value)
}

/// Where in the table a piece is noted, by the two words.
#[inline]
fn place_of(first: u64, second: u64) -> (usize, u64) {
    // The upper bits of a product depend on all bits of the factor; the constant is 2^64 by the golden ratio (D. Knuth, TAOCP 3, 6.4).
    let mixed = (first ^ second.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn word(piece: &[u8], at: usize) -> u64 {
    let bytes = piece[at..].first_chunk().expect("a piece has two words");
    u64::from_ne_bytes(*bytes)
}
