//! The bytes in which copies of pages differ from the file.

use std::{collections::TryReserveError, ops::Range};

/// Equal bytes between two changes that are not left out: a range costs 16 bytes in the journal,
/// and a system call.
const BRIDGED: usize = 32;

/// Ranges of a file, in ascending order, and their new bytes.
#[derive(Debug, Default)]
pub(super) struct Differences {
    ranges: Vec<Range<usize>>,
    bytes: Vec<u8>,
}

impl Differences {
    /// Adds the ranges in which `new`, the bytes at offset `at`, differs from `old`. Where `old`
    /// is shorter, the file has zeros. All former ranges are before `at`. Fails if there is no
    /// memory for the bytes.
    pub(super) fn add(&mut self, at: usize, new: &[u8], old: &[u8]) -> Result<(), TryReserveError> {
        let mut from = 0;
        while let Some(start) = next_difference(new, old, from) {
            let end = end_of_difference(new, old, start);
            self.push(at + start, &new[start..end])?;
            from = end;
        }
        Ok(())
    }

    /// Adds all of `new`, the bytes at offset `at`. Fails as [`Differences::add`].
    pub(super) fn add_all(&mut self, at: usize, new: &[u8]) -> Result<(), TryReserveError> {
        if new.is_empty() { Ok(()) } else { self.push(at, new) }
    }

    fn push(&mut self, at: usize, new: &[u8]) -> Result<(), TryReserveError> {
        self.bytes.try_reserve(new.len())?;
        self.ranges.try_reserve(1)?;
        self.bytes.extend_from_slice(new);
        match self.ranges.last_mut() {
            Some(last) if last.end == at => last.end = at + new.len(),
            _ => self.ranges.push(at..at + new.len()),
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(super) fn into_ranges(self) -> Vec<Range<usize>> {
        self.ranges
    }

    /// Returns each range's offset and its bytes.
    pub(super) fn changes(&self) -> Vec<(u64, &[u8])> {
        let mut rest = &self.bytes[..];
        let change = |range: &Range<usize>| {
            let (bytes, others) = rest.split_at(range.len());
            rest = others;
            (range.start as u64, bytes)
        };
        self.ranges.iter().map(change).collect()
    }
}

/// Compares this many bytes at once.
const BLOCK: usize = 64;

/// Returns the first index at `from` or behind it at which the bytes differ.
fn next_difference(new: &[u8], old: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let (Some(some), Some(others)) = (new.get(at..at + BLOCK), old.get(at..at + BLOCK)) {
        if some != others {
            break;
        }
        at += BLOCK;
    }
    (at..new.len()).find(|&index| differs(new, old, index))
}

/// Returns the end of the range that starts with the difference at `start`: behind its last
/// difference, before more than `BRIDGED` equal bytes.
fn end_of_difference(new: &[u8], old: &[u8], start: usize) -> usize {
    let mut end = start + 1;
    while let Some(last) = last_difference(new, old, end..(end + BRIDGED + 1).min(new.len())) {
        end = last + 1;
    }
    end
}

/// Returns the last index in `range` at which the bytes differ.
fn last_difference(new: &[u8], old: &[u8], range: Range<usize>) -> Option<usize> {
    let mut end = range.end;
    // Of changed bytes nearly all words differ.
    while let Some(bits) = end.checked_sub(8).and_then(|at| differing_bits(new, old, at)) {
        if bits != 0 {
            let last = end - 1 - bits.leading_zeros() as usize / 8;
            return Some(last).filter(|last| range.contains(last));
        }
        end -= 8;
        if end <= range.start {
            return None;
        }
    }
    (range.start..end).rev().find(|&index| differs(new, old, index))
}

/// Compares words at `at`. Returns `None` near the end of the bytes.
#[inline]
fn differing_bits(new: &[u8], old: &[u8], at: usize) -> Option<u64> {
    let word = |bytes: &[u8]| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    Some(word(new)? ^ word(old)?)
}

#[inline]
fn differs(new: &[u8], old: &[u8], index: usize) -> bool {
    new[index] != old.get(index).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few values, so that bytes are equal by chance.
    fn some_bytes(random: &mut fastrand::Rng, len: usize, equal: &[u8]) -> Vec<u8> {
        let is_rare = random.bool();
        let byte = |index| match equal.get(index) {
            Some(&byte) if random.u8(..) < if is_rare { 250 } else { 120 } => byte,
            _ => random.u8(0..2),
        };
        (0..len).map(byte).collect()
    }

    #[test]
    fn ranges_contain_all_differences_and_few_other_bytes() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..2000 {
            let (at, len) = (random.usize(0..1 << 20), random.usize(0..700));
            let old_len = if random.bool() { len } else { random.usize(0..=len) };
            let old = some_bytes(&mut random, old_len, &[]);
            let new = some_bytes(&mut random, len, &old);
            let mut found = Differences::default();
            found.add(at, &new, &old).unwrap();
            let mut file = old.clone();
            file.resize(len, 0);
            for (start, bytes) in found.changes() {
                let start = start as usize - at;
                assert!(new[start] != file[start]);
                assert!(bytes[bytes.len() - 1] != file[start + bytes.len() - 1]);
                file[start..start + bytes.len()].copy_from_slice(bytes);
            }
            assert_eq!(file, new);
            let ranges = found.into_ranges();
            assert!(ranges.windows(2).all(|pair| pair[1].start - pair[0].end > BRIDGED));
        }
    }

    #[test]
    fn ranges_of_adjacent_pages_are_one() {
        let mut found = Differences::default();
        found.add(0, &[0, 1], &[0, 0]).unwrap();
        found.add(2, &[1, 0, 0], &[0, 0]).unwrap();
        found.add_all(5, b"ab").unwrap();
        found.add_all(9, b"").unwrap();
        assert_eq!(found.changes(), [(1, &[1, 1][..]), (5, b"ab")]);
    }
}
