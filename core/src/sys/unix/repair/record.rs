//! Records which pages were replaced by zeros, and makes repairs and restorations exclude each
//! other.
//!
//! # Protocol
//!
//! A repair counts the fault, then sets the map's [`Mark`], then the page's bit, then maps zeros. A
//! restoration maps the file, then clears the bits, page by page; when no bit of the map's regions
//! is set, it clears the mark. So at every instant, also in a child that is forked at this instant:
//!
//! - If zeros are mapped at a page, its bit is set.
//! - If a bit is set, the mark is set.
//! - If zeros were ever mapped, their fault was counted: a thread that has read them finds that the
//!   number of faults has changed, also if the map is restored or gone by then.
//!
//! The first two hold because a step of one never comes between two steps of the other: both need
//! the map's [`Exclusion`]. Without it, either order of "map the file" and "clear the bit" leaves
//! zeros without a bit if a repair comes between (`model` shows both).
//!
//! A signal handler cannot wait: it might have interrupted the owner, or another handler that
//! waits. If another thread is the owner, the handler returns. The instruction is executed again,
//! and faults again if its page is still missing. The owner blocks all signals, so no handler
//! interrupts it.
//!
//! The handler may run long after the fault, if the scheduler or another handler delays it. The map
//! may have been restored since. So the handler, as owner of the exclusion, first asks the
//! kernel whether the page is still missing (`probe`). Otherwise a map would become damaged after
//! `restore` has returned, although its file is complete.
//!
//! A forked child has a copy of the exclusion, but not the thread that owns it. The fork handler
//! frees it. Before that handler, or without it, the number of the process shows that the owner
//! does not exist: the exclusion records in which process it was taken.

use std::{io, ops::Range};

use super::atomic::{AtomicU64, AtomicUsize, SeqCst};
use crate::Damage;

/// The right to replace and to restore pages of a map. At most one thread has it.
#[derive(Debug)]
pub(super) struct Exclusion {
    /// The process whose thread is the owner; 0 for none.
    owner: AtomicUsize,
}

/// Proves that this thread is the owner of an [`Exclusion`], until it is dropped.
pub(super) struct Exclusive<'a>(&'a Exclusion);

impl Exclusion {
    const FREE: usize = 0;

    pub(super) fn new() -> Exclusion {
        Exclusion { owner: AtomicUsize::new(Exclusion::FREE) }
    }

    /// Makes this thread, of `process`, the owner; `None` if another thread of the process is that.
    /// Async-signal-safe.
    pub(super) fn attempt(&self, process: usize) -> Option<Exclusive<'_>> {
        let owner = self.owner.load(SeqCst);
        let taken =
            owner != process && self.owner.compare_exchange(owner, process, SeqCst, SeqCst).is_ok();
        // Not `then_some`: an unused `Exclusive` would release what another thread owns.
        taken.then(|| Exclusive(self))
    }

    /// Frees the exclusion in a forked child, where the owner does not exist.
    pub(super) fn forget_owner(&self) {
        self.owner.store(Exclusion::FREE, SeqCst);
    }
}

impl Drop for Exclusive<'_> {
    fn drop(&mut self) {
        self.0.forget_owner();
    }
}

/// The damage of a map since it was last intact. The map and all of its regions share it.
#[derive(Debug)]
pub(crate) struct Mark {
    /// The lowest offset of a replaced page that was accessed.
    first: AtomicUsize,
    /// The number and the offset of the fault that set `first` while it was unset.
    number: AtomicUsize,
    offset: AtomicUsize,
    /// Up to which offset the fast path of a transactional map stores; 0 for other maps.
    store_end: AtomicUsize,
    pub(super) reaction: Reaction,
    pub(super) exclusion: Exclusion,
}

/// What happens when a map becomes damaged.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    /// The signal handler calls this function.
    pub(crate) hook: Option<fn(Damage)>,
    /// The name of the map, under which the signal handler reports the damage on standard error.
    pub(crate) reported_name: Option<Box<str>>,
}

impl Mark {
    const NONE: usize = usize::MAX;

    /// Makes the mark of a map that is intact.
    pub(crate) fn new(reaction: Reaction) -> Mark {
        Mark {
            first: AtomicUsize::new(Mark::NONE),
            number: AtomicUsize::new(0),
            offset: AtomicUsize::new(0),
            store_end: AtomicUsize::new(0),
            reaction,
            exclusion: Exclusion::new(),
        }
    }

    /// Records the fault that ends the intact state, before its page is replaced.
    pub(super) fn begin(&self, _: &Exclusive<'_>, number: usize, offset: usize) {
        self.number.store(number, SeqCst);
        self.offset.store(offset, SeqCst);
    }

    /// The number and the offset of the fault that ended the intact state; `None` if it lasts.
    pub(super) fn beginning(&self, _: &Exclusive<'_>) -> Option<(usize, usize)> {
        self.first().map(|_| (self.number.load(SeqCst), self.offset.load(SeqCst)))
    }

    /// The lowest offset in the map at which a page was replaced.
    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        Some(self.first.load(SeqCst)).filter(|&first| first != Mark::NONE)
    }

    /// Has all calls of the map fail from now on.
    pub(crate) fn end(&self) {
        self.first.store(0, SeqCst);
        self.store_end.store(0, SeqCst);
    }

    #[inline]
    pub(crate) fn store_end(&self) -> usize {
        self.store_end.load(SeqCst)
    }

    /// Sets [`Mark::store_end`], which stays 0 after [`Mark::end`].
    ///
    /// No other thread calls [`Mark::end`] at the same time: until the second check, stores could
    /// pass. The second check is for a signal handler of this thread that forks between the two:
    /// its child ends the map.
    pub(crate) fn set_store_end(&self, end: usize) {
        if self.first().is_none() {
            self.store_end.store(end, SeqCst);
        }
        if self.first().is_some() {
            self.store_end.store(0, SeqCst);
        }
    }

    /// Records that the map is intact. The bits of all its regions are clear.
    pub(super) fn clear(&self, _: &Exclusive<'_>) {
        self.first.store(Mark::NONE, SeqCst);
    }
}

/// The pages of a region that were replaced: one bit each.
#[derive(Debug)]
pub(super) struct Record {
    pages: usize,
    bits: Vec<AtomicU64>,
}

impl Record {
    pub(super) fn new(pages: usize) -> io::Result<Record> {
        let mut bits = Vec::new();
        let words = pages.div_ceil(64);
        bits.try_reserve_exact(words)?;
        bits.resize_with(words, AtomicU64::default);
        Ok(Record { pages, bits })
    }

    /// Replaces pages, the first damaged byte of which lies at `offset` of the map, by `map_zeros`.
    pub(super) fn replace(
        &self,
        _: &Exclusive<'_>,
        mark: &Mark,
        pages: Range<usize>,
        offset: usize,
        map_zeros: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        mark.first.fetch_min(offset, SeqCst);
        words(pages).for_each(|(word, bits)| {
            self.bits[word].fetch_or(bits, SeqCst);
        });
        map_zeros()
    }

    /// Restores pages by `map_file`.
    pub(super) fn restore(
        &self,
        _: &Exclusive<'_>,
        pages: Range<usize>,
        map_file: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        map_file()?;
        words(pages).for_each(|(word, bits)| {
            self.bits[word].fetch_and(!bits, SeqCst);
        });
        Ok(())
    }

    pub(super) fn is_replaced(&self, page: usize) -> bool {
        self.bits[page / 64].load(SeqCst) >> (page % 64) & 1 == 1
    }

    pub(super) fn is_intact(&self) -> bool {
        self.bits.iter().all(|bits| bits.load(SeqCst) == 0)
    }

    /// The first replaced page of `pages`.
    pub(super) fn first_replaced(&self, pages: Range<usize>) -> Option<usize> {
        words(pages.start..pages.end.min(self.pages)).find_map(|(word, bits)| {
            let replaced = self.bits[word].load(SeqCst) & bits;
            (replaced != 0).then(|| word * 64 + replaced.trailing_zeros() as usize)
        })
    }

    /// The runs of replaced pages.
    pub(super) fn replaced_runs(&self) -> impl Iterator<Item = Range<usize>> {
        let mut page = 0;
        std::iter::from_fn(move || {
            let start = (page..self.pages).find(|&page| self.is_replaced(page))?;
            page = (start..self.pages).find(|&page| !self.is_replaced(page)).unwrap_or(self.pages);
            Some(start..page)
        })
    }
}

/// The words that hold the bits of `pages`, and the bits in each.
fn words(pages: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    let words = pages.start / 64..pages.end.div_ceil(64);
    words.map(move |word| {
        let first = pages.start.saturating_sub(word * 64);
        let unused = (word * 64 + 64).saturating_sub(pages.end);
        (word, !0 << first & !0 >> unused)
    })
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_words_of_a_run_hold_its_bits() {
        for (start, end) in [(0, 1), (63, 64), (63, 65), (0, 64), (5, 200), (64, 128), (70, 71)] {
            let bits: Vec<usize> = words(start..end)
                .flat_map(|(word, bits)| {
                    (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
                })
                .collect();
            assert_eq!(bits, (start..end).collect::<Vec<_>>());
        }
    }
}
