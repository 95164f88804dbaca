//! A mutex between processes that survives the crash of its owner.

pub(in crate::ipc) mod protocol;
#[cfg(test)]
mod tests;

use std::{
    cell::Cell,
    fmt, io,
    time::{Duration, Instant},
};

#[cfg(doc)]
use super::Liveness;
use super::mapped::Mapped;
use crate::{Access, Error, Map, Result, access::Update, sys::fork};
use protocol::{ID_SHIFT, Locked, PID, SIZE, first_exchange, last_exchange};

/// A mutual exclusion between processes that survives a crash of its owner.
///
/// It is 16 bytes of a shared, writable map of a file or memory file; all zeros means unlocked. Any
/// number of processes may use it, and of threads in each of them. The bytes contain no object of a
/// C library, so programs of different systems and libraries may share them.
///
/// # Crashes
///
/// If the owner ends without unlocking, however it ends, the next process gets the lock, and
/// [`MutexGuard::owner_died`] reports it: the data may be incomplete. It is reported to each later
/// owner too, until one calls [`MutexGuard::mark_consistent`]. The kernel says whether the owner
/// exists ([`Liveness`]): a process that is slow, stopped, or in a debugger keeps the lock.
///
/// # Restrictions
///
/// - It is not reentrant: a thread that locks it twice waits for itself.
/// - The lock belongs to the process. A thread that ends while it holds a guard blocks the others
///   until its process ends.
/// - Waiting threads get the lock in no particular order.
/// - Processes that can write the map can break the lock, not the memory safety of others.
/// - A panic is not a crash: it drops the guard, and later owners get no report.
/// - Threads that wait get no preference: the owner may lock again before one of them wakes up.
///
/// # Forked children
///
/// A child does not own the locks of its parent. A guard that it inherits has no effect. If a
/// signal handler forks while its thread locks or unlocks a mutex, the child must not return from
/// the handler: `fork` is not async-signal-safe (POSIX.1-2024).
///
/// # Platforms
///
/// Those of [`Liveness`] with native accessors: Linux, macOS and Windows on x86-64 and aarch64.
/// Elsewhere [`Error::Unsupported`].
///
/// # Examples
///
/// ```
/// use safemap::{Access, Error, Options, ipc::Mutex};
///
/// # let file = tempfile::NamedTempFile::new()?;
/// # std::fs::write(file.path(), [0; 64])?;
/// let map = Options::new().access(Access::Write).open(file.path())?;
/// let mutex = match Mutex::new(&map, 0) {
///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no such locks
///     mutex => mutex?,
/// };
/// let guard = mutex.lock()?;
/// if guard.owner_died() {
///     map.store(0_u64, 16)?; // repair the data
///     guard.mark_consistent();
/// }
/// map.store(map.load::<u64>(16)? + 1, 16)?;
/// guard.unlock()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "PTHREAD_MUTEX_ROBUST")]
#[derive(Clone, Copy)]
pub struct Mutex<'a> {
    map: &'a Map,
    at: usize,
}

/// The lock of a [`Mutex`], which is unlocked when the guard is dropped.
///
/// # Examples
///
/// ```
/// use safemap::{Error, ipc::{Mutex, MutexGuard}};
///
/// fn increase(map: &safemap::Map, guard: &MutexGuard<'_>) -> Result<(), Error> {
///     assert!(!guard.owner_died());
///     map.store(map.load::<u64>(16)? + 1, 16)
/// }
/// ```
#[must_use = "the mutex is unlocked when the guard is dropped"]
pub struct MutexGuard<'a> {
    mutex: Mutex<'a>,
    locked: Locked,
    /// Whether the next owner gets the same report.
    is_dirty: Cell<bool>,
}

impl<'a> Mutex<'a> {
    /// Returns a handle for the mutex at `at`, and joins the processes that use the map.
    ///
    /// Handles for the same bytes are the same mutex. Making one changes nothing in the map.
    ///
    /// # Errors
    ///
    /// - [`Error::OutOfBounds`] if the 16 bytes do not lie in the map; [`Error::Unaligned`] if
    ///   their address is not a multiple of 8.
    /// - [`Error::ReadOnly`] for a read-only map. [`Error::Unsupported`] for a private or anonymous
    ///   one: it would exclude no other process.
    /// - Those of [`Liveness::join`].
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    pub fn new(map: &'a Map, at: usize) -> Result<Mutex<'a>> {
        map.span_at("Mutex::new", at, SIZE)?;
        map.atomic::<u64>(at).map_err(|error| match error {
            Error::Unaligned { offset, multiple, .. } => {
                Error::Unaligned { call: "Mutex::new", offset, multiple }
            }
            error => error,
        })?;
        if map.access() == Access::Read {
            return Err(Error::ReadOnly { call: "Mutex::new" });
        }
        map.owner()?;
        Ok(Mutex { map, at })
    }

    /// The mutex at `at`, which is aligned and lies in a writable, shared map of a file.
    #[inline]
    pub(super) fn of_checked(map: &'a Map, at: usize) -> Mutex<'a> {
        Mutex { map, at }
    }

    /// Locks the mutex. Waits while another thread or process has it.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`], [`Error::Damaged`], [`Error::OutOfBounds`] if the map has become shorter,
    /// [`Error::Os`] if the program has closed the map's descriptor; in a forked child also those
    /// of [`Liveness::join`].
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    #[inline]
    pub fn lock(&self) -> Result<MutexGuard<'a>> {
        match self.lock_fast() {
            Some(guard) => Ok(guard),
            None => self.lock_slowly(),
        }
    }

    /// Fast path of the methods that lock. Returns `None` if the slow path is needed.
    #[inline(always)]
    fn lock_fast(&self) -> Option<MutexGuard<'a>> {
        let owner = self.map.owner_now()?;
        let (expected, new) = first_exchange(owner);
        let is_locked = self.map.try_exchange_and_note(self.at, expected, new, owner.pid)?;
        is_locked.then(|| self.guard(Locked { owner, owner_died: false }))
    }

    #[cold]
    fn lock_slowly(&self) -> Result<MutexGuard<'a>> {
        let locked = protocol::lock(&self.words("lock"), self.at, None)?;
        Ok(self.guard(locked.expect("a wait without a deadline ends with the lock")))
    }

    /// Locks the mutex if no thread or process has it, or if its owner has crashed. Otherwise
    /// returns `None`, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use safemap::{Access, Error, Options, ipc::Mutex};
    /// # let file = tempfile::NamedTempFile::new()?;
    /// # std::fs::write(file.path(), [0; 16])?;
    /// # let map = Options::new().access(Access::Write).open(file.path())?;
    /// # if Mutex::new(&map, 0).is_err() { return Ok(()); }
    /// let mutex = Mutex::new(&map, 0)?;
    /// let guard = mutex.try_lock()?.expect("no thread has it");
    /// assert!(mutex.try_lock()?.is_none());
    /// assert_eq!(mutex.holder()?, Some(std::process::id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_lock(&self) -> Result<Option<MutexGuard<'a>>> {
        if let Some(guard) = self.lock_fast() {
            return Ok(Some(guard));
        }
        let locked = protocol::try_lock(&self.words("try_lock"), self.at)?;
        Ok(locked.map(|locked| self.guard(locked)))
    }

    /// Locks the mutex, or returns `None` after `timeout`.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use safemap::{Access, Error, Options, ipc::Mutex};
    /// # let file = tempfile::NamedTempFile::new()?;
    /// # std::fs::write(file.path(), [0; 16])?;
    /// # let map = Options::new().access(Access::Write).open(file.path())?;
    /// # if Mutex::new(&map, 0).is_err() { return Ok(()); }
    /// let mutex = Mutex::new(&map, 0)?;
    /// use std::time::Duration;
    ///
    /// let guard = mutex.lock()?;
    /// assert!(mutex.lock_timeout(Duration::from_millis(5))?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock_timeout(&self, timeout: Duration) -> Result<Option<MutexGuard<'a>>> {
        if let Some(guard) = self.lock_fast() {
            return Ok(Some(guard));
        }
        let deadline = Instant::now().checked_add(timeout);
        let locked = protocol::lock(&self.words("lock_timeout"), self.at, deadline)?;
        Ok(locked.map(|locked| self.guard(locked)))
    }

    /// Returns the process id of the owner, or `None` if the mutex is unlocked. Only to be shown:
    /// the id may be that of another container, and the owner may change at any time.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`].
    ///
    /// # Examples
    ///
    /// See [`Mutex::try_lock`].
    pub fn holder(&self) -> Result<Option<u32>> {
        let word: u64 = self.map.load_word("holder", self.at)?;
        if word >> ID_SHIFT == 0 {
            return Ok(None);
        }
        self.map.load_word("holder", self.at + PID).map(Some)
    }

    /// Makes a guard again of what [`MutexGuard::keep`] has returned.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn guard_of(&self, kept: KeptLock) -> MutexGuard<'a> {
        self.guard(kept.0)
    }

    fn words(&self, call: &'static str) -> Mapped<'a> {
        Mapped { map: self.map, call, is_unlocking: false }
    }

    #[inline]
    fn guard(self, locked: Locked) -> MutexGuard<'a> {
        MutexGuard { mutex: self, locked, is_dirty: Cell::new(locked.owner_died) }
    }
}

/// A lock without a guard, for the Python package.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct KeptLock(Locked);

#[cfg(feature = "python-internals")]
impl KeptLock {
    /// As [`MutexGuard::owner_died`].
    #[must_use]
    pub fn owner_died(self) -> bool {
        self.0.owner_died
    }
}

impl MutexGuard<'_> {
    /// Returns whether an owner has crashed, and no owner since has marked the data consistent.
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    #[must_use]
    pub fn owner_died(&self) -> bool {
        self.locked.owner_died
    }

    /// Ends the report of a crash: later owners do not get it.
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    pub fn mark_consistent(&self) {
        self.is_dirty.set(false);
    }

    /// Unlocks the mutex, as dropping the guard does, and returns the error of that.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] and [`Error::OutOfBounds`]: the mutex stays locked until the map is dropped
    /// or the process ends. [`Error::Os`] if another process has taken the lock over, because this
    /// one counted as crashed: see the limits in [`Liveness`].
    ///
    /// # Examples
    ///
    /// See [`Mutex`].
    pub fn unlock(self) -> Result<()> {
        std::mem::ManuallyDrop::new(self).release()
    }

    /// Ends the guard without unlocking. [`Mutex::guard_of`] makes one again.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[must_use]
    pub fn keep(self) -> KeptLock {
        KeptLock(std::mem::ManuallyDrop::new(self).locked)
    }

    /// Whether this process has the lock: in a forked child its parent has it.
    #[inline]
    pub(super) fn is_of_this_process(&self) -> bool {
        fork::current() == self.locked.owner.forks
    }

    /// Fails in a forked child that inherits the guard.
    #[inline]
    pub(super) fn ensure_owned(&self, call: &'static str) -> Result<()> {
        match self.is_of_this_process() {
            true => Ok(()),
            false => Err(Error::Os { call, source: io::Error::other(OF_PARENT) }),
        }
    }

    #[inline]
    fn release(&self) -> Result<()> {
        if !self.is_of_this_process() {
            return Ok(());
        }
        let (expected, new) = last_exchange(self.locked, self.is_dirty.get());
        let exchange = Update::CompareExchange { expected, new };
        match self.mutex.map.try_update::<u64>(self.mutex.at, exchange) {
            Some(former) if former == expected => Ok(()),
            _ => self.release_slowly(),
        }
    }

    #[cold]
    fn release_slowly(&self) -> Result<()> {
        let Mutex { map, at } = self.mutex;
        let words = Mapped { map, call: UNLOCK, is_unlocking: true };
        match protocol::unlock(&words, at, self.locked, self.is_dirty.get())? {
            true => Ok(()),
            false => Err(Error::Os { call: UNLOCK, source: io::Error::other(TAKEN_OVER) }),
        }
    }
}

const OF_PARENT: &str = "the parent of this process has the lock";
const UNLOCK: &str = "unlock";
const TAKEN_OVER: &str = "another process has taken the lock over: this one counted as crashed";

impl Drop for MutexGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // `unlock` returns the error.
        let _ = self.release();
    }
}

impl fmt::Debug for Mutex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holder = self.holder().ok().flatten();
        f.debug_struct("Mutex").field("offset", &self.at).field("holder", &holder).finish()
    }
}

impl fmt::Debug for MutexGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mutex { at, .. } = self.mutex;
        f.debug_struct("MutexGuard")
            .field("offset", &at)
            .field("owner_died", &self.owner_died())
            .finish()
    }
}
