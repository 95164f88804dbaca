//! Skips offsets at which a long needle cannot begin, by reading a few bytes in a thousand.
//!
//! Suppose that a needle of 1000 bytes begins at one of 969 consecutive offsets. Then it contains
//! the 32-byte block that starts at the last of these offsets. If that block occurs nowhere in the
//! needle, none of the 969 offsets can match, and the search advances by 969 bytes. In memory that
//! is in no cache, this takes a third to a half of the time of looking at every byte (`x.py bench
//! find`).
//!
//! The idea is from R. S. Boyer and J. S. Moore, "A fast string searching algorithm" (1977). Blocks
//! instead of letters are from S. Wu and U. Manber, "A fast algorithm for multi-pattern searching"
//! (1994).
//!
//! The first candidates are all examined, because a needle that is there needs no table. The last
//! ones are examined as well, so that a hole at the end is found.
//!
//! A Bloom filter with one hash records the needle's 32-byte blocks; false positives are possible.
//! If the filter contains a block, the search examines its candidates one by one. If that happens
//! too often, nothing is skipped any more. A block that cannot be read counts as contained, and the
//! search that follows reports the fault.

use std::ops::Range;

use crate::{Map, Result, access::Span, accessor};

/// Bytes of a block. Shorter ones would be found in needles by chance, as logs have much in common.
const BLOCK: usize = 32;
/// For a shorter needle, looking at every byte is as fast in memory that is cached.
const SHORTEST_NEEDLE: usize = 512;
/// How many bytes of a needle are used. That is few enough for the filter, and keeps a stride
/// shorter than a page, so that no page is left out.
const LONGEST_NEEDLE: usize = 1024;
/// How many candidates at the start are examined for each byte that is used: that takes as long as
/// filling the filter.
const FIRST_CANDIDATES: usize = 64;
/// How many candidates there must be for each byte that is used. Then the filter costs at most an
/// eighth if it is of no use.
const MIN_CANDIDATES: usize = 1024;
/// Bits of a hash.
const HASH_BITS: u32 = 16;
/// How many strides that are skipped make up for one that is not.
const COST: usize = 8;
/// How many strides in a row may not be skipped, before nothing is skipped any more.
const PATIENCE: usize = 16;

/// Returns the candidates among which skipping is worthwhile, if there are any.
#[inline]
pub(super) fn worthwhile(needle: &[u8], candidates: usize) -> Option<Range<usize>> {
    // An accessor that uses a system call for each word is slower than one that reads every byte.
    if !accessor::FAULTS || needle.len() < SHORTEST_NEEDLE {
        return None;
    }
    let used = needle.len().min(LONGEST_NEEDLE);
    (candidates / MIN_CANDIDATES >= used).then(|| FIRST_CANDIDATES * used..candidates - used)
}

/// The blocks of a needle, and the decision whether skipping is still worthwhile.
pub(super) struct Skipper {
    filter: Vec<u64>,
    /// How many candidates one block excludes.
    stride: usize,
    /// Decreases with each stride that is not skipped, increases with each that is; at 0 nothing is
    /// skipped.
    patience: usize,
}

impl Skipper {
    /// Records the blocks of `needle`. Returns `None` if there is not enough memory.
    pub(super) fn new(needle: &[u8]) -> Option<Skipper> {
        let needle = &needle[..needle.len().min(LONGEST_NEEDLE)];
        let mut filter = Vec::new();
        filter.try_reserve_exact(1 << (HASH_BITS - 6)).ok()?;
        filter.resize(1 << (HASH_BITS - 6), 0);
        let mut skipper =
            Skipper { filter, stride: needle.len() - BLOCK + 1, patience: PATIENCE * COST };
        for block in needle.windows(BLOCK) {
            let (index, bit) =
                filter_bit(word_at(block, 0), word_at(block, BLOCK - size_of::<u64>()));
            skipper.filter[index] |= bit;
        }
        Some(skipper)
    }

    /// Returns whether the needle may have a block with these words, the first and the last one.
    #[inline]
    fn may_contain(&self, first: u64, last: u64) -> bool {
        let (index, bit) = filter_bit(first, last);
        self.filter[index] & bit != 0
    }

    /// Adjusts the patience after `strides` that were skipped and one that was not.
    fn adjust_patience(&mut self, strides: usize) {
        self.patience = (self.patience + strides).saturating_sub(COST).min(PATIENCE * COST);
    }
}

impl Map {
    /// Returns the first stride of `candidates` at which the needle may begin.
    pub(super) fn skip(
        &self,
        skipper: &mut Skipper,
        span: Span,
        candidates: Range<usize>,
    ) -> Result<Range<usize>> {
        if skipper.patience == 0 {
            return Ok(candidates);
        }
        let (known, stride) = (&*skipper, skipper.stride);
        let blocks = span.part(candidates.start + stride - 1, candidates.len() + BLOCK - 1);
        let strides = self.blocks_before(blocks, stride, BLOCK, move |first, last| {
            known.may_contain(first, last)
        })?;
        skipper.adjust_patience(strides);
        // The product exceeds the number of candidates by less than a stride, so nothing overflows.
        let start = candidates.end.min(candidates.start + strides * stride);
        Ok(start..candidates.end.min(start + stride))
    }
}

/// Returns the word of the filter and the bit that stand for a block with these words.
#[inline]
fn filter_bit(first: u64, last: u64) -> (usize, u64) {
    // The upper bits of a product depend on all bits of the factor. The constant is 2^64 divided by
    // the golden ratio (D. Knuth, TAOCP 3, 6.4).
    let mixed = (first ^ last.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let hash = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

fn word_at(block: &[u8], at: usize) -> u64 {
    let bytes = block[at..].first_chunk().expect("a block has two words");
    u64::from_ne_bytes(*bytes)
}
