//! Writing the changed bytes of a map to the storage device.

use std::{io, ops::RangeBounds};

use crate::{
    Error, Map, Result,
    access::Rounding,
    map::Origin,
    mode::Stores,
    sys::{
        self,
        pages::{FlushMode, Pages},
    },
};

impl Map {
    /// Writes changed bytes of the map to the storage device, and waits until they are written.
    ///
    /// Does nothing for read-only and private maps, whose bytes are not written to a file. For a
    /// [transactional](crate::Options::transactional) map it is [`Map::commit`].
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if the system cannot write all bytes, for example because the disk is full or
    /// the device failed. Bytes may be lost then. Maps made from one [`File`](std::fs::File) share
    /// its error state: only the first of their flushes reports a loss. [`Error::Damaged`] for a
    /// damaged map.
    ///
    /// # Platforms
    ///
    /// - Linux (`MS_SYNC`): the bytes, and the metadata needed to read them, survive a power
    ///   failure.
    /// - macOS and the BSDs: the bytes have reached the device, which may keep them in a volatile
    ///   cache. [`Map::sync_all`] flushes this cache.
    /// - OpenBSD: processes that read the file see bytes written through a map only after a flush.
    /// - Windows (`FlushViewOfFile` and `FlushFileBuffers`): the bytes survive a power failure. If
    ///   the map is [`untracked`](crate::Options::untracked), they have reached the device only.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(4096).extend(true).map(&file)?;
    /// map.write_at(b"hello", 0)?;
    /// map.flush()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "msync")]
    #[doc(alias = "FlushViewOfFile")]
    pub fn flush(&self) -> Result<()> {
        match self.stores {
            Stores::Noted => self.commit_in("flush"),
            _ => self.flush_file("flush", FlushMode::Wait, ..),
        }
    }

    /// Does what [`Map::flush`] does, for the pages that contain bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], and as [`Map::flush`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(1 << 20).extend(true).map(&file)?;
    /// map.write_at(b"hello", 5000)?;
    /// map.flush_range(5000..5005)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_file("flush_range", FlushMode::Wait, range)
    }

    /// Asks the system to start writing changed bytes to the storage device, and does not wait.
    ///
    /// Does nothing for read-only and private maps.
    ///
    /// # Errors
    ///
    /// [`Error::Os`]; [`Error::Damaged`] for a damaged map.
    ///
    /// # Platforms
    ///
    /// On Linux this has no effect: the kernel writes changed pages in the background anyway
    /// (`MS_ASYNC`, msync(2)). Windows writes the bytes to the device and waits until it has
    /// accepted them, possibly into its cache (`FlushViewOfFile`).
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(4096).extend(true).map(&file)?;
    /// map.write_at(b"hello", 0)?;
    /// map.flush_async()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_async(&self) -> Result<()> {
        self.flush_file("flush_async", FlushMode::Later, ..)
    }

    /// Does what [`Map::flush_async`] does, for the pages that contain bytes of `range`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`], and as [`Map::flush_async`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(1 << 20).extend(true).map(&file)?;
    /// map.write_at(b"hello", 5000)?;
    /// map.flush_async_range(5000..5005)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_async_range(&self, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_file("flush_async_range", FlushMode::Later, range)
    }

    /// Calls `msync` with the given flags, for the pages that contain bytes of `range`.
    ///
    /// Does nothing for read-only and private maps.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]; [`Error::Os`], also for invalid flags; [`Error::Damaged`] for a
    /// damaged map.
    ///
    /// # Platforms
    ///
    /// Windows has no such flags. There they are ignored, and only `FlushViewOfFile` is called.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(4096).extend(true).map(&file)?;
    /// map.flush_with(libc::MS_SYNC | libc::MS_INVALIDATE, ..)?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "MS_INVALIDATE")]
    pub fn flush_with(&self, flags: i32, range: impl RangeBounds<usize>) -> Result<()> {
        self.flush_pages("flush_with", range, |pages| pages.flush_with(flags))
    }

    /// Does what [`Map::flush`] does, then what [`File::sync_all`](std::fs::File::sync_all) does.
    ///
    /// Afterwards all bytes written to the file by any means, and its length, survive a power
    /// failure. This may take much longer than `flush`.
    ///
    /// Does nothing for read-only and private maps.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if the map is [`untracked`](crate::Options::untracked); [`Error::Os`],
    /// also if the file system does not support it; [`Error::Damaged`] for a damaged map.
    ///
    /// # Platforms
    ///
    /// Calls `fsync`; on macOS `fcntl` with `F_FULLFSYNC`, which also flushes the drive's cache; on
    /// Windows `FlushFileBuffers`.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).map(&file)?;
    /// map.resize(4096)?;
    /// map.sync_all()?; // the length is durable too
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "fsync")]
    #[doc(alias = "F_FULLFSYNC")]
    #[doc(alias = "FlushFileBuffers")]
    pub fn sync_all(&self) -> Result<()> {
        if self.stores == Stores::Noted {
            self.commit_in("sync_all")?;
            return self.checkpoint();
        }
        let file = match &self.origin {
            Origin::File { file: Some(file), .. } if self.reaches_others() => sys::borrow(file),
            Origin::File { file: None, .. } => return Err(Error::NoFile { call: "sync_all" }),
            Origin::File { .. } | Origin::Memory => return Ok(()),
        };
        self.flush()?;
        sys::file::sync(file).map_err(Error::os("sync_all"))
    }

    fn flush_file(
        &self,
        call: &'static str,
        mode: FlushMode,
        range: impl RangeBounds<usize>,
    ) -> Result<()> {
        self.flush_pages(call, range, |pages| pages.flush(mode, self.file()))
    }

    fn flush_pages(
        &self,
        call: &'static str,
        range: impl RangeBounds<usize>,
        flush: impl FnOnce(Pages<'_>) -> io::Result<()>,
    ) -> Result<()> {
        let span = self.span(call, range)?;
        self.ensure_intact()?;
        self.ensure_no_changes()?;
        let in_use = self.enter(span)?;
        match self.reaches_others().then(|| self.pages(&in_use, span, Rounding::Outward)).flatten()
        {
            Some(pages) => flush(pages).map_err(Error::os(call)),
            None => Ok(()),
        }
    }
}
