//! The damage of a region: replaces pages of it by zeros, and maps the file there again.

use std::{
    io,
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering::SeqCst},
    },
    thread,
};

use super::{
    count, exclusion, probe,
    record::{Exclusive, Mark, Record},
    report, spare,
};
use crate::{
    flags::Protection,
    sys::{
        request::MapRequest,
        unix::{
            access_kind::FaultAccess,
            mmap::{MapCall, map_call, offset_of},
        },
    },
};

/// What the signal handler reads about a watched region, and what it records there.
#[derive(Debug)]
pub(super) struct Damage {
    start: usize,
    size: usize,
    /// Bytes of the region before the map starts.
    lead: usize,
    request: MapRequest,
    /// The bits of the pages' [`Protection`] at present.
    protection: AtomicI32,
    mark: Arc<Mark>,
    record: Record,
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
        let record = Record::new(size.div_ceil(request.page))?;
        let protection = AtomicI32::new(request.protection.bits());
        Ok(Damage { start, size, lead, request, protection, mark, record })
    }

    /// Records that all pages have another protection.
    pub(super) fn set_protection(&self, protection: Protection) {
        self.protection.store(protection.bits(), SeqCst);
    }

    fn protection(&self) -> Protection {
        Protection::from_bits(self.protection.load(SeqCst))
    }

    /// Whether `address` lies in this region, in a page that has not been replaced.
    #[allow(dead_code)] // Called on Linux with x86-64 or 64-bit ARM, by `fault::raised`.
    pub(super) fn is_intact_at(&self, address: usize) -> bool {
        self.page_at(address).is_some_and(|page| !self.record.is_replaced(page))
    }

    /// Replaces the page that was accessed by zeros, if it lies in this region, the region allows
    /// the access, and the page is still missing. Returns whether the access may be tried again.
    ///
    /// Async-signal-safe: uses atomics and calls `futex`, `mmap`, `munmap`, and the
    /// map's hook.
    pub(super) fn repair(&self, access: &FaultAccess) -> bool {
        let FaultAccess { address, kind, is_write } = *access;
        let protection = self.protection();
        let is_allowed = kind.is_none_or(|kind| kind.is_allowed_by(protection));
        let Some(page) = self.page_at(address).filter(|_| is_allowed) else { return false };
        let offset = (address - self.start).saturating_sub(self.lead);
        // What can be written can also be read.
        let is_write = is_write.unwrap_or(protection.contains(Protection::WRITE));
        let repaired = exclusion::attempt(&self.mark, |exclusive| {
            if probe::is_accessible(address, is_write) {
                return (true, None);
            }
            let (number, is_first) = (count::increment(), self.mark.first().is_none());
            if is_first {
                self.mark.begin(exclusive, number, offset);
            }
            let is_done = self.replace(exclusive, page..page + 1, offset).is_ok()
                || self.replace_all(exclusive);
            (is_done, is_first.then_some(number))
        });
        let Some((is_done, first)) = repaired else {
            thread::yield_now();
            return true;
        };
        // Without the exclusion, because the hook is code of the program.
        if let (true, Some(number)) = (is_done, first) {
            let map = self.start + self.lead;
            report::react(&self.mark.reaction, crate::Damage { map, offset, number });
        }
        is_done
    }

    /// Replaces the whole region by one mapping, because the process has reached its limit of
    /// mappings: each page that is replaced alone splits a mapping.
    #[cold]
    fn replace_all(&self, exclusive: &Exclusive<'_>) -> bool {
        // Repeated, because another thread may use the mappings that were released.
        let done = (0..100).any(|_| {
            spare::release();
            self.replace(exclusive, 0..self.pages(), 0).is_ok()
        });
        spare::keep();
        done
    }

    fn pages(&self) -> usize {
        self.size / self.request.page
    }

    fn replace(
        &self,
        exclusive: &Exclusive<'_>,
        pages: Range<usize>,
        offset: usize,
    ) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
        let map_zeros = || self.map(&pages, flags, None);
        self.record.replace(exclusive, &self.mark, pages.clone(), offset, map_zeros)
    }

    fn page_at(&self, address: usize) -> Option<usize> {
        let inside = address.checked_sub(self.start).filter(|&inside| inside < self.size)?;
        Some(inside / self.request.page)
    }

    /// Frees the exclusion in a forked child, where its owner does not exist.
    pub(super) fn forget_owner(&self) {
        self.mark.exclusion.forget_owner();
    }

    pub(super) fn is_intact(&self) -> bool {
        self.record.is_intact()
    }

    /// The offset from the region's start of the first byte in `range` that is replaced.
    pub(super) fn first_in(&self, range: Range<usize>) -> Option<usize> {
        let page = self.request.page;
        let first = self.record.first_replaced(range.start / page..range.end.div_ceil(page))?;
        Some(range.start.max(first * page))
    }

    /// Maps the file again where pages were replaced. `offset` is the file offset of the region.
    ///
    /// Handlers may repair other pages between two runs.
    pub(super) fn restore(&self, file: BorrowedFd<'_>, offset: u64) -> io::Result<()> {
        self.record.replaced_runs().try_for_each(|pages| {
            let offset = offset + (pages.start * self.request.page) as u64;
            let map_file = || self.map(&pages, self.request.flags.0, Some((file, offset)));
            exclusion::wait(&self.mark, |exclusive| {
                self.record.restore(exclusive, pages.clone(), map_file)
            })
        })
    }

    fn map(
        &self,
        pages: &Range<usize>,
        flags: i32,
        file: Option<(BorrowedFd<'_>, u64)>,
    ) -> io::Result<()> {
        let at = ptr::without_provenance_mut(self.start + pages.start * self.request.page);
        let (fd, offset) = match file {
            Some((file, offset)) => (file.as_raw_fd(), offset_of(offset)?),
            None => (-1, 0),
        };
        let call = MapCall {
            at,
            len: pages.len() * self.request.page,
            flags: flags | libc::MAP_FIXED,
            fd,
            offset,
        };
        // SAFETY: the pages lie in the region, which stays mapped while it is watched. The only
        // references into it are those that external code holds, for which any bytes are valid.
        unsafe { map_call(self.protection(), &call) }.map(drop)
    }
}
