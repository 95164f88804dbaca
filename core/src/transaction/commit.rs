//! Commits and rollbacks: from the pages of a map to the ranges of the file, and back.

use std::{
    collections::TryReserveError,
    io,
    ops::Range,
    sync::atomic::Ordering::{AcqRel, Acquire},
};

use super::{
    differences::Differences,
    gate::Closed,
    log::{Change, Failure, NewLen},
    modified::union,
    state::{Changes, Inner, Transactional},
    writer::{Commit, failed, gave_up},
};
use crate::{Error, Map, Result, access::RegionsGuard, polling::Wait, sys};

/// How many pages are copied at once.
const COPIED: usize = 64;

/// Clean pages between two changed ones that are dropped with them: a system call costs as much as
/// mapping them again.
const BRIDGED: usize = 8;

/// The changes that a commit has taken.
struct Taken {
    /// Their pages, in ascending order.
    pages: Vec<Range<usize>>,
    differences: Differences,
    /// The length of the map.
    len: usize,
}

impl Taken {
    /// Returns whether there is nothing to write to a file of `file_len` bytes.
    fn is_empty(&self, file_len: usize) -> bool {
        self.differences.is_empty() && self.len == file_len
    }
}

impl Map {
    pub(super) fn begin_transaction(&self) -> Result<()> {
        let (transactional, changes) = self.changes("transaction")?;
        let mut inner = changes.lock();
        self.ensure_nothing_pending("transaction", transactional, &inner)?;
        inner.is_in_block = true;
        Ok(())
    }

    pub(super) fn end_transaction(&self, commit: bool) -> Result<()> {
        let call = if commit { "commit" } else { "rollback" };
        let (transactional, changes) = self.changes(call)?;
        if !changes.lock().is_in_block {
            return Err(Error::Unsupported("no block of changes was begun"));
        }
        let committed = if commit { self.commit_changes(call, true) } else { Ok(()) };
        let mut inner = changes.lock();
        inner.is_in_block = false;
        if commit && committed.is_ok() {
            return Ok(());
        }
        // After a failed commit, its error is the one to report.
        let rolled_back =
            self.ensure_usable().and_then(|()| self.roll_back(call, transactional, &mut inner));
        if rolled_back.is_err() {
            // Otherwise the next commit would write the changes of this block.
            transactional.doubt();
        }
        committed.and(rolled_back)
    }

    pub(crate) fn commit_in(&self, call: &'static str) -> Result<()> {
        self.commit_changes(call, false)
    }

    pub(super) fn rollback_in(&self, call: &'static str) -> Result<()> {
        let (transactional, changes) = self.changes(call)?;
        let mut inner = changes.lock();
        ensure_in_block(call, &inner, false)?;
        self.roll_back(call, transactional, &mut inner)
    }

    pub(super) fn changed_ranges(&self) -> Result<Vec<Range<usize>>> {
        let (transactional, changes) = self.changes("changed")?;
        let inner = changes.lock();
        let closed = changes.close_gate("changed")?;
        let taken = self.take(transactional, &inner, &closed)?;
        changes.put_back(&taken.pages);
        Ok(taken.differences.into_ranges())
    }

    /// Fails with [`Error::Pending`] in a block, or if a commit would write anything.
    pub(super) fn ensure_nothing_pending(
        &self,
        call: &'static str,
        transactional: &Transactional,
        inner: &Inner,
    ) -> Result<()> {
        let (_, changes) = self.changes(call)?;
        ensure_in_block(call, inner, false)?;
        if changes.is_clean(self.len()) {
            return Ok(());
        }
        let closed = changes.close_gate(call)?;
        self.ensure_nothing_taken(call, transactional, inner, &closed)
    }

    /// Like [`Map::ensure_nothing_pending`] outside a block. That remains so until the gate opens.
    pub(super) fn ensure_nothing_taken(
        &self,
        call: &'static str,
        transactional: &Transactional,
        inner: &Inner,
        closed: &Closed<'_>,
    ) -> Result<()> {
        let (_, changes) = self.changes(call)?;
        if changes.is_clean(self.len()) {
            return Ok(());
        }
        let taken = self.take(transactional, inner, closed)?;
        changes.put_back(&taken.pages);
        match taken.is_empty(changes.file_len()) {
            true => Ok(()),
            false => Err(Error::Pending { call }),
        }
    }

    fn commit_changes(&self, call: &'static str, in_block: bool) -> Result<()> {
        let (transactional, changes) = self.changes(call)?;
        // Before the lock of the changes: a thread that has a `Reading` may need that.
        let mut commit = self.lock_for_writing(call, transactional)?;
        let mut inner = changes.lock();
        self.ensure_usable()?;
        ensure_in_block(call, &inner, in_block)?;
        if changes.is_clean(self.len()) {
            return Ok(());
        }
        let closed = changes.close_gate(call)?;
        let taken = self.take(transactional, &inner, &closed)?;
        drop(closed);
        if !taken.is_empty(changes.file_len()) {
            let written = write(&mut commit, &taken, changes.file_len());
            written.inspect_err(|_| changes.put_back(&taken.pages)).map_err(|failure| {
                transactional.notice_doubt();
                failed(call)(failure)
            })?;
            changes.set_file_len(taken.len);
        }
        self.settle(transactional, changes, &mut inner, &taken.pages);
        Ok(())
    }

    /// Takes the locks of a commit.
    pub(super) fn lock_for_writing<'a>(
        &self,
        call: &'static str,
        transactional: &'a Transactional,
    ) -> Result<Commit<'a>> {
        let wait = Wait::FOREVER;
        let locked = transactional.opened.lock_for_commit(call, &wait)?;
        locked.ok_or_else(|| gave_up(call, &wait))
    }

    /// Takes the pages that have changed, and compares them with the file. On failure they are
    /// noted again.
    fn take(
        &self,
        transactional: &Transactional,
        inner: &Inner,
        _closed: &Closed<'_>,
    ) -> Result<Taken> {
        let (_, changes) = self.changes("commit")?;
        let regions = self.lock_regions();
        let (len, noted) = (self.len(), changes.modified.take());
        let was_exported = changes.take_exported();
        let taken =
            changes.pages_to_compare(&regions, &noted, len, was_exported).and_then(|pages| {
                let differences =
                    self.compare_pages(transactional, changes, &regions, &pages, len)?;
                // After the copies were made: what the kernel has dropped before is noticed.
                self.ensure_not_cut(transactional, changes, inner, &pages)?;
                Ok(Taken { pages, differences, len })
            });
        taken
            .inspect_err(|_| changes.put_back(&noted))
            .inspect_err(|_| changes.lend_again(was_exported))
    }

    fn compare_pages(
        &self,
        transactional: &Transactional,
        changes: &Changes,
        regions: &RegionsGuard<'_>,
        pages: &[Range<usize>],
        len: usize,
    ) -> Result<Differences> {
        let failed = |source| Error::Os { call: "commit", source };
        let mut differences = Differences::default();
        let size = COPIED * changes.page_size();
        let (mut new, mut old) = (Vec::new(), Vec::new());
        for run in pages {
            let (mut at, end) = (run.start << changes.page_bits, run.end << changes.page_bits);
            while at < end.min(len) {
                let span = self.region_span(regions, at, (at + size).min(end).min(len));
                new.resize(span.len(), 0);
                self.copy_out_locked(regions, span, &mut new)?;
                old.resize(span.len(), 0);
                let read = sys::read::read_full(transactional.file(), &mut old, at as u64);
                let read = read.map_err(failed)?;
                let added = differences.add_page(at, &new, &old[..read], changes);
                added.map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM)).map_err(failed)?;
                at = span.end();
            }
        }
        Ok(differences)
    }

    /// Fails with [`Error::Fault`] if another program has cut the file, and changes may be lost.
    fn ensure_not_cut(
        &self,
        transactional: &Transactional,
        changes: &Changes,
        inner: &Inner,
        pages: &[Range<usize>],
    ) -> Result<()> {
        let was_cut = changes.was_cut(transactional.file(), inner).map_err(Error::os("commit"))?;
        if !was_cut {
            return Ok(());
        }
        let first = pages.iter().cloned().flatten().find(|&page| {
            let report = changes.kernel.runs(self.base().addr(), page..page + 1);
            matches!(report, Ok(Some(runs)) if runs.is_empty())
        });
        let last = changes.file_len().saturating_sub(1);
        Err(Error::Fault { offset: first.map_or(last, |page| page << changes.page_bits) })
    }

    /// Drops the pages that were written to the file, and gives those behind its former end to it,
    /// if no code outside the library may have stored to them since they were taken. What cannot be
    /// dropped is noted again, and compared by the next commit.
    fn settle(
        &self,
        transactional: &Transactional,
        changes: &Changes,
        inner: &mut Inner,
        pages: &[Range<usize>],
    ) {
        if let Ok(_closed) = changes.gate.close() {
            let regions = self.lock_regions();
            if changes.was_exported.load(Acquire) {
                changes.put_back(pages);
            } else {
                self.release_zeros(transactional, changes, &regions, inner);
                self.drop_pages(transactional, changes, &regions, inner, pages);
            }
        } else {
            changes.put_back(pages);
        }
        changes.renew_canary(transactional.file(), inner);
    }

    /// Gives the pages that show zeros to the file, unless one of them was changed since.
    fn release_zeros(
        &self,
        transactional: &Transactional,
        changes: &Changes,
        regions: &RegionsGuard<'_>,
        inner: &mut Inner,
    ) {
        let Some(region) = regions.current() else { return };
        inner.zeros.retain(|range| {
            let is_changed =
                changes.pages_of(range.clone()).any(|page| changes.modified.contains(page));
            is_changed || region.show_file(range.clone(), transactional.file()).is_err()
        });
    }

    fn drop_pages(
        &self,
        transactional: &Transactional,
        changes: &Changes,
        regions: &RegionsGuard<'_>,
        inner: &Inner,
        pages: &[Range<usize>],
    ) {
        let Some(region) = regions.current() else { return };
        let (zeros, dropped) = (&inner.zeros, changes.droppable(pages, &inner.zeros));
        region.drop_changes(&dropped, transactional.file(), |range, _| {
            changes.modified.note_all(changes.pages_of(range.clone()));
        });
        // They stay as they are.
        let is_zeros = |page: &usize| contains(zeros, page << changes.page_bits);
        pages.iter().cloned().flatten().filter(is_zeros).for_each(|page| {
            changes.modified.note(page);
        });
    }

    /// Undoes all changes.
    pub(super) fn roll_back(
        &self,
        call: &'static str,
        transactional: &Transactional,
        inner: &mut Inner,
    ) -> Result<()> {
        let (_, changes) = self.changes(call)?;
        let closed = changes.close_gate(call)?;
        let done = self.undo(call, transactional, inner, &closed);
        drop(closed);
        changes.renew_canary(transactional.file(), inner);
        done
    }

    /// Undoes all changes, for a thread that has closed the gate.
    pub(super) fn undo(
        &self,
        call: &'static str,
        transactional: &Transactional,
        inner: &mut Inner,
        _closed: &Closed<'_>,
    ) -> Result<()> {
        let (_, changes) = self.changes(call)?;
        let regions = self.lock_regions();
        if self.len() > changes.file_len() {
            changes.set_len(&regions, changes.file_len());
        }
        let (noted, was_exported) = (changes.modified.take(), changes.take_exported());
        let done = changes.pages_to_compare(&regions, &noted, regions.capacity(), was_exported);
        let done = done.and_then(|pages| {
            self.forget(transactional, changes, &regions, inner, &pages).map_err(Error::os(call))
        });
        if done.is_err() {
            changes.put_back(&noted);
            changes.lend_again(was_exported);
        }
        done
    }

    /// Has the pages show the file again, and zeros behind its end.
    fn forget(
        &self,
        transactional: &Transactional,
        changes: &Changes,
        regions: &RegionsGuard<'_>,
        inner: &mut Inner,
        pages: &[Range<usize>],
    ) -> io::Result<()> {
        let Some(region) = regions.current() else { return Ok(()) };
        let end = changes.page_end(changes.file_len());
        let (mut done, dropped) = (Ok(()), changes.droppable(pages, &inner.zeros));
        region.drop_changes(&dropped, transactional.file(), |_, error| done = Err(error));
        done?;
        inner.show_each(|range| {
            // Those before the end show what was committed.
            let (committed, behind) = split(range, end);
            region.show_file(committed, transactional.file())?;
            if changes.is_exported() {
                region.show_zeros(behind.clone())?;
                Ok([behind, 0..0])
            } else {
                region.show_file(behind, transactional.file())?;
                Ok([0..0, 0..0])
            }
        })
    }
}

impl Changes {
    /// Whether nothing was stored since the last commit, to a map of `len` bytes.
    fn is_clean(&self, len: usize) -> bool {
        !self.was_exported.load(Acquire) && self.modified.is_empty() && len == self.file_len()
    }

    pub(super) fn put_back(&self, pages: &[Range<usize>]) {
        pages.iter().for_each(|run| self.modified.note_all(run.clone()));
    }

    fn lend_again(&self, was_exported: bool) {
        self.was_exported.fetch_or(was_exported, AcqRel);
    }

    /// Returns the pages of the first `len` bytes that a commit compares with the file.
    pub(super) fn pages_to_compare(
        &self,
        regions: &RegionsGuard<'_>,
        noted: &[Range<usize>],
        len: usize,
        was_exported: bool,
    ) -> Result<Vec<Range<usize>>> {
        let mut pages = noted.to_vec();
        // The rest of the last page of the file becomes a part of it.
        if len > self.file_len() && self.file_len() % self.page_size() > 0 {
            let last = self.file_len() >> self.page_bits;
            pages.push(last..last + 1);
        }
        self.private_pages(regions, pages, len, was_exported)
    }

    /// Returns the noted pages of the first `len` bytes, and those of which the kernel says that
    /// they are private.
    pub(super) fn private_pages(
        &self,
        regions: &RegionsGuard<'_>,
        noted: Vec<Range<usize>>,
        len: usize,
        was_exported: bool,
    ) -> Result<Vec<Range<usize>>> {
        let all = self.pages_of(0..len);
        let reported = match regions.current().filter(|_| was_exported) {
            None => Vec::new(),
            Some(region) => {
                let report = self.kernel.runs(region.base().addr().get(), all.clone());
                report.map_err(Error::os("commit"))?.unwrap_or_else(|| vec![all.clone()])
            }
        };
        Ok(union(noted, reported, all.end))
    }

    /// Returns the bytes of the pages that may be dropped: those that are not noted and do not show
    /// zeros, with short gaps between them.
    fn droppable(&self, pages: &[Range<usize>], zeros: &[Range<usize>]) -> Vec<Range<usize>> {
        let may_drop =
            |page: usize| !self.modified.contains(page) && !contains(zeros, page << self.page_bits);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for page in pages.iter().cloned().flatten().filter(|&page| may_drop(page)) {
            match runs.last_mut() {
                Some(last) if page - last.end <= BRIDGED && (last.end..page).all(may_drop) => {
                    last.end = page + 1;
                }
                _ => runs.push(page..page + 1),
            }
        }
        let bytes = |run: Range<usize>| run.start << self.page_bits..run.end << self.page_bits;
        runs.into_iter().map(bytes).collect()
    }
}

impl Differences {
    /// Adds what differs in the bytes at `at`, and all bytes of the file's last page behind its
    /// end: file systems may have others there than zeros.
    fn add_page(
        &mut self,
        at: usize,
        new: &[u8],
        old: &[u8],
        changes: &Changes,
    ) -> Result<(), TryReserveError> {
        let end = changes.file_len();
        let inside = end.saturating_sub(at).min(new.len());
        let rest = changes.page_end(end).saturating_sub(at).min(new.len()).max(inside);
        self.add(at, &new[..inside], old)?;
        self.add_all(at + inside, &new[inside..rest])?;
        self.add(at + rest, &new[rest..], old.get(rest..).unwrap_or_default())
    }
}

/// Writes what was taken, to a file of `file_len` bytes.
fn write(
    commit: &mut Commit<'_>,
    taken: &Taken,
    file_len: usize,
) -> Result<(), Failure<io::Error>> {
    let changed = taken.differences.changes();
    let grows = taken.len > file_len;
    let len = grows.then_some(NewLen::Grow(taken.len as u64));
    let allocated = allocate(commit, &changed, file_len as u64, len);
    let done = allocated.map_err(Failure::Unchanged);
    let done = done.and_then(|()| commit.write(&Change { ranges: &changed, len }));
    if grows && matches!(done, Err(Failure::Unchanged(_))) {
        commit.release(file_len as u64);
    }
    done
}

/// Gives changes space on the device, so that they cannot fail after their record is durable.
pub(super) fn allocate(
    commit: &Commit<'_>,
    changed: &[(u64, &[u8])],
    file_len: u64,
    len: Option<NewLen>,
) -> io::Result<()> {
    // The system reports the next hole. Up to there it need not be asked again.
    let mut checked = 0;
    for (at, bytes) in changed {
        let range = *at..(at + bytes.len() as u64).min(file_len);
        if range.end <= checked || range.is_empty() {
            continue;
        }
        checked = commit.next_hole(range.start)?;
        if checked < range.end {
            commit.allocate(range)?;
        }
    }
    match len {
        Some(NewLen::Grow(len)) => {
            commit.ensure_end_is(file_len)?;
            commit.allocate(file_len..len)
        }
        _ => Ok(()),
    }
}

pub(super) fn ensure_in_block(call: &'static str, inner: &Inner, in_block: bool) -> Result<()> {
    if inner.is_in_block == in_block { Ok(()) } else { Err(Error::Pending { call }) }
}

/// Returns the part of a range before `at`, and the rest.
pub(super) fn split(range: &Range<usize>, at: usize) -> (Range<usize>, Range<usize>) {
    let at = at.clamp(range.start, range.end);
    (range.start..at, at..range.end)
}

pub(super) fn contains(ranges: &[Range<usize>], at: usize) -> bool {
    ranges.iter().any(|range| range.contains(&at))
}
