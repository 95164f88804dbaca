//! The recorded ranges of pages, and their replacement in a child.
//!
//! Below `lock` and `fork`: a child replaces the pages before it can lock anything.

use std::{
    ptr,
    sync::atomic::{
        AtomicPtr, AtomicU8,
        Ordering::{Acquire, Release},
    },
};

use super::spares::Spares;
use crate::{
    flags::{Flags, Protection},
    sys::unix::mmap::{MapCall, map_call},
};

/// The recorded pages; null if there never were any. Changed by one store, under the lock. A child
/// reads it without the lock, before it does anything else.
pub(super) static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());

pub(super) struct Table {
    pub(super) ranges: Vec<Range>,
    pub(super) spares: Spares,
}

/// Whole pages from one address to another.
pub(super) struct Range {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) state: AtomicU8,
}

/// A child is not to inherit the pages.
pub(super) const RECORDED: u8 = 0;
/// This process did not inherit the pages.
pub(super) const MISSING: u8 = 1;
/// The pages are being unmapped.
pub(super) const FORGOTTEN: u8 = 2;

impl Range {
    pub(super) fn new(start: usize, end: usize, state: u8) -> Range {
        Range { start, end, state: AtomicU8::new(state) }
    }

    pub(super) fn is(&self, state: u8) -> bool {
        self.state.load(Acquire) == state
    }

    pub(super) fn overlaps(&self, start: usize, end: usize) -> bool {
        self.start < end && start < self.end
    }

    /// The parts of the range outside `start .. end`.
    pub(super) fn without(&self, start: usize, end: usize) -> impl Iterator<Item = Range> {
        let state = self.state.load(Acquire);
        [(self.start, self.end.min(start)), (self.start.max(end), self.end)]
            .into_iter()
            .filter(|(start, end)| start < end)
            .map(move |(start, end)| Range::new(start, end, state))
    }
}

/// Replaces the recorded pages, in a child. Async-signal-safe.
pub(in crate::sys::unix) fn replace_in_child() {
    if let Some(table) = table() {
        table.spares.unmap_all();
    }
    for range in ranges().iter().filter(|range| range.is(RECORDED)) {
        range.state.store(MISSING, Release);
        make_inaccessible(range);
    }
}

pub(super) fn is_empty() -> bool {
    TABLE.load(Acquire).is_null()
}

/// The table, for the thread that has the lock or is the first in a child.
pub(super) fn table() -> Option<&'static Table> {
    // SAFETY: null, or a table that `publish` published. It is freed under the lock.
    unsafe { TABLE.load(Acquire).as_ref() }
}

/// The recorded ranges, for the same threads.
pub(super) fn ranges() -> &'static [Range] {
    table().map_or(&[], |table| &table.ranges)
}

pub(super) fn make_inaccessible(range: &Range) {
    let at = ptr::without_provenance_mut(range.start);
    let len = range.end - range.start;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | Flags::NORESERVE.0 | libc::MAP_FIXED;
    let call = MapCall { at, len, flags, fd: -1, offset: 0 };
    // SAFETY: the pages lie in a region, which is mapped in the child as well. Only accessors
    // access them, which can take a fault, and code that must expect one (`Advice::DontFork`).
    let is_replaced = unsafe { map_call(Protection::NONE, &call) }.is_ok();
    // SAFETY: as above.
    if !is_replaced && unsafe { libc::mprotect(at, len, libc::PROT_NONE) } != 0 {
        // The spare mappings exclude the limit of mappings. Memory may be sealed (`mseal`).
        // SAFETY: no preconditions. The function is async-signal-safe.
        unsafe { libc::abort() };
    }
}
