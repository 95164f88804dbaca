//! The damage of a region: which of its pages were replaced by zeros, and the lowest damaged offset
//! of its map.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
};

use super::spare;
use crate::sys::{
    request::MapRequest,
    unix::{
        access_kind::AccessKind,
        mmap::{MapCall, map_call, offset_of},
    },
};

/// The lowest offset at which a map was damaged. The map and all of its regions share it.
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

    /// Marks the whole map as damaged.
    pub(crate) fn spoil(&self) {
        self.0.store(0, SeqCst);
    }

    pub(crate) fn clear(&self) {
        self.0.store(Mark::NONE, SeqCst);
    }
}

/// What the signal handler reads about a watched region, and what it records there.
#[derive(Debug)]
pub(super) struct Damage {
    start: usize,
    size: usize,
    /// Bytes of the region before the map starts.
    lead: usize,
    request: MapRequest,
    mark: Arc<Mark>,
    /// One bit per page, set if the page was replaced.
    replaced: Vec<AtomicU64>,
}

impl Damage {
    /// Describes `size` bytes of whole pages at `start`, which are mapped as `request` says.
    pub(super) fn new(
        start: usize,
        size: usize,
        lead: usize,
        request: MapRequest,
        mark: Arc<Mark>,
    ) -> io::Result<Damage> {
        let replaced = zeroed(size.div_ceil(request.page).div_ceil(64))?;
        Ok(Damage { start, size, lead, request, mark, replaced })
    }

    /// Whether `address` lies in this region, in a page that has not been replaced.
    #[allow(dead_code)] // Called on Linux with x86-64 or 64-bit ARM, by `fault::raised`.
    pub(super) fn is_intact_at(&self, address: usize) -> bool {
        self.page_at(address).is_some_and(|page| !self.is_replaced(page))
    }

    /// Replaces the page at `address` by zeros, if the page lies in this region and the region
    /// allows the access. An unknown kind of access is allowed.
    ///
    /// Async-signal-safe: uses atomics and calls `mmap` and `munmap`.
    pub(super) fn repair(&self, address: usize, kind: Option<AccessKind>) -> bool {
        let is_allowed = kind.is_none_or(|kind| kind.is_allowed_by(self.request.protection));
        let Some(page) = self.page_at(address).filter(|_| is_allowed) else { return false };
        // Recorded before the page is replaced: code that reads the zeros must find the mark.
        self.replaced[page / 64].fetch_or(1 << (page % 64), SeqCst);
        self.mark.0.fetch_min((address - self.start).saturating_sub(self.lead), SeqCst);
        self.put_zeros(page, 1).is_ok() || self.replace_all()
    }

    /// Replaces the whole region by one mapping, because the process has reached its limit of
    /// mappings: each page that is replaced alone splits a mapping.
    #[cold]
    fn replace_all(&self) -> bool {
        self.replaced.iter().for_each(|bits| bits.store(!0, SeqCst));
        self.mark.spoil();
        // Repeated, because another thread may use the mappings that were released.
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
        self.map(page, count, libc::MAP_PRIVATE | libc::MAP_ANON, None)
    }

    fn page_at(&self, address: usize) -> Option<usize> {
        let inside = address.checked_sub(self.start).filter(|&inside| inside < self.size)?;
        Some(inside / self.request.page)
    }

    fn is_replaced(&self, page: usize) -> bool {
        self.replaced[page / 64].load(SeqCst) >> (page % 64) & 1 == 1
    }

    /// Maps the file again where pages were replaced. `offset` is the file offset of the region.
    pub(super) fn restore(&self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        self.replaced_runs()
            .try_for_each(|(page, count)| self.restore_run(page, count, file, offset))
    }

    fn restore_run(
        &self,
        page: usize,
        count: usize,
        file: BorrowedFd<'_>,
        offset: u64,
    ) -> io::Result<()> {
        let offset = offset + (page * self.request.page) as u64;
        self.map(page, count, self.request.flags.0, Some((file, offset)))?;
        (page..page + count).for_each(|page| {
            self.replaced[page / 64].fetch_and(!(1 << (page % 64)), SeqCst);
        });
        Ok(())
    }

    fn map(
        &self,
        page: usize,
        count: usize,
        flags: i32,
        file: Option<(BorrowedFd<'_>, u64)>,
    ) -> io::Result<()> {
        let at = ptr::without_provenance_mut(self.start + page * self.request.page);
        let (fd, offset) = match file {
            Some((file, offset)) => (file.as_raw_fd(), offset_of(offset)?),
            None => (-1, 0),
        };
        let call = MapCall {
            at,
            len: count * self.request.page,
            flags: flags | libc::MAP_FIXED,
            fd,
            offset,
        };
        // SAFETY: the pages lie in the region, which stays mapped while it is watched. The only
        // references into it are those that external code holds, for which any bytes are valid.
        unsafe { map_call(self.request.protection, &call) }.map(drop)
    }

    /// Runs of replaced pages: the first page and the number of pages of each.
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

fn zeroed(words: usize) -> io::Result<Vec<AtomicU64>> {
    let mut bits = Vec::new();
    bits.try_reserve_exact(words)?;
    bits.resize_with(words, AtomicU64::default);
    Ok(bits)
}
