//! The entries of the exception table.

use std::{ptr, slice};

/// One instruction or several in succession: start, end and fixup, each as the distance from the
/// field itself.
#[repr(C)]
pub(super) struct Entry {
    start: i32,
    end: i32,
    fixup: i32,
}

impl Entry {
    pub(super) fn start(&self) -> usize {
        resolve(&self.start)
    }

    pub(super) fn end(&self) -> usize {
        resolve(&self.end)
    }

    pub(super) fn fixup(&self) -> usize {
        resolve(&self.fixup)
    }

    pub(super) fn covers(&self, pc: usize) -> bool {
        self.start() <= pc && pc < self.end()
    }
}

fn resolve(distance: &i32) -> usize {
    ptr::from_ref(distance).addr().wrapping_add_signed(*distance as isize)
}

/// # Safety
///
/// Whole entries, which never change, lie between the two addresses.
pub(super) unsafe fn between(start: *const Entry, end: *const Entry) -> &'static [Entry] {
    let count = (end.addr() - start.addr()) / size_of::<Entry>();
    // SAFETY: the caller guarantees it.
    unsafe { slice::from_raw_parts(start, count) }
}
