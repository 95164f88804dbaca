//! Repair: in regions that asked for it, a page that foreign code cannot get is replaced by zeros.
//!
//! Kernels report a fault. Code that was lent the memory (a `memoryview`, a slice) cannot: for a fault at its hands the
//! handler of signals looks the *address* up here, puts a page of zeros there, notes it, and lets the code go on.
//!
//! The `registry` of regions is read inside the handler, so it takes no lock. Whoever takes a region out waits until no handler looks
//! at it, and only then unmaps.
//!
//! # Safety
//!
//! A [`Damage`] is freed, and its region unmapped, after it left the registry, when nobody looks at it (`registry::leave`).

#![allow(unsafe_code)]

mod registry;
mod spare;

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr::{self, NonNull},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use super::{
    fault::Attempt,
    region::{MapCall, Request, map_call, offset_of},
};
use crate::flags::Protection;
use registry::Slot;
pub(super) use registry::forget_handlers;

/// Whether pages of a map can be replaced while it is mapped.
pub(crate) const POSSIBLE: bool = true;

/// Where a map was damaged first: the lowest offset. Shared by the map and all of its regions.
#[derive(Debug)]
pub(crate) struct Mark(AtomicUsize);

impl Mark {
    const NONE: usize = usize::MAX;

    pub(crate) fn new() -> Mark {
        Mark(AtomicUsize::new(Mark::NONE))
    }

    /// The lowest offset in the map at which a page was replaced.
    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        Some(self.0.load(SeqCst)).filter(|&first| first != Mark::NONE)
    }

    /// Marks all of the map as damaged.
    pub(crate) fn spoil(&self) {
        self.0.store(0, SeqCst);
    }

    pub(crate) fn clear(&self) {
        self.0.store(Mark::NONE, SeqCst);
    }
}

/// A region under watch, until dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    slot: &'static Slot,
    damage: NonNull<Damage>,
}

// SAFETY: a watch owns its damage, which is made of atomics and numbers.
unsafe impl Send for Watch {}
// SAFETY: as above.
unsafe impl Sync for Watch {}

/// What the handler needs to know of a region, and what it leaves there.
#[derive(Debug)]
struct Damage {
    start: usize,
    size: usize,
    /// How far into the region the map starts, in bytes.
    lead: usize,
    request: Request,
    mark: Arc<Mark>,
    /// A bit for each page: whether it was replaced.
    replaced: Vec<AtomicU64>,
}

impl Watch {
    /// Watches `size` bytes at `start`, whole pages mapped as `request` says.
    pub(super) fn new(start: usize, size: usize, lead: usize, request: Request, mark: Arc<Mark>) -> io::Result<Watch> {
        // Also where the kernels have no use for it.
        super::fault::install_all();
        spare::keep();
        let words = size.div_ceil(request.page).div_ceil(64);
        let damage = Damage { start, size, lead, request, mark, replaced: zeroed(words)? };
        let damage = NonNull::from(Box::leak(Box::new(damage)));
        Ok(Watch { slot: registry::enter(damage), damage })
    }

    /// Maps the file again, `offset` being the region's, where pages of it were replaced.
    pub(crate) fn restore(&self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        // SAFETY: freed by Drop only.
        let damage = unsafe { self.damage.as_ref() };
        damage.replaced_runs().try_for_each(|(page, count)| damage.restore(page, count, file, offset))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        registry::leave(self.slot);
        // SAFETY: leaked by `new`; no handler looks at it (leave), and none will.
        drop(unsafe { Box::from_raw(self.damage.as_ptr()) });
    }
}

fn zeroed(words: usize) -> io::Result<Vec<AtomicU64>> {
    let mut bits = Vec::new();
    bits.try_reserve_exact(words)?;
    bits.resize_with(words, AtomicU64::default);
    Ok(bits)
}

impl Damage {
    /// Puts zeros where `address` lies, if that is in this region and the attempt was one that the region is for. For the
    /// handler: touches atomics and calls `mmap`.
    fn repair(&self, address: usize, attempt: Option<Attempt>) -> bool {
        let Some(page) = self.page_of(address).filter(|_| self.request.protection.allows(attempt)) else {
            return false;
        };
        // Noted first: whoever reads the zeros finds the mark.
        self.replaced[page / 64].fetch_or(1 << (page % 64), SeqCst);
        self.mark.0.fetch_min((address - self.start).saturating_sub(self.lead), SeqCst);
        self.put_zeros(page, 1).is_ok() || self.give_up()
    }

    /// Every page that is replaced apart from others splits a mapping, and a process may have only so many of them. When that
    /// limit is reached, all of the region is replaced as one.
    #[cold]
    fn give_up(&self) -> bool {
        self.replaced.iter().for_each(|bits| bits.store(!0, SeqCst));
        self.mark.spoil();
        // More than once: what is given back may be another thread's the next moment.
        let done = (0..100).any(|_| {
            spare::release();
            self.put_zeros(0, self.pages()).is_ok()
        });
        spare::keep();
        done
    }

    fn pages(&self) -> usize {
        self.size / self.request.page
    }

    fn put_zeros(&self, page: usize, count: usize) -> io::Result<()> {
        self.map(page, count, libc::MAP_PRIVATE | libc::MAP_ANON, -1, 0)
    }

    fn page_of(&self, address: usize) -> Option<usize> {
        let inside = address.checked_sub(self.start).filter(|&inside| inside < self.size)?;
        Some(inside / self.request.page)
    }

    fn is_replaced(&self, page: usize) -> bool {
        self.replaced[page / 64].load(SeqCst) >> (page % 64) & 1 == 1
    }

    /// Maps `count` pages of the file again, of which `offset` is the region's.
    fn restore(&self, page: usize, count: usize, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        let offset = offset_of(offset + (page * self.request.page) as u64)?;
        self.map(page, count, self.request.flags.0, file.as_raw_fd(), offset)?;
        (page..page + count).for_each(|page| {
            self.replaced[page / 64].fetch_and(!(1 << (page % 64)), SeqCst);
        });
        Ok(())
    }

    fn map(&self, page: usize, count: usize, flags: i32, fd: i32, offset: super::region::Offset) -> io::Result<()> {
        let at = ptr::without_provenance_mut(self.start + page * self.request.page);
        let call = MapCall { at, len: count * self.request.page, flags: flags | libc::MAP_FIXED, fd, offset };
        // SAFETY: the pages lie in the region, which is mapped as long as it is watched; no reference into it exists
        // but those that were lent out for the file's bytes, whatever they are.
        unsafe { map_call(self.request.protection, &call) }.map(drop)
    }

    /// The first pages of runs that were replaced, and the lengths of these.
    fn replaced_runs(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut page = 0;
        std::iter::from_fn(move || {
            page = (page..self.pages()).find(|&page| self.is_replaced(page))?;
            let count = (page..self.pages()).take_while(|&page| self.is_replaced(page)).count();
            page += count;
            Some((page - count, count))
        })
    }
}

/// Whether `address` lies in a watched region, in a page that was not replaced yet. For the handler of signals.
#[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))] // For `raised`.
pub(super) fn is_wanted(address: usize) -> bool {
    registry::any(|damage| damage.page_of(address).is_some_and(|page| !damage.is_replaced(page)))
}

/// Repairs the page at `address` if it is watched, and the attempt, if it is known, is allowed there. For the handler of signals.
pub(super) fn repair(address: usize, attempt: Option<Attempt>) -> bool {
    registry::any(|damage| damage.repair(address, attempt))
}

impl Protection {
    fn allows(self, attempt: Option<Attempt>) -> bool {
        match attempt {
            None => true,
            // Processors let read what may be written.
            Some(Attempt::Read) => self != Protection::NONE,
            Some(Attempt::Write) => self.contains(Protection::WRITE),
            Some(Attempt::Execute) => self.contains(Protection::EXEC),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_repaired_where_the_protection_allows_it() {
        let (read, write) = (Protection::READ, Protection::READ | Protection::WRITE);
        let cases = [
            (read, Some(Attempt::Read), true),
            (read, Some(Attempt::Write), false),
            (read, Some(Attempt::Execute), false),
            (read, None, true),
            (write, Some(Attempt::Write), true),
            (Protection::WRITE, Some(Attempt::Read), true),
            (Protection::NONE, Some(Attempt::Read), false),
            (read | Protection::EXEC, Some(Attempt::Execute), true),
        ];
        for (protection, attempt, allowed) in cases {
            assert_eq!(protection.allows(attempt), allowed, "{attempt:?} under {protection:?}");
        }
    }
}
