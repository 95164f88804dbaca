//! Pages that a forked child does not inherit (`Advice::DontFork`).
//!
//! The kernel would leave a hole in the child's address space. The child's copy of the map would
//! then read, write and unmap any other memory that is mapped there. The library therefore records
//! the pages, and the child replaces them by inaccessible ones. All of them are still mapped then,
//! so nothing else can be at their addresses.

use std::{
    io, ptr,
    sync::atomic::{
        AtomicPtr, AtomicU8,
        Ordering::{AcqRel, Acquire, Release},
    },
};

use super::mmap::{MapCall, map_call};
use crate::{flags::Protection, sys::lock::Lock};

/// The recorded pages; null if there never were any. Changed by one store, under the lock. A child
/// reads it without the lock, before it does anything else.
static TABLE: AtomicPtr<Vec<Range>> = AtomicPtr::new(ptr::null_mut());
static LOCK: Lock = Lock::new();

/// Whole pages from one address to another.
struct Range {
    start: usize,
    end: usize,
    state: AtomicU8,
}

/// A child is not to inherit the pages.
const RECORDED: u8 = 0;
/// This process did not inherit the pages.
const MISSING: u8 = 1;
/// The pages are being unmapped.
const FORGOTTEN: u8 = 2;

impl Range {
    fn new(start: usize, end: usize, state: u8) -> Range {
        Range { start, end, state: AtomicU8::new(state) }
    }

    fn is(&self, state: u8) -> bool {
        self.state.load(Acquire) == state
    }

    fn overlaps(&self, start: usize, end: usize) -> bool {
        self.start < end && start < self.end
    }

    /// The parts of the range outside `start .. end`.
    fn without(&self, start: usize, end: usize) -> impl Iterator<Item = Range> {
        let state = self.state.load(Acquire);
        [(self.start, self.end.min(start)), (self.start.max(end), self.end)]
            .into_iter()
            .filter(|(start, end)| start < end)
            .map(move |(start, end)| Range::new(start, end, state))
    }
}

/// Records that a child is not to inherit the `len` bytes from `start`.
pub(super) fn exclude(start: usize, len: usize) -> io::Result<()> {
    replace(start, start + len, Some(Range::new(start, start + len, RECORDED)))
}

/// Cancels [`exclude`].
pub(super) fn include(start: usize, len: usize) -> io::Result<()> {
    if is_empty() { Ok(()) } else { replace(start, start + len, None) }
}

/// Forgets all pages of a region, which is about to be unmapped. A child that is forked in between
/// must not replace what is mapped there next.
pub(super) fn forget(start: usize, size: usize) {
    if is_empty() {
        return;
    }
    let _locked = LOCK.lock();
    let ranges = ranges().iter().filter(|range| range.overlaps(start, start + size));
    ranges.for_each(|range| range.state.store(FORGOTTEN, Release));
}

/// Whether this process lacks a page of the `len` bytes from `start`.
pub(super) fn is_missing(start: usize, len: usize) -> bool {
    if is_empty() {
        return false;
    }
    let _locked = LOCK.lock();
    ranges().iter().any(|range| range.is(MISSING) && range.overlaps(start, start + len))
}

/// Makes the missing pages inaccessible again among the `size` bytes from `start`.
pub(super) fn protect(start: usize, size: usize) {
    if is_empty() {
        return;
    }
    let _locked = LOCK.lock();
    let ranges = ranges().iter().filter(|range| range.is(MISSING));
    ranges.filter(|range| range.overlaps(start, start + size)).for_each(make_inaccessible);
}

/// Replaces the recorded pages, in a child. Async-signal-safe.
pub(super) fn replace_in_child() {
    for range in ranges().iter().filter(|range| range.is(RECORDED)) {
        range.state.store(MISSING, Release);
        make_inaccessible(range);
    }
}

fn is_empty() -> bool {
    TABLE.load(Acquire).is_null()
}

/// The recorded ranges, for the thread that has the lock or is the first in a child.
fn ranges() -> &'static [Range] {
    // SAFETY: null, or a table that `replace` published. It is freed under the lock.
    unsafe { TABLE.load(Acquire).as_ref() }.map_or(&[], Vec::as_slice)
}

/// Removes `start .. end` from the ranges and adds `new`. Publishes another table.
fn replace(start: usize, end: usize, new: Option<Range>) -> io::Result<()> {
    let _locked = LOCK.lock();
    let old = ranges();
    let mut table = Vec::new();
    table.try_reserve_exact(old.len() + 2)?;
    let kept = old.iter().filter(|range| !range.is(FORGOTTEN));
    table.extend(kept.flat_map(|range| range.without(start, end)));
    table.extend(new);
    let old = TABLE.swap(Box::into_raw(Box::new(table)), AcqRel);
    if !old.is_null() {
        // SAFETY: leaked by an earlier call. Only threads that have the lock use it.
        drop(unsafe { Box::from_raw(old) });
    }
    Ok(())
}

fn make_inaccessible(range: &Range) {
    let at = ptr::without_provenance_mut(range.start);
    let len = range.end - range.start;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE | libc::MAP_FIXED;
    let call = MapCall { at, len, flags, fd: -1, offset: 0 };
    // SAFETY: the pages lie in a region, which is mapped in the child as well. Only accessors
    // access them, which can take a fault, and code that must expect one (`Advice::DontFork`).
    if unsafe { map_call(Protection::NONE, &call) }.is_err() {
        // At the limit of mappings.
        // SAFETY: as above.
        unsafe { libc::mprotect(at, len, libc::PROT_NONE) };
    }
}
