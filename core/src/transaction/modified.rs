//! The pages of a map that calls have stored to: one byte for each 4 KiB.
//!
//! A byte is tested with one instruction. The unit is a constant, so that the fast path of a store
//! needs no page size.

use std::{
    ops::Range,
    sync::{
        OnceLock,
        atomic::{
            AtomicU8, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
            fence,
        },
    },
};

use crate::sys::{fork, zeroed};

/// The binary logarithm of the bytes of a unit. A page has one, or several.
const UNIT_BITS: u32 = 12;

/// How many units the first level has at least, and at most.
const FIRST: usize = 1 << 15;
const MOST: usize = 1 << 26;
const LEVELS: usize = usize::BITS as usize - FIRST.trailing_zeros() as usize;

/// The pages that were noted. Threads note pages at the same time; pages are taken by a thread that
/// has closed the gate, and excludes those that note pages outside of it.
#[derive(Debug)]
pub(super) struct Modified {
    /// Always exists. Each further level has as many units as all levels before it.
    first: Level,
    /// The second level and all others.
    others: [OnceLock<Level>; LEVELS - 1],
    /// The binary logarithm of the units of a page.
    shift: u32,
}

#[derive(Debug)]
struct Level {
    /// A byte for each unit.
    units: Box<[AtomicU8]>,
    /// A bit for each group of 64 units that are not all 0.
    groups: Box<[AtomicU64]>,
}

impl Level {
    fn new(units: usize) -> Level {
        let groups = (0..units.div_ceil(64 * 64)).map(|_| AtomicU64::new(0)).collect();
        Level { units: zeroed::bytes(units), groups }
    }

    /// The group first: another thread that finds the unit stores to the page without a note, and
    /// its commit looks at the groups.
    fn note(&self, index: usize) {
        if !self.contains(index) {
            let group = index / 64;
            self.groups[group / 64].fetch_or(1 << (group % 64), AcqRel);
            fork::step();
            self.units[index].store(1, Release);
        }
    }

    #[inline]
    fn contains(&self, index: usize) -> bool {
        self.units.get(index).is_some_and(|unit| unit.load(Relaxed) != 0)
    }

    fn is_empty(&self) -> bool {
        // Behind the units that this thread has found.
        fence(Acquire);
        self.groups.iter().all(|groups| groups.load(Relaxed) == 0)
    }

    /// Removes all units, and passes their numbers to `visit`.
    fn take(&self, mut visit: impl FnMut(usize)) {
        for (number, groups) in self.groups.iter().enumerate() {
            for bit in bits(groups.swap(0, AcqRel)) {
                let first = 64 * (64 * number + bit);
                for index in (first..first + 64).filter(|&index| self.contains(index)) {
                    self.units[index].store(0, Relaxed);
                    visit(index);
                }
            }
        }
    }
}

impl Modified {
    /// For a map of up to `len` bytes, or longer.
    pub(super) fn new(page_bits: u32, len: usize) -> Modified {
        let units = (len >> UNIT_BITS).clamp(FIRST, MOST).next_power_of_two();
        let others = [const { OnceLock::new() }; LEVELS - 1];
        Modified { first: Level::new(units), others, shift: page_bits - UNIT_BITS }
    }

    /// As [`Modified::has_noted`], with less code. Returns `false` also for bytes in two units.
    #[inline]
    pub(super) fn has_noted_unit(&self, first: usize, last: usize) -> bool {
        (first ^ last) >> UNIT_BITS == 0 && self.first.contains(first >> UNIT_BITS)
    }

    /// Returns whether all pages of the bytes from `first` to `last` are noted. If not, and if
    /// `last` is less than `first`, they may be noted all the same.
    #[inline]
    pub(super) fn has_noted(&self, first: usize, last: usize) -> bool {
        let (first, last) = (first >> UNIT_BITS, last >> UNIT_BITS);
        first <= last && (first..=last).all(|unit| self.first.contains(unit))
    }

    pub(super) fn note(&self, page: usize) {
        let (number, first) = self.position(page << self.shift);
        let level = match number.checked_sub(1) {
            None => &self.first,
            Some(other) => self.others[other].get_or_init(|| Level::new(self.first_of(number))),
        };
        (first..first + (1 << self.shift)).for_each(|index| level.note(index));
    }

    pub(super) fn note_all(&self, pages: Range<usize>) {
        pages.for_each(|page| self.note(page));
    }

    /// The level of a unit, and the unit's index there.
    fn position(&self, unit: usize) -> (usize, usize) {
        match unit / self.first.units.len() {
            0 => (0, unit),
            rest => {
                let level = (usize::BITS - rest.leading_zeros()) as usize;
                (level, unit - self.first_of(level))
            }
        }
    }

    /// The first unit of a level. That is also the number of its units, but for the first level.
    fn first_of(&self, level: usize) -> usize {
        if level == 0 { 0 } else { self.first.units.len() << (level - 1) }
    }

    fn level(&self, number: usize) -> Option<&Level> {
        match number.checked_sub(1) {
            None => Some(&self.first),
            Some(other) => self.others[other].get(),
        }
    }

    fn levels(&self) -> impl Iterator<Item = (usize, &Level)> {
        (0..LEVELS).filter_map(|number| Some((number, self.level(number)?)))
    }

    pub(super) fn contains(&self, page: usize) -> bool {
        let (level, index) = self.position(page << self.shift);
        self.level(level).is_some_and(|level| level.contains(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.levels().all(|(_, level)| level.is_empty())
    }

    /// Removes all pages, and returns their runs in ascending order.
    pub(super) fn take(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        for (number, level) in self.levels() {
            level.take(|index| {
                let page = (self.first_of(number) + index) >> self.shift;
                push(&mut runs, page..page + 1);
            });
        }
        runs
    }
}

/// The numbers of the bits that are set.
fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = word.trailing_zeros() as usize;
        (word != 0).then(|| {
            word &= word - 1;
            lowest
        })
    })
}

/// Appends a run that starts at the end of the last one, or behind it.
pub(super) fn push(runs: &mut Vec<Range<usize>>, run: Range<usize>) {
    match runs.last_mut() {
        Some(last) if run.start <= last.end => last.end = last.end.max(run.end),
        _ => runs.push(run),
    }
}

/// Returns the pages of both lists, which are in ascending order, below `end`.
pub(super) fn union(
    some: Vec<Range<usize>>,
    others: Vec<Range<usize>>,
    end: usize,
) -> Vec<Range<usize>> {
    let mut all: Vec<_> = some.into_iter().chain(others).collect();
    all.sort_unstable_by_key(|run| run.start);
    let mut runs = Vec::new();
    for run in all.into_iter().filter(|run| run.start < end) {
        push(&mut runs, run.start..run.end.min(end));
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use super::*;
    use crate::sys::fork::steps;

    fn new(page_bits: u32) -> Modified {
        Modified::new(page_bits, 0)
    }

    fn pages(runs: &[Range<usize>]) -> Vec<usize> {
        assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "{runs:?}");
        runs.iter().cloned().flatten().collect()
    }

    #[test]
    fn the_pages_that_are_taken_are_those_that_were_noted() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (modified, mut model) = (new(random.u32(12..17)), BTreeSet::new());
            for _ in 0..random.usize(0..200) {
                let bits = random.u32(1..22);
                let page = random.usize(0..1 << bits);
                modified.note(page);
                model.insert(page);
            }
            assert!(model.iter().all(|&page| modified.contains(page)));
            assert!(!modified.contains(1 << 23));
            assert_eq!(modified.is_empty(), model.is_empty());
            assert_eq!(pages(&modified.take()), model.into_iter().collect::<Vec<_>>());
            assert!(modified.is_empty() && modified.take().is_empty());
        }
    }

    /// What that thread stores would be missing in its commit.
    #[test]
    fn no_thread_finds_a_page_noted_while_there_seem_to_be_none() {
        let modified = Arc::new(new(12));
        let other = Arc::clone(&modified);
        let look = move || assert!(!other.has_noted_unit(0, 0) || !other.is_empty());
        steps::at_each(look, || modified.note(0));
        assert!(modified.has_noted_unit(0, 0));
    }

    #[test]
    fn pages_at_the_borders_of_levels_are_different_ones() {
        let modified = new(12);
        let borders: Vec<usize> =
            (0..6).flat_map(|level| [(FIRST << level) - 1, FIRST << level]).collect();
        for (count, &page) in borders.iter().enumerate() {
            assert!(borders[count..].iter().all(|&page| !modified.contains(page)));
            modified.note(page);
        }
        assert_eq!(pages(&modified.take()), borders);
    }

    #[test]
    fn a_union_has_the_pages_of_both() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut list = || {
            let mut runs = Vec::new();
            let mut at = 0;
            for _ in 0..random.usize(0..6) {
                at += random.usize(1..5);
                let end = at + random.usize(1..5);
                runs.push(at..end);
                at = end;
            }
            runs
        };
        for end in 0..40 {
            let (one, other) = (list(), list());
            let model: BTreeSet<usize> =
                one.iter().chain(&other).cloned().flatten().filter(|&page| page < end).collect();
            let both = union(one, other, end);
            assert_eq!(both.iter().cloned().flatten().collect::<BTreeSet<_>>(), model);
        }
    }
}
