//! `Map::resize` while other threads read and write the map. `docs/design.md` explains the rules.

mod append;
mod growth;
mod in_place;
#[cfg(target_os = "linux")]
mod mremap;
mod refresh;
mod remap;
#[cfg(all(test, unix))]
mod tests;

use std::slice;

use crate::{
    Error, Flags, Map, Result,
    access::{RegionsGuard, Rounding, Span},
    map::{Origin, region_size},
    sys::{
        self, BorrowedFile, fault, fork,
        pages::Pages,
        region::{self, Region},
    },
};

pub(crate) use growth::{FileEnd, Moves, in_call};
pub use in_place::InPlace;

impl Map {
    /// Changes the length of the map to `new_len` bytes.
    ///
    /// A file becomes `offset + new_len` bytes long. If the map shows only a part of it, the bytes
    /// of the file behind the map are cut off, also if another process has appended them
    /// ([`Map::grow`] keeps them). Other threads may read and write the map during the
    /// call. For them, bytes beyond the new end are [`Error::OutOfBounds`] after a shrink has
    /// succeeded. Before that, calls return the bytes or [`Error::Fault`]; bytes that they store
    /// there are lost.
    ///
    /// When the map grows, its new bytes are:
    ///
    /// | memory | new bytes |
    /// |---|---|
    /// | private, without a file | zeros. A call that runs while the map grows may store bytes. |
    /// | shared, without a file | zeros, or what any process stored there before a shrink. They are not cleared, because forked processes may use them. |
    /// | a file | what the file has there: zeros behind its end, or bytes that another process has appended. The rest of its last page may hold bytes that any map stored behind the end (tmpfs). |
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`]; [`Error::NoFile`] for an [`untracked`](crate::Options::untracked) map;
    /// [`Error::TooLong`]; [`Error::Unsupported`] for a private map of a file, whose bytes are not
    /// the file's, and for shared anonymous memory that is to grow beyond its
    /// [`capacity`](Map::capacity), and in a forked child that did not inherit all pages
    /// ([`Advice::DontFork`](crate::Advice::DontFork)); [`Error::Os`] if there is not enough memory
    /// or address space, or the file cannot have that length. The file and the map are unchanged
    /// then.
    ///
    /// # Platforms
    ///
    /// Within the capacity, growing is one `ftruncate`. Beyond it the map moves to another address,
    /// with at least twice the capacity, so that growing by small steps stays cheap.
    ///
    /// Windows maps a file no further than its end, and does not shorten a file that is mapped.
    /// There a map of a file is mapped again when its length changes. The call waits for calls on
    /// other threads that use the map, and new ones wait for it. A file that is mapped elsewhere as
    /// well can grow; shrinking it fails with the system's error. Should Windows refuse to map
    /// again what was mapped before, which has never been observed, the map is empty afterwards.
    /// While a [`View`](crate::View) of the map exists, the call fails with [`Error::InUse`] and
    /// changes nothing.
    ///
    /// Memory with a [`name`](crate::Options::name) and without a reserve is created again under
    /// its name there. The call fails while other processes have it open.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(3).anonymous()?;
    /// map.write_at(b"abc", 0)?;
    /// map.resize(5)?;
    /// assert_eq!(map.to_vec(..)?, b"abc\0\0");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "ftruncate")]
    pub fn resize(&self, new_len: usize) -> Result<()> {
        self.resize_with(new_len, FileEnd::Exact, Moves::Allowed)
    }

    /// Makes the map at least `new_len` bytes long, and never shorter. A file that is longer
    /// than that keeps its length and its bytes.
    ///
    /// Otherwise as [`Map::resize`]. [`Map::append`] writes bytes at the same time.
    ///
    /// # Errors
    ///
    /// As [`Map::resize`].
    ///
    /// # Platforms
    ///
    /// On systems other than Windows, bytes that another process appends at the same moment may be
    /// lost: POSIX has no call that only extends a file.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).map(&file)?;
    /// file.set_len(1000)?;
    /// map.grow(110)?;
    /// assert_eq!((map.len(), map.file_len()?), (110, 1000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn grow(&self, new_len: usize) -> Result<()> {
        self.resize_with(new_len, FileEnd::AtLeast, Moves::Allowed).map_err(in_call("grow"))
    }

    fn resize_with(&self, new_len: usize, file_end: FileEnd, moves: Moves) -> Result<()> {
        self.ensure_writable("resize")?;
        self.ensure_intact()?;
        #[cfg(unix)]
        if self.notes_stores() {
            return self.resize_committed(new_len, file_end, moves);
        }
        self.ensure_inherited()?;
        let _turn = self.growing.lock();
        if file_end == FileEnd::AtLeast && new_len <= self.len() {
            return Ok(());
        }
        self.ensure_stays("resize", new_len, moves)?;
        if moves == Moves::Refused && new_len == self.len() && !region::OUTGROWS_FILES {
            return Ok(());
        }
        match &self.origin {
            Origin::File { .. } if !self.reaches_others() => {
                Err(Error::Unsupported("a private map of a file cannot be resized"))
            }
            Origin::File { file: None, .. } => Err(Error::NoFile { call: "resize" }),
            Origin::File { file: Some(file), offset } if region::OUTGROWS_FILES => {
                self.resize_file(sys::borrow(file), *offset, new_len, file_end)
            }
            Origin::File { file: Some(file), offset } => {
                self.resize_view(sys::borrow(file), *offset, new_len, file_end)
            }
            Origin::Memory if self.reaches_others() => match &self.name {
                Some(name) if !self.request.flags.contains(Flags::NORESERVE) => {
                    self.resize_named_memory(name, new_len)
                }
                _ => self.resize_shared_memory(new_len),
            },
            Origin::Memory => self.resize_private_memory(new_len),
        }
    }

    /// Returns the length that the map can have without moving, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(1).reserve(1 << 20).anonymous()?;
    /// assert!(map.capacity() >= 1 << 20);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.lock_regions().capacity()
    }

    /// Fails with [`Error::InUse`] if the map must not move, and a length would move it or make it
    /// shorter. The caller has the lock `growing`.
    fn ensure_stays(&self, call: &'static str, new_len: usize, moves: Moves) -> Result<()> {
        // Memory with a name is created again under its name.
        let end = if self.name.is_some() { self.len() } else { self.capacity() };
        match moves == Moves::Refused && !(self.len()..=end).contains(&new_len) {
            true => Err(Error::InUse { call }),
            false => Ok(()),
        }
    }

    /// Fails with [`Error::Unsupported`] if this process did not inherit all pages of the map
    /// ([`Advice::DontFork`](crate::Advice::DontFork)).
    pub(crate) fn ensure_inherited(&self) -> Result<()> {
        match self.lock_regions().is_missing_pages() {
            true => Err(Error::Unsupported("this process did not inherit all pages of the map")),
            false => Ok(()),
        }
    }

    /// Maps a larger region before it changes the file, and changes the file before the map.
    fn resize_file(
        &self,
        file: BorrowedFile<'_>,
        offset: u64,
        new_len: usize,
        file_end: FileEnd,
    ) -> Result<()> {
        let end = end_of_file(file, offset, new_len, file_end)?;
        let mut regions = self.lock_regions();
        let start = Some((file, offset - self.memory.lead() as u64));
        // The length of the map changes last, because the system may refuse to cut the file. Calls
        // beyond the new end fault in between.
        let larger = if self.request.page > sys::page_size() {
            self.set_huge_len(&mut regions, file, end, |regions| {
                self.larger_region(regions, new_len, start)
            })?
        } else {
            let larger = self.larger_region(&mut regions, new_len, start)?;
            self.set_file_end(file, end, file_end).map_err(Error::os("resize"))?;
            larger
        };
        fork::step();
        if let Some(region) = larger {
            regions.move_to(region);
        }
        regions.set_len(new_len);
        Ok(())
    }

    /// Changes the length of a file on hugetlbfs before `map` maps it: `mmap` would extend the file
    /// by whole pages. If `map` fails, the file has its old length again.
    fn set_huge_len<R>(
        &self,
        regions: &mut RegionsGuard<'_>,
        file: BorrowedFile<'_>,
        end: u64,
        map: impl FnOnce(&mut RegionsGuard<'_>) -> Result<R>,
    ) -> Result<R> {
        let old_end = sys::file::status_len(file).map_err(Error::os("resize"))?;
        self.set_file_len(file, end).map_err(Error::os("resize"))?;
        // The first error is the one to report.
        map(regions).inspect_err(|_| drop(sys::file::set_len(file, old_end)))
    }

    fn set_file_end(
        &self,
        file: BorrowedFile<'_>,
        end: u64,
        file_end: FileEnd,
    ) -> std::io::Result<()> {
        match file_end {
            FileEnd::AtLeast if sys::file::status_len(file)? >= end => Ok(()),
            _ => self.set_file_len(file, end),
        }
    }

    fn set_file_len(&self, file: BorrowedFile<'_>, len: u64) -> std::io::Result<()> {
        match self.allocate {
            true => sys::file::set_len_allocated(file, len),
            false => sys::file::set_len(file, len),
        }
    }

    fn resize_shared_memory(&self, new_len: usize) -> Result<()> {
        let regions = self.lock_regions();
        if new_len > regions.capacity() {
            return Err(Error::Unsupported(
                "shared anonymous memory cannot grow beyond its reserve",
            ));
        }
        self.commit_memory(regions.current(), new_len)?;
        // Nothing is set to zero: other processes use the bytes behind the end, too.
        regions.set_len(new_len);
        Ok(())
    }

    fn resize_private_memory(&self, new_len: usize) -> Result<()> {
        let mut regions = self.lock_regions();
        let old_len = self.len();
        if new_len < old_len {
            // In this order, because a forked child may find the first step done alone.
            regions.mark_dirty(old_len);
            regions.set_len(new_len);
            // This only returns memory to the system, so an error is ignored. Growing clears the
            // bytes: calls in progress may store some until then.
            if let Some(dirty) = regions.dirty_span(self.page_end(new_len), old_len) {
                self.renew_pages(&regions, dirty);
            }
            return Ok(());
        }
        let larger = self.larger_region(&mut regions, new_len, None)?;
        if larger.is_none() {
            self.clear_dirty(&regions, old_len, new_len)?;
        }
        self.commit_memory(larger.as_ref().or(regions.current()), new_len)?;
        if let Some(region) = larger {
            // `vacate` makes the old pages inaccessible, so late calls fault there.
            fault::ensure_first_for_protection().map_err(Error::os("resize"))?;
            regions
                .vacate(&region, slice::from_ref(&(0..old_len)), &self.request)
                .map_err(Error::os("resize"))?;
            regions.move_to(region);
        }
        regions.set_len(new_len);
        Ok(())
    }

    /// Maps a region for `new_len` bytes if the current one is too small, with spare capacity if
    /// the system has enough address space.
    pub(crate) fn larger_region(
        &self,
        regions: &mut RegionsGuard<'_>,
        new_len: usize,
        file: Option<(BorrowedFile<'_>, u64)>,
    ) -> Result<Option<Region>> {
        let capacity = regions.capacity();
        if new_len <= capacity {
            return Ok(None);
        }
        regions.reserve().map_err(Error::os("resize"))?;
        let size = region_size(self.memory.lead(), new_len)?;
        let spacious_size = size.max(capacity.saturating_mul(2)).min(sys::size::MAX);
        let region = match self.request.spacious() {
            Some(request) => Region::new(&request, spacious_size, file)
                .or_else(|_| Region::new(&self.request, size, file)),
            None => Region::new(&self.request, size, file),
        };
        let mut region = region.map_err(Error::os("resize"))?;
        self.watch(&mut region).map_err(Error::os("resize"))?;
        Ok(Some(region))
    }

    fn commit_memory(&self, region: Option<&Region>, len: usize) -> Result<()> {
        let commit = |region: &Region| region.commit(&self.request, self.memory.lead() + len);
        region.map_or(Ok(()), commit).map_err(Error::os("resize"))
    }

    /// Sets the bytes of `start..end` to zero that were written before the map was shrunk.
    fn clear_dirty(&self, regions: &RegionsGuard<'_>, start: usize, end: usize) -> Result<()> {
        let Some(dirty) = regions.dirty_span(start, end) else { return Ok(()) };
        let in_first_page = self.page_end(start) - start;
        let pages = dirty.rest(in_first_page);
        // The system's zero pages cost no memory. Where it has none, all bytes are written.
        let rest =
            if self.renew_pages(regions, pages) { dirty.part(0, in_first_page) } else { dirty };
        self.zero_locked(regions, rest)
    }

    /// Replaces the pages of `span`, which starts with a page, by zero pages. Returns whether that
    /// succeeded.
    fn renew_pages(&self, regions: &RegionsGuard<'_>, span: Span) -> bool {
        let Some(pages) = self.pages(regions, span, Rounding::Outward) else { return true };
        // A move that fails must not give them the protection that they had before.
        let is_recorded = !Pages::RENEWING_RESETS_PROTECTION
            || self.record_protection(regions, span, self.request.protection).is_ok();
        is_recorded && pages.renew(&self.request).is_ok()
    }

    /// The start of the first page at `at` or behind it.
    fn page_end(&self, at: usize) -> usize {
        at.next_multiple_of(self.request.page)
    }
}

/// Returns the length that a file is to have.
fn end_of_file(
    file: BorrowedFile<'_>,
    offset: u64,
    new_len: usize,
    file_end: FileEnd,
) -> Result<u64> {
    let end = self::file_end(offset, new_len)?;
    match file_end {
        FileEnd::Exact => Ok(end),
        FileEnd::AtLeast => Ok(end.max(sys::file::status_len(file).map_err(Error::os("resize"))?)),
    }
}

/// Returns the length of a file whose map, from `offset`, has `len` bytes.
pub(crate) fn file_end(offset: u64, len: usize) -> Result<u64> {
    let end = offset.checked_add(len as u64).filter(|&end| end <= sys::file::MAX_LEN);
    end.ok_or(Error::too_long(u64::MAX))
}
