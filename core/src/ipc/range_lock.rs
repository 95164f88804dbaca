//! Locks of ranges of a map's file, between processes and between threads.

use std::{
    fmt, io,
    ops::{Range, RangeBounds},
    time::Duration,
};

use super::liveness::{has_locks, regular_file};
use crate::{
    Error, Map, Result,
    mode::LockKind,
    polling::Wait,
    sys::{file_lock::FileLock, token_id::CREATION_BYTE},
};

/// Returns whether this system has range locks: 64-bit Linux, macOS and Windows do.
///
/// # Examples
///
/// ```
/// assert!(safemap::ipc::has_range_locks() || !cfg!(windows));
/// ```
#[must_use]
pub fn has_range_locks() -> bool {
    has_locks()
}

/// A range of a file is locked until this is dropped, or the process ends.
///
/// [`Map::lock_range`] and others return it. It does not need the map any more, and may be dropped
/// by another thread.
///
/// Each guard has its own descriptor, so that no `close` of another one releases the lock.
/// Closing all descriptors of the process (`close_range`) does.
///
/// # Forked children
///
/// A guard is not valid in a forked child: the parent has the lock. Dropping it there has no effect
/// on the parent's lock, and the lock ends with the parent, also while the child runs. (A child
/// made by a raw `clone` or `_Fork` prolongs it, until it uses a map or runs another program.)
///
/// # Examples
///
/// ```
/// use safemap::{Map, ipc::{LockKind, RangeGuard}};
///
/// /// A record that no other process changes.
/// struct Record {
///     at: usize,
///     _guard: RangeGuard,
/// }
///
/// fn record(map: &Map, at: usize) -> safemap::Result<Record> {
///     Ok(Record { at, _guard: map.lock_range(at..at + 64, LockKind::Exclusive)? })
/// }
/// ```
#[must_use = "the range is unlocked when this is dropped"]
pub struct RangeGuard {
    /// None for an empty range.
    lock: Option<FileLock>,
    range: Range<u64>,
    kind: LockKind,
}

impl fmt::Debug for RangeGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (range, kind) = (&self.range, &self.kind);
        f.debug_struct("RangeGuard").field("range", range).field("kind", kind).finish()
    }
}

impl Map {
    /// Locks the bytes of `range` in the file, and waits while another guard excludes that.
    ///
    /// Shared locks exclude exclusive ones; an exclusive lock excludes all others that overlap it.
    /// Locks do not prevent any access: they are between programs that use them. The kernel
    /// releases them when a process ends, however it ends. The next owner of the lock does not
    /// learn that its predecessor was killed and may have written a part.
    ///
    /// Offsets are those of this map; the bytes are locked at their place in the file, so maps with
    /// different [offsets](Map::offset) agree. Threads exclude each other as processes do. A thread
    /// that waits for a range of which it has a guard itself waits for ever, and so do two that
    /// wait for each other: the kernel detects no deadlock. An empty range excludes nothing.
    ///
    /// # Locks of other programs
    ///
    /// On Unix these are the locks of `fcntl(2)`. So `fcntl.lockf` of Python and `lockf(3)` exclude
    /// guards and are excluded by them, also in the same process. Dropping a guard closes a
    /// descriptor of the file. By the rules of POSIX that releases the locks that this process took
    /// on the file with `F_SETLK`. `flock(2)` is independent, except on network file systems.
    ///
    /// # Platforms
    ///
    /// - *Linux*: the file is opened again through `/proc`, for an exclusive lock also for writing.
    ///   The process must have the permission. On an overlay file system opening for writing copies
    ///   the file up, which maps for reading that exist do not follow.
    /// - *Windows*: the system refuses to read or write a locked range by calls such as `ReadFile`.
    ///   Access through maps is not affected.
    /// - Elsewhere [`Error::Unsupported`], except on macOS.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`]. [`Error::Unsupported`] for anonymous memory and private maps, on
    /// systems without such locks, and for bytes from 2^62 - 1 on. [`Error::NoFile`] for
    /// [`untracked`](crate::Options::untracked) maps. [`Error::Os`], for example without permission
    /// to open the file again.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options, ipc::LockKind};
    ///
    /// # let file = tempfile::NamedTempFile::new()?;
    /// # std::fs::write(file.path(), [0; 100])?;
    /// # if !safemap::ipc::has_range_locks() { return Ok(()); }
    /// let map = Options::new().access(Access::Write).open(file.path())?;
    /// let guard = map.lock_range(..8, LockKind::Exclusive)?;
    /// map.store(map.load::<u64>(0)? + 1, 0)?;
    /// drop(guard);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "lockf")]
    pub fn lock_range(&self, range: impl RangeBounds<usize>, kind: LockKind) -> Result<RangeGuard> {
        let guard = self.open_lock("lock_range", range, kind)?;
        guard.wait().map_err(Error::os("lock_range"))?;
        Ok(guard)
    }

    /// Like [`Map::lock_range`], and returns `None` instead of waiting.
    ///
    /// # Errors
    ///
    /// As [`Map::lock_range`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options, ipc::LockKind};
    ///
    /// # let file = tempfile::NamedTempFile::new()?;
    /// # std::fs::write(file.path(), [0; 100])?;
    /// # if !safemap::ipc::has_range_locks() { return Ok(()); }
    /// let map = Options::new().access(Access::Write).open(file.path())?;
    /// let guard = map.lock_range(..8, LockKind::Exclusive)?;
    /// assert!(map.try_lock_range(7..9, LockKind::Shared)?.is_none());
    /// assert!(map.try_lock_range(8..9, LockKind::Shared)?.is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_lock_range(
        &self,
        range: impl RangeBounds<usize>,
        kind: LockKind,
    ) -> Result<Option<RangeGuard>> {
        let guard = self.open_lock("try_lock_range", range, kind)?;
        let is_locked = guard.try_once().map_err(Error::os("try_lock_range"))?;
        Ok(is_locked.then_some(guard))
    }

    /// Like [`Map::lock_range`], and returns `None` if the range is not free within `timeout`.
    ///
    /// Systems have no such call, so the thread asks again after sleeps of 50 µs to 5 ms. While
    /// other threads wait in [`Map::lock_range`], they get the lock first.
    ///
    /// # Errors
    ///
    /// As [`Map::lock_range`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use safemap::{Access, Options, ipc::LockKind};
    ///
    /// # let file = tempfile::NamedTempFile::new()?;
    /// # std::fs::write(file.path(), [0; 100])?;
    /// # if !safemap::ipc::has_range_locks() { return Ok(()); }
    /// let map = Options::new().access(Access::Write).open(file.path())?;
    /// let guard = map.lock_range(..8, LockKind::Shared)?;
    /// let timeout = Duration::from_millis(5);
    /// assert!(map.lock_range_timeout(.., LockKind::Exclusive, timeout)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_range_timeout(
        &self,
        range: impl RangeBounds<usize>,
        kind: LockKind,
        timeout: Duration,
    ) -> Result<Option<RangeGuard>> {
        let wait = Wait::within(timeout);
        let guard = self.open_lock("lock_range_timeout", range, kind)?;
        let is_locked = guard.try_within(&wait).map_err(Error::os("lock_range_timeout"))?;
        Ok(is_locked.then_some(guard))
    }

    /// Returns a guard whose range is not locked yet.
    fn open_lock(
        &self,
        call: &'static str,
        range: impl RangeBounds<usize>,
        kind: LockKind,
    ) -> Result<RangeGuard> {
        let file = regular_file(call, self)?;
        let span = self.span(call, range)?;
        let in_file = |at: usize| self.offset().checked_add(at as u64);
        let range = in_file(span.start()).zip(in_file(span.end()));
        let (start, end) = range
            .filter(|&(_, end)| end <= CREATION_BYTE)
            .ok_or(Error::Unsupported("bytes from 2^62 - 1 on cannot be locked"))?;
        let lock = (start < end).then(|| FileLock::open(file, kind));
        Ok(RangeGuard { lock: lock.transpose().map_err(Error::os(call))?, range: start..end, kind })
    }
}

impl RangeGuard {
    fn wait(&self) -> io::Result<()> {
        self.lock.as_ref().map_or(Ok(()), |lock| lock.lock(&self.range, self.kind))
    }

    fn try_once(&self) -> io::Result<bool> {
        self.lock.as_ref().map_or(Ok(true), |lock| lock.try_lock(&self.range, self.kind))
    }

    fn try_within(&self, wait: &Wait<'_>) -> io::Result<bool> {
        let attempt = || self.try_once().map(|is_locked| is_locked.then_some(()));
        wait.poll(attempt).map(|locked| locked.is_some())
    }
}
