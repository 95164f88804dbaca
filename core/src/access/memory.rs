//! The address space of a map: its regions, and the base address and length that calls on other
//! threads read.
//!
//! Resizing changes all three beside readers and writers; `docs/design.md` has the rules ("Resize
//! through a shared reference"). The rest of this folder relies on one fact, which the types here
//! keep. If a thread reads the length and then the base, `base .. base + len` lies in a region that
//! stays mapped.

use std::{
    io, iter, mem,
    ops::Range,
    ptr,
    sync::atomic::{
        AtomicBool, AtomicPtr, AtomicUsize,
        Ordering::{Acquire, Release},
    },
};

use super::Span;
use crate::{
    Error, Result, accessor,
    sys::{
        self, fault, fork,
        in_use::{self, InUse, InUseCount, Unviewed, ViewCount, Viewed},
        lock::{Lock, Locked},
        region::Region,
        request::MapRequest,
    },
};

/// Where the bytes of a map are.
///
/// A fork may copy this between any two stores of a thread that has locked the regions. Each store
/// therefore leaves a state that [`Memory::lock`] can complete in the child.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Address of the map's first byte; that of no memory as long as the map never had a region.
    base: AtomicPtr<u8>,
    /// In bytes.
    len: AtomicUsize,
    /// Offset of the map's first byte in its region, in bytes.
    lead: usize,
    lock: Lock,
    /// The current region, which leads to those that the map moved away from. Null for an empty map
    /// without a reserve.
    newest: AtomicPtr<Node>,
    /// Address of the region whose bytes are being moved to another one, else 0. It may be
    /// inaccessible.
    leaving: AtomicUsize,
    /// Whether the map became accessible again after a move that was not completed. A call on
    /// another thread may have met a fault before.
    restored: AtomicBool,
    /// The greatest length before a shrink, in this region. Private memory from the map's end up to
    /// here may hold bytes: calls that began before the shrink may still store them.
    dirty_end: AtomicUsize,
    in_use: InUseCount,
    views: ViewCount,
}

/// A region, and the one that was current before it. Calls on other threads may still use that one.
#[derive(Debug)]
struct Node {
    region: Region,
    older: *mut Node,
}

impl Node {
    /// Returns a node that [`take`] frees.
    fn leak(region: Region, older: *mut Node) -> *mut Node {
        Box::into_raw(Box::new(Node { region, older }))
    }
}

impl Memory {
    pub(crate) fn new(region: Option<Region>, lead: usize, len: usize) -> Memory {
        // No lock: no other thread knows the memory yet.
        let base = region
            .as_ref()
            .map_or_else(no_address, |region| region.base().as_ptr().wrapping_add(lead));
        let newest = region.map_or(ptr::null_mut(), |region| Node::leak(region, ptr::null_mut()));
        Memory {
            base: AtomicPtr::new(base),
            len: AtomicUsize::new(len),
            lead,
            lock: Lock::new(),
            newest: AtomicPtr::new(newest),
            leaving: AtomicUsize::new(0),
            restored: AtomicBool::new(false),
            dirty_end: AtomicUsize::new(0),
            in_use: InUseCount::new(false),
            views: ViewCount::new(false),
        }
    }

    /// Counts the calls that use the memory, for a map whose view a resize may replace.
    pub(crate) fn count_calls(&mut self) {
        self.in_use = InUseCount::new(true);
        self.views = ViewCount::new(true);
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

    /// Keeps the regions mapped while a view exists. On systems where a resize would have to unmap
    /// one, it fails until then ([`RegionsGuard::exclude_views`]).
    #[inline]
    pub(super) fn add_view(&self) -> Viewed<'_> {
        self.views.add()
    }

    /// Locks the regions. In a forked child, completes or undoes what a thread of the parent had
    /// begun.
    pub(crate) fn lock(&self) -> RegionsGuard<'_> {
        let mut regions =
            RegionsGuard { memory: self, reserved: Vec::new(), _locked: self.lock.lock() };
        regions.complete();
        regions
    }

    /// Waits until no move of this memory is in progress. Takes no lock if there is none.
    ///
    /// Only a move makes pages inaccessible that become accessible elsewhere. It sets `leaving`
    /// before, and publishes the new base before it clears `leaving`. So a thread that finds 0
    /// after a fault finds the new base, too. Where regions are unmapped, the lock prevents that
    /// until the guard is dropped.
    pub(super) fn wait_for_move(&self) -> Option<RegionsGuard<'_>> {
        let may_move = in_use::COUNTED || self.leaving.load(Acquire) != 0;
        may_move.then(|| self.lock())
    }

    /// Whether the current region became accessible again after a move that was not completed.
    pub(super) fn has_restored_access(&self) -> bool {
        self.restored.load(Acquire)
    }

    /// The size of the region in which the map's base is `base`; 0 if there is none. The caller
    /// has called [`Memory::wait_for_move`].
    pub(super) fn size_from(&self, base: *mut u8) -> usize {
        let start = base.addr().wrapping_sub(self.lead);
        let is_current = |region: &&Region| region.base().addr().get() == start;
        self.regions().find(is_current).map_or(0, Region::size)
    }

    /// All regions that are mapped, the current one first. The caller has locked them, or they stay
    /// mapped as long as the map (`in_use::COUNTED`).
    fn regions(&self) -> impl Iterator<Item = &Region> {
        let mut next = self.newest.load(Acquire);
        iter::from_fn(move || {
            // SAFETY: null or a node of the list. With these conditions it is freed through
            // `&mut self` only.
            let node = unsafe { next.as_ref() }?;
            next = node.older;
            Some(&node.region)
        })
    }

    /// Unmaps all regions. Returns the first error, after all were unmapped.
    pub(crate) fn unmap(mut self) -> io::Result<()> {
        self.take_regions().map(Region::unmap).fold(Ok(()), io::Result::and)
    }

    /// Unmaps the regions that the map has left, and returns the current one.
    pub(crate) fn into_current(mut self) -> Option<Region> {
        // Completes what a thread of the parent process had begun.
        drop(self.lock());
        let mut regions = self.take_regions();
        let current = regions.next();
        regions.for_each(drop);
        current
    }

    fn take_regions(&mut self) -> impl Iterator<Item = Region> + use<> {
        let newest = self.newest.get_mut();
        let mut next = *newest;
        *newest = ptr::null_mut();
        iter::from_fn(move || {
            // SAFETY: the list consists of nodes that were leaked, and this is its only user.
            let node = unsafe { take(next) }?;
            next = node.older;
            Some(node.region)
        })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.take_regions().for_each(drop);
    }
}

/// An address for maps without a region. Programs expect that of a map to be aligned to a page.
fn no_address() -> *mut u8 {
    ptr::without_provenance_mut(sys::page_size())
}

/// Frees a node that [`Node::leak`] or [`RegionsGuard::push`] leaked, and returns its contents.
///
/// # Safety
///
/// `node` is null, or the caller owns it.
unsafe fn take(node: *mut Node) -> Option<Node> {
    if node.is_null() {
        return None;
    }
    // SAFETY: leaked as a node or a slice of one, which have the same layout. The caller owns it.
    Some(*unsafe { Box::from_raw(node) })
}

/// The locked regions of a map.
#[derive(Debug)]
pub(crate) struct RegionsGuard<'a> {
    memory: &'a Memory,
    /// Space for the next node.
    reserved: Vec<Node>,
    _locked: Locked<'a>,
}

// SAFETY: the pointers in `reserved` are used by the thread that has locked the regions only.
unsafe impl Sync for RegionsGuard<'_> {}

impl<'a> RegionsGuard<'a> {
    pub(crate) fn current(&self) -> Option<&Region> {
        self.all().next()
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Region> {
        // SAFETY: null or a node of the list, which only this thread uses while it has the lock.
        unsafe { self.memory.newest.load(Acquire).as_mut() }.map(|node| &mut node.region)
    }

    /// All regions that are mapped, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Region> {
        self.memory.regions()
    }

    /// How many bytes the map can have in its current region.
    pub(crate) fn capacity(&self) -> usize {
        self.current().map_or(0, |region| region.size() - self.memory.lead)
    }

    /// Publishes another length, at most the capacity.
    pub(crate) fn set_len(&self, len: usize) {
        assert!(len <= self.capacity(), "a length of {len} beyond the region");
        self.memory.len.store(len, Release);
        fork::step();
    }

    /// Records that the bytes up to `end` may not be zeros.
    pub(crate) fn mark_dirty(&mut self, end: usize) {
        self.memory.dirty_end.fetch_max(end, Release);
        fork::step();
    }

    /// Returns the part of `start..end` that may hold bytes other than zero, if there is one.
    pub(crate) fn dirty_span(&self, start: usize, end: usize) -> Option<Span> {
        let end = end.min(self.memory.dirty_end.load(Acquire)).min(self.capacity());
        let span = Span::of_region(end).rest(start);
        (span.len() > 0).then_some(span)
    }

    /// Reserves memory for another region, so that [`RegionsGuard::move_to`] cannot fail.
    pub(crate) fn reserve(&mut self) -> io::Result<()> {
        Ok(self.reserved.try_reserve_exact(1)?)
    }

    /// Publishes the address of a region that was remapped, and another length.
    #[cfg(target_os = "linux")]
    pub(crate) fn publish(&self, len: usize) {
        self.publish_base();
        self.set_len(len);
    }

    /// Copies `parts` of the current region, which is private memory, to `region`, and makes the
    /// current region inaccessible. If that fails, it is accessible again.
    ///
    /// [`RegionsGuard::move_to`] follows.
    pub(crate) fn vacate(
        &self,
        region: &Region,
        parts: &[Range<usize>],
        request: &MapRequest,
    ) -> io::Result<()> {
        let Some(old) = self.current() else { return Ok(()) };
        self.memory.leaving.store(old.base().addr().get(), Release);
        fork::step();
        region.take_over(old, parts, request).inspect_err(|_| self.complete_move())
    }

    /// Makes `region` the current one. The old region stays mapped until the map is dropped.
    pub(crate) fn move_to(&mut self, region: Region) {
        self.push(region);
        self.publish_base();
        fork::step();
        self.memory.dirty_end.store(0, Release);
        if let Some(old) = self.all().nth(1) {
            old.forget_pages();
        }
        fork::step();
        self.memory.leaving.store(0, Release);
    }

    /// Completes what a thread of the parent process was doing when it forked, or what failed.
    fn complete(&mut self) {
        self.publish_base();
        self.complete_move();
    }

    /// Makes the region accessible again that the map was leaving, or releases it if the map has
    /// left it.
    fn complete_move(&self) {
        let leaving = self.memory.leaving.load(Acquire);
        let is_left = |region: &&Region| region.base().addr().get() == leaving;
        if leaving == 0 {
            return;
        }
        if let Some(current) = self.current().filter(is_left) {
            self.memory.restored.store(true, Release);
            if current.allow_access().is_err() {
                // The next call tries it again.
                return;
            }
        } else if let Some(left) = self.all().find(is_left) {
            left.forget_pages();
        }
        self.memory.leaving.store(0, Release);
    }

    /// Whether a page of the current region belongs to the parent process only
    /// (`Advice::DontFork`).
    pub(crate) fn is_missing_pages(&self) -> bool {
        self.current().is_some_and(Region::is_missing_pages)
    }

    /// Excludes new views while the current region is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while views exist.
    pub(crate) fn exclude_views(&self) -> Result<Unviewed<'a>> {
        self.memory.views.exclude().ok_or(Error::InUse { call: "resize" })
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
        if let Some(region) = region {
            self.push(region);
        }
        self.publish_base();
        self.set_len(len);
    }

    /// Makes `region` the first of the list, by one store.
    fn push(&mut self, region: Region) {
        let mut node = mem::take(&mut self.reserved);
        // Otherwise the list would allocate four nodes, and release three.
        node.reserve_exact(1);
        node.push(Node { region, older: self.memory.newest.load(Acquire) });
        let node: *mut [Node] = Box::into_raw(node.into_boxed_slice());
        self.memory.newest.store(node.cast(), Release);
        fork::step();
    }

    /// Unmaps the current region. On a system that does not count calls, one may still use it, so
    /// it stays mapped.
    fn remove_current(&mut self) {
        if !in_use::COUNTED {
            return;
        }
        // SAFETY: null or a node of the list, which only this thread uses while it has the lock.
        if let Some(node) = unsafe { take(self.memory.newest.load(Acquire)) } {
            self.memory.newest.store(node.older, Release);
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
