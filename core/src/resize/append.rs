//! Growing a map of a file by writing behind its end.

use super::{
    file_end,
    growth::{Moves, in_call},
};
use crate::{
    Error, Map, Result,
    map::Origin,
    sys::{
        self, BorrowedFile, fork,
        in_use::Unviewed,
        region::{self},
    },
};

/// Bytes to write from `at` of a map on, beyond its end.
#[derive(Clone, Copy)]
struct Tail<'a> {
    call: &'static str,
    bytes: &'a [u8],
    at: usize,
    file: BorrowedFile<'a>,
    /// The map starts at this byte of the file.
    offset: u64,
}

impl Map {
    /// Writes `bytes` at the end of the file, by which the map grows, and returns their offset in
    /// the map.
    ///
    /// Other maps of the file never find zeros in place of bytes to come, as they may after
    /// [`Map::resize`] and [`Map::write_at`]. After [`Map::refresh`] they may find a part of
    /// `bytes`: records need a length or a delimiter.
    ///
    /// Address space and disk space are allocated first. So if the disk is full, file and map keep
    /// their length and their bytes. Should the write fail later, the file gets its old length
    /// again. Another map may have been refreshed in between; its calls then return
    /// [`Error::Fault`].
    ///
    /// Calls on several threads take turns, and `fork` waits for none of them. A child that is
    /// forked during the call has the old length; there, `append` fails until the map is refreshed.
    /// Only one map, of all processes, may append to a file at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the disk is full, or the file would be too long; [`Error::ReadOnly`];
    /// [`Error::Unsupported`] if the map does not end at the end of the file
    /// ([`Map::refresh`] helps, or the file has become shorter), if the descriptor was opened with
    /// `O_APPEND`, for private maps, devices and files of huge pages, and for memory without a
    /// file, which [`Map::grow`] and [`Map::write_at`] extend as well; [`Error::NoFile`] for an
    /// [`untracked`](crate::Options::untracked) map; [`Error::TooLong`]; [`Error::Damaged`].
    ///
    /// # Platforms
    ///
    /// Linux allocates the disk space with `fallocate`, macOS with `F_PREALLOCATE`. Where the file
    /// system or the operating system lacks this, other processes may find a part of the bytes for
    /// a moment before the call fails. On a network file system, processes on other computers may
    /// find zeros. Windows does not say in which order a write moves the end of
    /// a file and stores the bytes. There the call fails with [`Error::InUse`] while a
    /// [`View`](crate::View) of the map exists.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Map, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("journal");
    /// let journal = Options::new().access(Access::Write).create(true).open(&path)?;
    /// let reader = Map::open(&path)?;
    /// assert_eq!(journal.append(b"one\n")?, 0);
    /// assert_eq!(journal.append(b"two\n")?, 4);
    /// assert_eq!(reader.refresh()?, 8);
    /// assert_eq!(reader.to_vec(4..)?, b"two\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(&self, bytes: &[u8]) -> Result<usize> {
        self.append_with(bytes, Moves::Allowed)
    }

    /// Writes `bytes` at `at`, as a file is written: bytes that reach beyond the end of the map
    /// make it longer.
    ///
    /// These bytes are written as by [`Map::append`], with the same guarantees and errors. The
    /// others are stored as by [`Map::write_at`], after that. The map need not end at the end of
    /// the file: bytes that another process has appended there are replaced as far as `bytes`
    /// reaches, and the file never becomes shorter. Zeros fill a gap before `at`.
    ///
    /// # Errors
    ///
    /// As [`Map::append`] if the map grows, and [`Map::write_at`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let map = Options::new().access(Access::Write).map(&tempfile::tempfile()?)?;
    /// map.write_growing(b"abcd", 0)?;
    /// map.write_growing(b"xyz", 2)?;
    /// assert_eq!(map.to_vec(..)?, b"abxyz");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn write_growing(&self, bytes: &[u8], at: usize) -> Result<()> {
        self.write_growing_with(bytes, at, Moves::Allowed)
    }

    pub(super) fn append_with(&self, bytes: &[u8], moves: Moves) -> Result<usize> {
        #[cfg(unix)]
        if self.notes_stores() {
            return self.append_pending(bytes, moves);
        }
        let _turn = self.growing.lock();
        let tail = self.tail("append", bytes, self.len())?;
        let file_len = sys::file::status_len(tail.file).map_err(Error::os("append"))?;
        if file_len != tail.offset + tail.at as u64 {
            return Err(Error::Unsupported(
                "the map does not end at the end of its file: refresh it",
            ));
        }
        self.write_tail(&tail, moves)?;
        Ok(tail.at)
    }

    pub(super) fn write_growing_with(&self, bytes: &[u8], at: usize, moves: Moves) -> Result<()> {
        #[cfg(unix)]
        if self.notes_stores() {
            return self.write_growing_pending(bytes, at, moves);
        }
        let turn = self.growing.lock();
        let inside = self.len().saturating_sub(at).min(bytes.len());
        let (inside, tail) = bytes.split_at(inside);
        if !tail.is_empty() {
            let tail = self.tail("write_growing", tail, at.saturating_add(inside.len()))?;
            self.write_tail(&tail, moves)?;
        }
        drop(turn);
        if inside.is_empty() { Ok(()) } else { self.write_at(inside, at) }
    }

    /// Returns what to write, if the map and its descriptor allow it.
    fn tail<'a>(&'a self, call: &'static str, bytes: &'a [u8], at: usize) -> Result<Tail<'a>> {
        self.ensure_writable(call)?;
        self.ensure_intact()?;
        self.ensure_inherited()?;
        let Origin::File { file, offset } = &self.origin else {
            return Err(Error::Unsupported("memory without a file has no end to write behind"));
        };
        let file = sys::borrow(file.as_ref().ok_or(Error::NoFile { call })?);
        self.ensure_end_can_move(call, file)?;
        Ok(Tail { call, bytes, at, file, offset: *offset })
    }

    fn ensure_end_can_move(&self, call: &'static str, file: BorrowedFile<'_>) -> Result<()> {
        let is_regular = sys::file::regular_len(file).map_err(Error::os(call))?.is_some();
        if !self.reaches_others() {
            Err(Error::Unsupported("a private map of a file cannot be extended"))
        } else if !is_regular || self.request.page > sys::page_size() || self.name.is_some() {
            Err(Error::Unsupported("only a regular file can be extended by writing"))
        } else if sys::file::only_appends(file).map_err(Error::os(call))? {
            Err(Error::Unsupported("a descriptor with O_APPEND does not write at an offset"))
        } else {
            Ok(())
        }
    }

    /// Writes behind the end of the map, and publishes the new length. The caller has the lock
    /// `growing`.
    fn write_tail(&self, tail: &Tail<'_>, moves: Moves) -> Result<()> {
        if tail.bytes.is_empty() {
            return Ok(());
        }
        let new_len = tail.at.saturating_add(tail.bytes.len());
        let end = file_end(tail.offset, new_len)?;
        self.ensure_stays(tail.call, new_len, moves)?;
        sys::file::ensure_size_is_allowed(end).map_err(Error::os(tail.call))?;
        let old_end = sys::file::status_len(tail.file).map_err(Error::os(tail.call))?;
        let _no_views = self.reserve_addresses(tail, new_len).map_err(in_call(tail.call))?;
        fork::step();
        let written = self.write_file(tail, end).and_then(|()| self.publish(tail, new_len));
        written.inspect_err(|_| restore_len(tail.file, old_end, end))
    }

    /// Maps addresses for the bytes to come. Where that is impossible, excludes what would prevent
    /// it after the write.
    fn reserve_addresses(&self, tail: &Tail<'_>, new_len: usize) -> Result<Option<Unviewed<'_>>> {
        let mut regions = self.lock_regions();
        if !region::OUTGROWS_FILES {
            return regions.exclude_views().map(Some);
        }
        let start = Some((tail.file, tail.offset - self.memory.lead() as u64));
        if let Some(region) = self.larger_region(&mut regions, new_len, start)? {
            regions.move_to(region);
        }
        Ok(None)
    }

    fn write_file(&self, tail: &Tail<'_>, end: u64) -> Result<()> {
        let start = tail.offset + tail.at as u64;
        let reserved = sys::file::reserve_space(tail.file, start, end);
        fork::step();
        let written = reserved.and_then(|()| sys::file::write_at(tail.file, tail.bytes, start));
        fork::step();
        written.map_err(Error::os(tail.call))
    }

    /// Cannot fail where the addresses were reserved.
    fn publish(&self, tail: &Tail<'_>, new_len: usize) -> Result<()> {
        let mut regions = self.lock_regions();
        if new_len <= regions.capacity() {
            regions.set_len(new_len);
            return Ok(());
        }
        let start = Some((tail.file, tail.offset - self.memory.lead() as u64));
        let view = self.map_view_of(start, new_len).map_err(in_call(tail.call))?;
        regions.replace(view, new_len, 0)
    }
}

/// Gives the file the length again that it had before bytes were written up to `end`, or a part of
/// them, and releases the space. If another process has appended bytes behind them, the file stays.
fn restore_len(file: BorrowedFile<'_>, old_end: u64, end: u64) {
    if end > old_end && sys::file::status_len(file).is_ok_and(|len| (old_end..=end).contains(&len))
    {
        // The first error is the one to report.
        let _ = sys::file::set_len(file, old_end);
    }
}
