//! Changes of the length of a transactional map.
//!
//! The bytes by which a map grows in a transaction lie behind the end of the file. The file's last
//! page has some of them. The pages behind it are zeros that belong to no file, until a commit has
//! made the file as long.

use std::{
    ops::Range,
    sync::atomic::Ordering::{Acquire, Release},
};

use super::{
    commit::{contains, ensure_in_block, split},
    gate::Closed,
    log::{Change, NewLen},
    state::{Changes, Inner, Transactional},
    writer::failed,
};
use crate::{
    Error, Map, Result,
    access::RegionsGuard,
    resize::{FileEnd, Moves, file_end, in_call},
    sys::{self, fault, fork},
};

/// By how much the zeros behind the end are extended at least, if the region has space.
const STEP: usize = 64 << 10;

impl Map {
    /// [`Map::append`] of a transactional map.
    pub(crate) fn append_pending(&self, bytes: &[u8], moves: Moves) -> Result<usize> {
        let (transactional, changes) = self.changes("append")?;
        let mut inner = changes.lock();
        let at = self.len();
        self.write_pending(transactional, &mut inner, "append", (bytes, at), moves)?;
        Ok(at)
    }

    /// [`Map::write_growing`] of a transactional map.
    pub(crate) fn write_growing_pending(
        &self,
        bytes: &[u8],
        at: usize,
        moves: Moves,
    ) -> Result<()> {
        let (transactional, changes) = self.changes("write_growing")?;
        let mut inner = changes.lock();
        let (inside, tail) = bytes.split_at(self.len().saturating_sub(at).min(bytes.len()));
        let tail = (tail, at.saturating_add(inside.len()));
        self.write_pending(transactional, &mut inner, "write_growing", tail, moves)?;
        drop(inner);
        if inside.is_empty() { Ok(()) } else { self.write_at(inside, at) }
    }

    /// Writes bytes behind the end of the map. Zeros fill a gap.
    fn write_pending(
        &self,
        transactional: &Transactional,
        inner: &mut Inner,
        call: &'static str,
        (bytes, at): (&[u8], usize),
        moves: Moves,
    ) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (_, changes) = self.changes(call)?;
        let new_len = at.checked_add(bytes.len()).ok_or(Error::too_long(u64::MAX))?;
        let end = file_end(0, new_len)?;
        sys::file::ensure_size_is_allowed(end).map_err(Error::os(call))?;
        self.make_space(transactional, inner, call, new_len, moves)?;
        let regions = self.lock_regions();
        changes.extend_zeros(&regions, inner, new_len).map_err(Error::os(call))?;
        let span = self.region_span(&regions, at, new_len);
        // Before a fault can leave a copy of the last page.
        changes.modified.note_all(changes.pages_of(at..new_len));
        self.copy_in_locked(&regions, span, bytes)?;
        changes.set_len(&regions, new_len);
        Ok(())
    }

    /// Moves the map to a larger region if it has to have `new_len` bytes and cannot.
    fn make_space(
        &self,
        transactional: &Transactional,
        inner: &Inner,
        call: &'static str,
        new_len: usize,
        moves: Moves,
    ) -> Result<()> {
        let (_, changes) = self.changes(call)?;
        if new_len <= self.capacity() {
            return Ok(());
        }
        let _closed = changes.close_gate(call)?;
        // Inside the gate: no buffer is exported until it opens.
        if moves == Moves::Refused || changes.loans.load(Acquire) > 0 {
            return Err(Error::InUse { call });
        }
        fault::ensure_first_for_protection().map_err(Error::os(call))?;
        let mut regions = self.lock_regions();
        let file = Some((transactional.file(), 0));
        let larger = self.larger_region(&mut regions, new_len, file).map_err(in_call(call))?;
        let Some(region) = larger else { return Ok(()) };
        let noted = changes.modified.take();
        changes.put_back(&noted);
        let was_exported = changes.was_exported.load(Acquire);
        let pages = changes.private_pages(&regions, noted, regions.capacity(), was_exported)?;
        let bytes =
            |run: &Range<usize>| run.start << changes.page_bits..run.end << changes.page_bits;
        let parts: Vec<_> = pages.iter().map(bytes).collect();
        let prepare = || {
            inner.zeros.iter().try_for_each(|range| region.show_zeros(range.clone()))?;
            regions.vacate(&region, &parts, &self.request)
        };
        prepare().map_err(Error::os(call))?;
        regions.move_to(region);
        changes.has_pointer.store(false, Release);
        Ok(())
    }

    /// [`Map::resize`] and [`Map::grow`] of a transactional map: a separate commit.
    pub(crate) fn resize_committed(&self, new_len: usize, to: FileEnd, moves: Moves) -> Result<()> {
        let call = "resize";
        let (transactional, changes) = self.changes(call)?;
        let mut commit = self.lock_for_writing(call, transactional)?;
        let mut inner = changes.lock();
        ensure_in_block(call, &inner, false)?;
        let closed = changes.close_gate(call)?;
        self.ensure_nothing_taken(call, transactional, &inner, &closed)?;
        let old_len = changes.file_len();
        if new_len == old_len || (to == FileEnd::AtLeast && new_len < old_len) {
            return Ok(());
        }
        let has_buffers = changes.loans.load(Acquire) > 0;
        if new_len < old_len && (has_buffers || moves == Moves::Refused) {
            return Err(Error::InUse { call });
        }
        let end = file_end(0, new_len)?;
        if !has_buffers {
            // Nothing is pending, so that no change is lost. Pointers end with a resize.
            changes.has_pointer.store(false, Release);
            self.undo(call, transactional, &mut inner, &closed)?;
        }
        // If the file grows, stores need not wait for the device: they stay pending.
        let _closed = (new_len < old_len).then_some(closed);
        self.make_space(transactional, &inner, call, new_len, moves)?;
        if new_len > old_len {
            commit.ensure_end_is(old_len as u64).map_err(Error::os(call))?;
        }
        if new_len > old_len && self.allocate {
            let allocated = commit.allocate(old_len as u64..end);
            allocated.inspect_err(|_| commit.release(old_len as u64)).map_err(Error::os(call))?;
        }
        let len = if new_len > old_len { NewLen::Grow(end) } else { NewLen::Cut(end) };
        commit.write(&Change { ranges: &[], len: Some(len) }).map_err(|failure| {
            transactional.notice_doubt();
            failed(call)(failure)
        })?;
        changes.set_file_len(new_len);
        changes.set_len(&self.lock_regions(), new_len);
        changes.renew_canary(transactional.file(), &mut inner);
        Ok(())
    }

    /// [`Map::refresh`] of a transactional map for writing: another program has changed the length.
    pub(crate) fn refresh_committed(&self, moves: Moves) -> Result<usize> {
        let call = "refresh";
        let (transactional, changes) = self.changes(call)?;
        let mut inner = changes.lock();
        let file_len = sys::file::status_len(transactional.file()).map_err(Error::os(call))?;
        let len = usize::try_from(file_len).map_err(|_| Error::too_long(file_len))?;
        if len == changes.file_len() {
            return Ok(self.len());
        }
        let _closed = self.close_to_refresh(transactional, &inner, len, moves)?;
        fork::step();
        self.make_space(transactional, &inner, call, len, moves)?;
        let regions = self.lock_regions();
        self.show_appended(transactional, &regions, &mut inner, len)?;
        changes.set_file_len(len);
        changes.set_len(&regions, len);
        changes.renew_canary(transactional.file(), &mut inner);
        Ok(len)
    }

    /// Fails if a refresh to `len` bytes would lose changes, or move what external code uses. If
    /// the map becomes shorter, no store comes until the gate that is returned opens. If it becomes
    /// longer, it may have to move, which closes the gate.
    fn close_to_refresh(
        &self,
        transactional: &Transactional,
        inner: &Inner,
        len: usize,
        moves: Moves,
    ) -> Result<Option<Closed<'_>>> {
        let call = "refresh";
        let (_, changes) = self.changes(call)?;
        ensure_in_block(call, inner, false)?;
        if self.len() != changes.file_len() {
            return Err(Error::Pending { call });
        }
        let closed = changes.close_gate(call)?;
        if len > changes.file_len() {
            // Beside buffers, pages stay noted that a commit has written.
            self.ensure_nothing_taken(call, transactional, inner, &closed)?;
            Ok(None)
        } else if !changes.modified.is_empty() {
            Err(Error::Pending { call })
        } else if moves == Moves::Refused || changes.is_exported() {
            Err(Error::InUse { call })
        } else if changes.was_exported.load(Acquire) {
            Err(Error::Pending { call })
        } else {
            Ok(Some(closed))
        }
    }

    /// Has the map show what another program has appended to the file, which has `len` bytes now:
    /// behind its former end the map may have zeros, and a copy of its last page.
    fn show_appended(
        &self,
        transactional: &Transactional,
        regions: &RegionsGuard<'_>,
        inner: &mut Inner,
        len: usize,
    ) -> Result<()> {
        let (_, changes) = self.changes("refresh")?;
        let old_len = changes.file_len();
        let end = changes.page_end(old_len).min(len);
        if old_len < end && changes.may_be_copied(inner, old_len) {
            let mut appended = vec![0; end - old_len];
            let file = transactional.file();
            let count = sys::read::read_full(file, &mut appended, old_len as u64);
            appended.truncate(count.map_err(Error::os("refresh"))?);
            self.copy_in_locked(regions, self.region_span(regions, old_len, end), &appended)?;
        }
        let Some(region) = regions.current() else { return Ok(()) };
        inner.show_each(|range| {
            // Stores to pages before the former end may be pending.
            let (kept, rest) = split(range, changes.page_end(old_len));
            let (inside, behind) = split(&rest, changes.page_end(len));
            region.show_file(inside, transactional.file()).map_err(Error::os("refresh"))?;
            Ok([kept, behind])
        })
    }
}

impl Changes {
    /// Returns whether the page at `at` may be a copy, which does not show what others write.
    fn may_be_copied(&self, inner: &Inner, at: usize) -> bool {
        self.was_exported.load(Acquire)
            || self.modified.contains(at >> self.page_bits)
            || contains(&inner.zeros, at)
    }

    /// Has all pages behind the last one of the file be zeros, up to a map of `new_len` bytes.
    fn extend_zeros(
        &self,
        regions: &RegionsGuard<'_>,
        inner: &mut Inner,
        new_len: usize,
    ) -> std::io::Result<()> {
        let start = self.page_end(self.file_len());
        let start = inner.zeros.last().map_or(start, |last| last.end.max(start));
        let end = self.page_end(new_len);
        let Some(region) = regions.current().filter(|_| end > start) else { return Ok(()) };
        let step = STEP.max(start - self.page_end(self.file_len()));
        let range = start..end.max(start.saturating_add(step)).min(region.size());
        region.show_zeros(range.clone())?;
        inner.add_zeros(range);
        Ok(())
    }
}

impl Inner {
    /// Replaces each range of zeros by the parts that `show` leaves of it. After a failure, this
    /// range and those behind it stay.
    pub(super) fn show_each<E>(
        &mut self,
        mut show: impl FnMut(&Range<usize>) -> Result<[Range<usize>; 2], E>,
    ) -> Result<(), E> {
        let mut done = Ok(());
        for range in std::mem::take(&mut self.zeros) {
            let shown = if done.is_ok() { show(&range) } else { Ok([range.clone(), 0..0]) };
            match shown {
                Ok(left) => left.into_iter().for_each(|part| self.add_zeros(part)),
                Err(error) => {
                    self.add_zeros(range);
                    done = Err(error);
                }
            }
        }
        done
    }

    /// Adds a range that does not start before the end of the last one.
    pub(super) fn add_zeros(&mut self, range: Range<usize>) {
        if !range.is_empty() {
            super::modified::push(&mut self.zeros, range);
        }
    }
}
