//! Pages that a forked child does not inherit (`Advice::DontFork`).
//!
//! The kernel would leave a hole in the child's address space. The child's copy of the map would
//! then read, write and unmap any other memory that is mapped there. The library therefore records
//! the pages, and the child replaces them by inaccessible ones. All of them are still mapped then,
//! so nothing else can be at their addresses. Spare mappings ensure that the kernel does not
//! refuse.

mod spares;
pub(super) mod table;

use std::{
    io,
    sync::atomic::Ordering::{AcqRel, Release},
};

use crate::sys::lock::Lock;
use spares::Spares;
use table::{
    FORGOTTEN, MISSING, RECORDED, Range, TABLE, Table, is_empty, make_inaccessible, ranges, table,
};

static LOCK: Lock = Lock::new();

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

/// Removes `start .. end` from the ranges and adds `new`. Publishes another table.
fn replace(start: usize, end: usize, new: Option<Range>) -> io::Result<()> {
    let _locked = LOCK.lock();
    let old = ranges();
    let mut ranges = Vec::new();
    ranges.try_reserve_exact(old.len() + 2)?;
    let kept = old.iter().filter(|range| !range.is(FORGOTTEN));
    ranges.extend(kept.flat_map(|range| range.without(start, end)));
    ranges.extend(new);
    publish(ranges)
}

fn publish(ranges: Vec<Range>) -> io::Result<()> {
    let recorded = ranges.iter().filter(|range| range.is(RECORDED)).count();
    let none = Spares::default();
    let old = table().map_or(&none, |table| &table.spares);
    let spares = Spares::for_ranges(recorded, old)?;
    let old = TABLE.swap(Box::into_raw(Box::new(Table { ranges, spares })), AcqRel);
    if !old.is_null() {
        // SAFETY: leaked by an earlier call. Only threads that have the lock use it.
        let old = unsafe { Box::from_raw(old) };
        if let Some(new) = table() {
            old.spares.unmap_others(&new.spares);
        }
    }
    Ok(())
}
