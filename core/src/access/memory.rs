//! The address space of a map: its regions, and the base address and length that calls on other
//! threads read.
//!
//! Resizing changes all three beside readers and writers; `docs/design.md` has the rules ("Resize
//! through a shared reference"). The rest of this folder relies on one fact, which the types here
//! keep. If a thread reads the length and then the base, `base .. base + len` lies in a region that
//! stays mapped.

use std::{
    io,
    ptr::NonNull,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicPtr, AtomicUsize,
            Ordering::{Acquire, Release},
        },
    },
};

use super::Span;
use crate::{
    Error, Result, accessor,
    sys::{
        fault,
        fork::ForkGuard,
        in_use::{self, InUse, InUseCount},
        region::Region,
    },
};

/// Where the bytes of a map are.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Address of the map's first byte; dangling as long as the map never had a region.
    base: AtomicPtr<u8>,
    /// In bytes.
    len: AtomicUsize,
    /// Offset of the map's first byte in its region, in bytes.
    lead: usize,
    regions: Mutex<Regions>,
    in_use: InUseCount,
}

#[derive(Debug)]
struct Regions {
    /// `None` for an empty map without a reserve.
    current: Option<Region>,
    /// Regions that the map moved away from; calls on other threads may still use them.
    retired: Vec<Region>,
    /// Private memory from the map's end up to here may hold bytes that were written before a
    /// shrink.
    dirty_end: usize,
}

impl Memory {
    pub(crate) fn new(region: Option<Region>, lead: usize, len: usize) -> Memory {
        let base = region.as_ref().map_or(NonNull::dangling(), Region::base).as_ptr();
        let lead_in_region = if region.is_some() { lead } else { 0 };
        Memory {
            base: AtomicPtr::new(base.wrapping_add(lead_in_region)),
            len: AtomicUsize::new(len),
            lead,
            regions: Mutex::new(Regions { current: region, retired: Vec::new(), dirty_end: 0 }),
            in_use: InUseCount::new(false),
        }
    }

    /// Counts the calls that use the memory, for a map whose view a resize may replace.
    pub(crate) fn count_calls(&mut self) {
        self.in_use = InUseCount::new(true);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Acquire, and before the base: see rule 2 in docs/design.md.
        self.len.load(Acquire)
    }

    #[inline]
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.load(Acquire)
    }

    #[inline]
    pub(crate) fn lead(&self) -> usize {
        self.lead
    }

    #[inline]
    pub(super) fn enter(&self) -> InUse<'_> {
        self.in_use.enter()
    }

    /// Locks the regions. `fork` is blocked while the guard exists.
    pub(crate) fn lock(&self) -> RegionsGuard<'_> {
        let fork_guard = ForkGuard::new();
        // Each step of a resize leaves the regions consistent, so a poisoned lock can be used.
        let regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        RegionsGuard { memory: self, regions, _fork_guard: fork_guard }
    }

    /// Unmaps all regions. Returns the first error, after all were unmapped.
    pub(crate) fn unmap(self) -> io::Result<()> {
        let regions = self.regions.into_inner().unwrap_or_else(PoisonError::into_inner);
        let all = regions.retired.into_iter().chain(regions.current);
        all.map(Region::unmap).fold(Ok(()), io::Result::and)
    }
}

/// The locked regions of a map.
///
/// The fields are dropped in this order, so `fork` continues after the lock is free.
#[derive(Debug)]
pub(crate) struct RegionsGuard<'a> {
    memory: &'a Memory,
    regions: MutexGuard<'a, Regions>,
    _fork_guard: ForkGuard,
}

impl RegionsGuard<'_> {
    pub(crate) fn current(&self) -> Option<&Region> {
        self.regions.current.as_ref()
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Region> {
        self.regions.current.as_mut()
    }

    /// All regions that are mapped, the current one last.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Region> {
        self.regions.retired.iter().chain(&self.regions.current)
    }

    /// How many bytes the map can have in its current region.
    pub(crate) fn capacity(&self) -> usize {
        self.current().map_or(0, |region| region.size() - self.memory.lead)
    }

    /// Publishes another length, at most the capacity.
    pub(crate) fn set_len(&self, len: usize) {
        assert!(len <= self.capacity(), "a length of {len} beyond the region");
        self.memory.len.store(len, Release);
    }

    /// Records that the bytes up to `end` may not be zeros.
    pub(crate) fn mark_dirty(&mut self, end: usize) {
        self.regions.dirty_end = self.regions.dirty_end.max(end);
    }

    /// Records that the bytes from `end` are zeros.
    pub(crate) fn mark_clean(&mut self, end: usize) {
        self.regions.dirty_end = end;
    }

    /// Returns the range from `start` that may hold bytes other than zero, if there is one.
    pub(crate) fn dirty_span(&self, start: usize) -> Option<Span> {
        let span = Span::of_region(self.regions.dirty_end.min(self.capacity())).rest(start);
        (span.len() > 0).then_some(span)
    }

    /// Reserves memory to retire the current region, so that [`RegionsGuard::move_to`] cannot fail.
    pub(crate) fn reserve_retired(&mut self) -> io::Result<()> {
        Ok(self.regions.retired.try_reserve(1)?)
    }

    /// Makes `region` the current one. The old region stays mapped until the map is dropped.
    pub(crate) fn move_to(&mut self, region: Region) {
        let old = self.regions.current.replace(region);
        self.publish_base();
        if let Some(old) = old {
            old.forget_pages();
            self.regions.retired.push(old);
        }
    }

    /// Replaces the current region by `region`, of which the map has `len` bytes, while no call
    /// uses the memory.
    ///
    /// First copies `copied` bytes from the start of the old region to the new one. A view of a
    /// file has its bytes already, and needs none.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] if they cannot be copied; the current region stays.
    pub(crate) fn replace(
        &mut self,
        region: Option<Region>,
        len: usize,
        copied: usize,
    ) -> Result<()> {
        let _closed = self.memory.in_use.shut();
        if let (Some(old), Some(new)) = (self.current(), &region) {
            let done = copy_region(old, new, copied);
            done.map_err(|done| Error::Fault { offset: done.saturating_sub(self.memory.lead) })?;
        }
        self.install(region, len);
        Ok(())
    }

    /// Unmaps the current region, runs `make`, and installs the region and the length that it
    /// returns. No call uses the memory during that. Returns the third result of `make`.
    pub(crate) fn unmap_and_replace<R>(
        &mut self,
        make: impl FnOnce() -> (Option<Region>, usize, R),
    ) -> R {
        let _closed = self.memory.in_use.shut();
        self.remove_current();
        let (region, len, result) = make();
        self.install(region, len);
        result
    }

    fn install(&mut self, region: Option<Region>, len: usize) {
        self.remove_current();
        self.regions.current = region;
        self.publish_base();
        self.set_len(len);
    }

    /// Unmaps the current region. On a system that does not count calls, one may still use it, so
    /// it stays mapped.
    fn remove_current(&mut self) {
        let old = self.regions.current.take();
        if !in_use::COUNTED {
            self.regions.retired.extend(old);
        }
    }

    fn publish_base(&self) {
        if let Some(region) = self.current() {
            self.memory.base.store(region.base().as_ptr().wrapping_add(self.memory.lead), Release);
        }
    }
}

/// Copies the first `len` bytes of one region to another one. If there is a fault, returns how many
/// were copied.
fn copy_region(from: &Region, to: &Region, len: usize) -> Result<(), usize> {
    fault::ensure_ready();
    let len = len.min(from.size()).min(to.size());
    // SAFETY: `len` bytes lie in both regions, which do not overlap and stay mapped while they are
    // borrowed.
    let outcome = unsafe { accessor::copy(to.base().as_ptr(), from.base().as_ptr(), len) };
    if outcome.fault == 0 { Ok(()) } else { Err(outcome.done) }
}
