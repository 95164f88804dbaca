//! The pages of a map that calls have stored to: one bit each.

use std::{
    ops::Range,
    sync::{
        OnceLock,
        atomic::{
            AtomicU64,
            Ordering::{AcqRel, Relaxed},
        },
    },
};

/// The pages of the first level, which always exists. Each further level has as many as all levels
/// before it.
const FIRST: usize = 1 << 15;
const LEVELS: usize = usize::BITS as usize - FIRST.trailing_zeros() as usize;

/// The pages that were noted. Threads note pages at the same time; a page is taken by a thread that
/// has closed the gate.
#[derive(Debug)]
pub(super) struct Modified {
    first: Level,
    /// The second level and all others.
    others: [OnceLock<Level>; LEVELS - 1],
}

#[derive(Debug)]
struct Level {
    /// A bit for each page.
    pages: Box<[AtomicU64]>,
    /// A bit for each word of `pages` that is not 0.
    words: Box<[AtomicU64]>,
}

impl Level {
    fn new(number: usize) -> Level {
        let pages = if number == 0 { FIRST } else { FIRST << (number - 1) };
        let zeros = |count| (0..count).map(|_| AtomicU64::new(0)).collect();
        Level { pages: zeros(pages / 64), words: zeros((pages / 64).div_ceil(64)) }
    }

    #[inline]
    fn note(&self, index: usize) {
        let (word, bit) = (index / 64, 1 << (index % 64));
        if self.pages[word].load(Relaxed) & bit == 0 {
            self.add(word, bit);
        }
    }

    #[inline(never)]
    fn add(&self, word: usize, bit: u64) {
        self.pages[word].fetch_or(bit, AcqRel);
        self.words[word / 64].fetch_or(1 << (word % 64), AcqRel);
    }
}

/// The level of a page, and the page's index there.
#[inline]
fn position(page: usize) -> (usize, usize) {
    match page / FIRST {
        0 => (0, page),
        rest => {
            let level = (usize::BITS - rest.leading_zeros()) as usize;
            (level, page - first_of(level))
        }
    }
}

/// The first page of a level.
fn first_of(level: usize) -> usize {
    if level == 0 { 0 } else { FIRST << (level - 1) }
}

impl Modified {
    pub(super) fn new() -> Modified {
        Modified { first: Level::new(0), others: [const { OnceLock::new() }; LEVELS - 1] }
    }

    #[inline]
    pub(super) fn note(&self, page: usize) {
        if page < FIRST { self.first.note(page) } else { self.note_far(page) }
    }

    #[inline(never)]
    fn note_far(&self, page: usize) {
        let (level, index) = position(page);
        self.others[level - 1].get_or_init(|| Level::new(level)).note(index);
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

    pub(super) fn note_all(&self, pages: Range<usize>) {
        pages.for_each(|page| self.note(page));
    }

    pub(super) fn contains(&self, page: usize) -> bool {
        let (level, index) = position(page);
        let word = self.level(level).map_or(0, |level| level.pages[index / 64].load(Relaxed));
        word >> (index % 64) & 1 == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        let is_clear = |level: &Level| level.words.iter().all(|word| word.load(Relaxed) == 0);
        self.levels().all(|(_, level)| is_clear(level))
    }

    /// Removes all pages, and returns their runs in ascending order.
    pub(super) fn take(&self) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        for (number, level) in self.levels() {
            for (group, words) in level.words.iter().enumerate() {
                for word in bits(words.swap(0, AcqRel)) {
                    let word = 64 * group + word;
                    let first = first_of(number) + 64 * word;
                    bits(level.pages[word].swap(0, AcqRel)).for_each(|bit| {
                        push(&mut runs, first + bit..first + bit + 1);
                    });
                }
            }
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
    use std::collections::BTreeSet;

    use super::*;

    fn pages(runs: &[Range<usize>]) -> Vec<usize> {
        assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start), "{runs:?}");
        runs.iter().cloned().flatten().collect()
    }

    #[test]
    fn the_pages_that_are_taken_are_those_that_were_noted() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let (modified, mut model) = (Modified::new(), BTreeSet::new());
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

    #[test]
    fn pages_at_the_borders_of_levels_are_different_ones() {
        let modified = Modified::new();
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
