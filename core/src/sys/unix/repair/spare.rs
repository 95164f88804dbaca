//! Spare mappings: what is given back when a process has no mapping left and needs a few for a moment.
//!
//! Linux maps nothing at all once a process has one mapping more than `vm.max_map_count` (`do_mmap`), not even where a new
//! mapping takes the place of thousands. The handler of signals gets out of that by unmapping these.
//!
//! # Safety
//!
//! A spare page is mapped by `keep`, touched by nobody, and unmapped by whoever takes its address out of `SPARES`.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering::SeqCst},
};

use crate::sys::unix::page_size;

/// One for the call itself, two for what it splits at its ends, and one that another thread may have taken meanwhile.
static SPARES: [AtomicPtr<libc::c_void>; 4] = [const { AtomicPtr::new(ptr::null_mut()) }; 4];

/// Sees to it that there are spares, as far as the system has some.
pub(super) fn keep() {
    for spare in SPARES.iter().filter(|spare| spare.load(SeqCst).is_null()) {
        // Shared, as the system makes one mapping of several that are private.
        // SAFETY: a new mapping, which replaces none.
        let page = unsafe {
            libc::mmap(ptr::null_mut(), page_size(), libc::PROT_NONE, libc::MAP_SHARED | libc::MAP_ANON, -1, 0)
        };
        if page == libc::MAP_FAILED {
            return;
        }
        if spare.compare_exchange(ptr::null_mut(), page, SeqCst, SeqCst).is_err() {
            unmap(page);
        }
    }
}

/// Gives them all back. For the handler of signals.
pub(super) fn release() {
    SPARES.iter().map(|spare| spare.swap(ptr::null_mut(), SeqCst)).filter(|page| !page.is_null()).for_each(unmap);
}

fn unmap(page: *mut libc::c_void) {
    // SAFETY: a spare page, which was taken out of `SPARES` or was never there.
    unsafe { libc::munmap(page, page_size()) };
}
