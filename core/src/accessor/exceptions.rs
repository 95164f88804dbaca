//! The exception table: the instructions that may fault, and where the thread continues then.
//!
//! It has two parts, that of the accessors and that of the instructions that were inlined into
//! callers (`inline`). The linker collects the second part in the order of its input. An index
//! sorts both parts by address. It is built before the first handler is installed.

use std::{
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Acquire},
    },
};

use super::{
    entry::{Entry, between},
    inline,
};

unsafe extern "C" {
    #[link_name = symbol_name!("exception_table")]
    static TABLE: Entry;
    #[link_name = symbol_name!("exception_table_end")]
    static TABLE_END: Entry;
}

/// The entries of the accessors.
pub(super) fn table() -> &'static [Entry] {
    // SAFETY: the two symbols enclose whole entries, which never change (assemble!).
    unsafe { between(&raw const TABLE, &raw const TABLE_END) }
}

type Index = Vec<&'static Entry>;

/// All entries, sorted by address; null until they are sorted. Never freed.
static INDEX: AtomicPtr<Index> = AtomicPtr::new(ptr::null_mut());

/// Builds the index, unless that is done. Without memory for it, the entries are searched one by
/// one.
pub(super) fn build_index() {
    if INDEX.load(Acquire).is_null() {
        if let Some(index) = sorted() {
            publish(Box::into_raw(Box::new(index)));
        }
    }
}

fn sorted() -> Option<Index> {
    let parts = [table(), inline::table()];
    let mut index = Index::new();
    index.try_reserve_exact(parts.iter().map(|part| part.len()).sum()).ok()?;
    index.extend(parts.into_iter().flatten());
    index.sort_unstable_by_key(|entry| entry.start());
    Some(index)
}

fn publish(index: *mut Index) {
    if INDEX.compare_exchange(ptr::null_mut(), index, AcqRel, Acquire).is_err() {
        // SAFETY: made by `build_index`; another thread has published its own.
        drop(unsafe { Box::from_raw(index) });
    }
}

/// Returns the fixup of the instruction at `pc`, if it may fault.
///
/// Async-signal-safe. Takes logarithmic time after the index was built.
pub(super) fn fixup(pc: usize) -> Option<usize> {
    // SAFETY: null, or an index that is never freed or changed.
    let entry = match unsafe { INDEX.load(Acquire).as_ref() } {
        Some(index) => find(index, pc),
        None => [table(), inline::table()].into_iter().flatten().find(|entry| entry.covers(pc)),
    };
    entry.map(|entry| entry.fixup())
}

/// The last entry that starts at `pc` or before it, if it covers `pc`.
fn find(index: &Index, pc: usize) -> Option<&'static Entry> {
    let after = index.partition_point(|entry| entry.start() <= pc);
    index[..after].last().copied().filter(|entry| entry.covers(pc))
}

/// The fixups of the accessors, and those of inlined instructions.
#[cfg(test)]
pub(super) fn fixups() -> Option<Vec<usize>> {
    Some(table().iter().chain(inline::table()).map(|entry| entry.fixup()).collect())
}

/// Panics unless the index has the same entries as the tables.
#[cfg(test)]
pub(super) fn check_index() {
    // SAFETY: an index is never freed or changed.
    let index = unsafe { INDEX.load(Acquire).as_ref() }.expect("the index was built");
    for entry in [table(), inline::table()].into_iter().flatten() {
        for pc in entry.start()..entry.end() {
            assert!(find(index, pc).is_some_and(|found| ptr::eq(found, entry)));
        }
        let after = find(index, entry.end());
        assert!(after.is_none_or(|after| after.start() == entry.end()));
    }
}
