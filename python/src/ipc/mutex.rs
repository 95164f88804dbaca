//! The class `safemap.ipc.Mutex`.

use std::{
    sync::{
        Mutex as StdMutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyIndexError, PyRuntimeError, PyValueError},
    prelude::*,
};
use safemap::{Error, Map, forks, ipc};

use super::{
    timeout::{Timeout, in_slices},
    words::word_error,
};
use crate::{
    argument::{OwnMap, Unsigned},
    error::closed,
    mmap::Mmap,
};

/// A mutual exclusion between processes and threads that survives a crash of its owner.
///
/// Mutex(map, offset)
///
/// It is 16 bytes of a shared, writable map of a file; all zeros means unlocked. If the owner ends
/// without unlocking, the next one gets the lock, and `owner_died` is true: the data may be
/// incomplete. This is so for each later owner until one calls mark_consistent(). A process that is
/// slow or stopped keeps the lock.
///
/// The mutex is not reentrant. A forked child does not own the locks of its parent. While it is
/// locked, or a thread waits for it, close() of the map raises BufferError. If the object is
/// deleted while it is locked, the mutex stays locked until the map is closed or the process ends.
/// An exception in the block is not a crash: later owners get no report.
///
/// Example::
///
///     mutex = safemap.ipc.Mutex(safemap.open("shared", "r+"), 0)
///     with mutex:  # waits for other processes
///         if mutex.owner_died:
///             repair()
///
/// Raises IndexError if the bytes do not lie in the map, ValueError for a misaligned offset, a
/// private or anonymous map, and where the system cannot say which processes exist, TypeError for a
/// read-only map.
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct Mutex {
    #[pyo3(get)]
    map: Py<Mmap>,
    #[pyo3(get)]
    offset: usize,
    /// The lock of this object, and the number of forks when it got it.
    held: StdMutex<Option<Held>>,
    owner_died: AtomicBool,
}

#[pymethods]
impl Mutex {
    #[new]
    fn new(map: OwnMap<'_>, offset: Unsigned) -> PyResult<Mutex> {
        let (OwnMap(map), Unsigned(offset)) = (map, offset);
        let join = |map: &Map| ipc::Mutex::new(map, offset).map(drop);
        map.get().map.with(map.py(), join, refusal)?;
        Ok(Mutex {
            map: map.unbind(),
            offset,
            held: StdMutex::new(None),
            owner_died: AtomicBool::new(false),
        })
    }

    /// Locks the mutex and returns True, or returns False after `timeout` seconds. With a timeout
    /// of 0 it does not wait.
    #[pyo3(signature = (timeout = None))]
    fn acquire(&self, py: Python<'_>, timeout: Option<Timeout>) -> PyResult<bool> {
        let mmap = self.map.get();
        // Counted before the wait: close() fails while a thread may be getting the lock.
        let counted = mmap.mutexes.count();
        let lock = in_slices(py, timeout, |slice| {
            mmap.run_detached(py, |map| Ok(self.lock(map, slice)))?.map_err(word_error)
        })?;
        let Some(lock) = lock else { return Ok(false) };
        if mmap.map.is_closed() {
            // Another thread closed it in between; the lock ends with the map.
            return Err(closed());
        }
        self.owner_died.store(lock.owner_died(), Relaxed);
        let (forks, is_dirty) = (forks(), lock.owner_died());
        *self.held() = Some(Held { lock, forks, is_dirty });
        std::mem::forget(counted);
        Ok(true)
    }

    /// Unlocks the mutex. Raises RuntimeError if it is not locked through this object.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let Some(held) = self.take() else { return Err(not_locked()) };
        let unlock = |map: &Map| {
            let guard = ipc::Mutex::new(map, self.offset)?.guard_of(held.lock);
            if !held.is_dirty {
                guard.mark_consistent();
            }
            guard.unlock()
        };
        let mmap = self.map.get();
        let unlocked = mmap.map.with(py, |map| Ok(unlock(map)), word_error)?;
        if matches!(unlocked, Err(Error::Fault { .. })) {
            // Still locked: another attempt may succeed.
            *self.held() = Some(held);
        } else {
            mmap.mutexes.sub();
        }
        unlocked.map_err(word_error)
    }

    /// Whether an owner has crashed, and no owner since has called mark_consistent().
    #[getter]
    fn owner_died(&self) -> bool {
        self.owner_died.load(Relaxed)
    }

    /// Ends the report of a crash: later owners do not get it.
    ///
    /// Raises RuntimeError if it is not locked through this object.
    fn mark_consistent(&self) -> PyResult<()> {
        match self.held().as_mut().filter(|held| held.forks == forks()) {
            Some(held) => held.is_dirty = false,
            None => return Err(not_locked()),
        }
        Ok(())
    }

    /// The process id of the owner, None if the mutex is unlocked. For humans only: it may be that
    /// of another container, and the owner may change at any time.
    #[getter]
    fn holder(&self, py: Python<'_>) -> PyResult<Option<u32>> {
        let holder = |map: &Map| ipc::Mutex::new(map, self.offset)?.holder();
        self.map.get().map.with(py, holder, word_error)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        slf.acquire(slf.py(), None)?;
        Ok(slf)
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _type: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // A forked child leaves the block, and its parent has the lock.
        let is_of_parent = self.held().as_ref().is_some_and(|held| held.forks != forks());
        if is_of_parent { Ok(()) } else { self.release(py) }
    }

    fn __repr__(&self) -> String {
        format!("safemap.ipc.Mutex(offset={})", self.offset)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

/// A lock, and what happens when it is released.
#[derive(Clone, Copy)]
struct Held {
    lock: ipc::KeptLock,
    forks: u64,
    is_dirty: bool,
}

impl Mutex {
    /// Locks the mutex; returns `None` after `slice`.
    fn lock(&self, map: &Map, slice: Duration) -> safemap::Result<Option<ipc::KeptLock>> {
        let guard = ipc::Mutex::new(map, self.offset)?.lock_timeout(slice)?;
        Ok(guard.map(ipc::MutexGuard::keep))
    }

    /// Takes the lock, if this process has it.
    fn take(&self) -> Option<Held> {
        self.held().take_if(|held| held.forks == forks())
    }

    /// Only threads that are attached to the interpreter lock the record, so that with the GIL no
    /// fork comes in between.
    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mutex {
    /// The mutex stays locked until the map is closed, which must be possible.
    fn drop(&mut self) {
        if self.take().is_some() {
            self.map.get().mutexes.sub();
        }
    }
}

/// Converts an error of the constructor. It has the numbers.
#[cold]
fn refusal(error: Error) -> PyErr {
    let text = error.to_string().replacen("Mutex::new", "Mutex", 1);
    match error {
        Error::OutOfBounds { .. } => PyIndexError::new_err(text),
        Error::Unaligned { .. } => PyValueError::new_err(text),
        error => word_error(error),
    }
}

#[cold]
fn not_locked() -> PyErr {
    PyRuntimeError::new_err("the mutex is not locked by this process through this object")
}

/// How many mutexes of a map this process has locked, or waits for. Those of its parent do not
/// count in a forked child.
pub(crate) struct LockedCount(AtomicU64);

/// Counts a mutex until it is dropped.
struct Counted<'a>(&'a LockedCount);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.sub();
    }
}

/// The upper half of a count is the number of forks.
const FORKS_SHIFT: u32 = 32;

impl LockedCount {
    pub(crate) const fn new() -> LockedCount {
        LockedCount(AtomicU64::new(0))
    }

    pub(crate) fn is_zero(&self) -> bool {
        current(self.0.load(SeqCst)) as u32 == 0
    }

    fn count(&self) -> Counted<'_> {
        self.change(|count| count + 1);
        Counted(self)
    }

    fn sub(&self) {
        // The count may be that of a parent.
        self.change(|count| if count as u32 == 0 { count } else { count - 1 });
    }

    fn change(&self, change: impl Fn(u64) -> u64) {
        loop {
            let before = self.0.load(SeqCst);
            let after = change(current(before));
            if self.0.compare_exchange(before, after, SeqCst, SeqCst).is_ok() {
                return;
            }
        }
    }
}

/// Returns the count, or 0 if it is that of a parent.
fn current(count: u64) -> u64 {
    let forks = forks() << FORKS_SHIFT;
    if count >> FORKS_SHIFT << FORKS_SHIFT == forks { count } else { forks }
}
