//! Spare mappings for a child, which it unmaps before it replaces pages.
//!
//! To replace the pages of a range splits up to two mappings. At the limit of mappings
//! (`vm.max_map_count`) the kernel would refuse that in the child, which would then read the pages.
//! So the parent keeps two spare pages for each range, and one for the call itself.

use std::{
    io, ptr,
    sync::atomic::{
        AtomicUsize,
        Ordering::{AcqRel, Acquire},
    },
};

use crate::{
    flags::Protection,
    sys::unix::{
        mmap::{MapCall, map_call},
        page_size,
    },
};

/// The addresses of the spare pages; 0 after one was unmapped.
#[derive(Default)]
pub(super) struct Spares(Vec<AtomicUsize>);

impl Spares {
    /// Returns the spare pages for this number of ranges. Takes those that `old` has, and maps the
    /// others.
    pub(super) fn for_ranges(ranges: usize, old: &Spares) -> io::Result<Spares> {
        let needed = if ranges == 0 { 0 } else { 2 * ranges + 1 };
        let mut spares = Spares::default();
        spares.0.try_reserve_exact(needed)?;
        let kept = old.addresses().take(needed).map(AtomicUsize::new);
        spares.0.extend(kept);
        let first_new = spares.0.len();
        while spares.0.len() < needed {
            match map_page() {
                Ok(page) => spares.0.push(AtomicUsize::new(page)),
                Err(error) => {
                    spares.0[first_new..].iter().for_each(unmap);
                    return Err(error);
                }
            }
        }
        Ok(spares)
    }

    /// Unmaps the spare pages that `used` does not contain.
    pub(super) fn unmap_others(&self, used: &Spares) {
        self.0.iter().skip(used.0.len()).for_each(unmap);
    }

    /// Unmaps all spare pages. Async-signal-safe.
    pub(super) fn unmap_all(&self) {
        self.0.iter().for_each(unmap);
    }

    fn addresses(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|page| page.load(Acquire)).filter(|&page| page != 0)
    }
}

/// Maps an inaccessible page. It is shared, because the kernel merges adjacent private mappings
/// into one.
fn map_page() -> io::Result<usize> {
    let flags = libc::MAP_SHARED | libc::MAP_ANON;
    let call = MapCall { at: ptr::null_mut(), len: page_size(), flags, fd: -1, offset: 0 };
    // SAFETY: without MAP_FIXED the kernel chooses a free address range.
    unsafe { map_call(Protection::NONE, &call) }.map(|page| page.addr().get())
}

fn unmap(page: &AtomicUsize) {
    match page.swap(0, AcqRel) {
        0 => {}
        // SAFETY: a spare page, which no code accesses, and which is unmapped once.
        address => unsafe {
            libc::munmap(ptr::without_provenance_mut(address), page_size());
        },
    }
}
