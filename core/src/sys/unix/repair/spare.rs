//! Spare mappings, which are released when the process has reached its limit of mappings.
//!
//! Linux refuses every `mmap` once a process has one mapping more than `vm.max_map_count`
//! (`do_mmap`), even one that would replace thousands of mappings. The signal handler unmaps the
//! spare pages first.
//!
//! # Safety
//!
//! `keep` maps a spare page, and no code accesses it. The thread that takes its address out of
//! `SPARES` unmaps it.

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering::SeqCst},
};

use crate::sys::unix::page_size;

/// One for the call itself, two for the mappings that it splits, and one that another thread may
/// use concurrently.
static SPARES: [AtomicPtr<libc::c_void>; 4] = [const { AtomicPtr::new(ptr::null_mut()) }; 4];

/// Maps the spare pages that are missing, until the kernel refuses.
pub(super) fn keep() {
    for spare in SPARES.iter().filter(|spare| spare.load(SeqCst).is_null()) {
        // Shared, because the kernel merges adjacent private mappings into one.
        // SAFETY: a new mapping, which replaces no other.
        let page = unsafe {
            libc::mmap(
                ptr::null_mut(),
                page_size(),
                libc::PROT_NONE,
                libc::MAP_SHARED | libc::MAP_ANON,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return;
        }
        if spare.compare_exchange(ptr::null_mut(), page, SeqCst, SeqCst).is_err() {
            unmap(page);
        }
    }
}

/// Unmaps all spare pages. Async-signal-safe.
pub(super) fn release() {
    SPARES
        .iter()
        .map(|spare| spare.swap(ptr::null_mut(), SeqCst))
        .filter(|page| !page.is_null())
        .for_each(unmap);
}

fn unmap(page: *mut libc::c_void) {
    // SAFETY: a spare page that was taken out of `SPARES`, or was never in it.
    unsafe { libc::munmap(page, page_size()) };
}
