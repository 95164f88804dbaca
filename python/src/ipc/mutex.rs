//! The class `safemap.ipc.Mutex`.

use std::{
    sync::atomic::{
        AtomicBool, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
    time::{Duration, Instant},
};

use pyo3::{PyTraverseError, PyVisit, exceptions::PyRuntimeError, prelude::*};
use safemap::{Map, forks, ipc};

use super::{timeout::Timeout, words::word_error};
use crate::mmap::Mmap;

/// The longest time without a check for signals, and during which close() has to wait.
const SLICE: Duration = Duration::from_millis(50);

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
/// locked through this object, the map cannot be closed. If the object is deleted while it is
/// locked, the mutex stays locked until the map is closed or the process ends.
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
    /// The number of forks plus one when this object locked the mutex; 0 if it has not.
    locked: AtomicU64,
    owner_died: AtomicBool,
    is_dirty: AtomicBool,
}

#[pymethods]
impl Mutex {
    #[new]
    fn new(map: &Bound<'_, Mmap>, offset: usize) -> PyResult<Mutex> {
        let join = |map: &Map| ipc::Mutex::new(map, offset).map(drop);
        map.get().map.with(map.py(), join, word_error)?;
        Ok(Mutex {
            map: map.clone().unbind(),
            offset,
            locked: AtomicU64::new(0),
            owner_died: AtomicBool::new(false),
            is_dirty: AtomicBool::new(false),
        })
    }

    /// Locks the mutex and returns True, or returns False after `timeout` seconds. With a timeout
    /// of 0 it does not wait.
    #[pyo3(signature = (timeout = None))]
    fn acquire(&self, py: Python<'_>, timeout: Option<Timeout>) -> PyResult<bool> {
        let deadline = timeout.and_then(Timeout::deadline);
        loop {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            let slice = left.map_or(SLICE, |left| left.min(SLICE));
            let lock = |map: &Map| Ok(self.lock(map, slice));
            if self.map.get().run_detached(py, lock)?.map_err(word_error)? {
                return Ok(true);
            }
            if left.is_some_and(|left| left <= SLICE) {
                return Ok(false);
            }
            py.check_signals()?;
        }
    }

    /// Unlocks the mutex. Raises RuntimeError if it is not locked through this object.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let owner = forks() + 1;
        if self.locked.compare_exchange(owner, 0, SeqCst, SeqCst).is_err() {
            return Err(PyRuntimeError::new_err("the mutex is not locked by this process"));
        }
        let is_dirty = self.is_dirty.load(Relaxed);
        let mmap = self.map.get();
        let unlock = |map: &Map| ipc::Mutex::new(map, self.offset)?.unlock_kept(is_dirty);
        let unlocked = mmap.map.with(py, unlock, word_error);
        mmap.mutexes.sub();
        unlocked
    }

    /// Whether an owner has crashed, and no owner since has called mark_consistent().
    #[getter]
    fn owner_died(&self) -> bool {
        self.owner_died.load(Relaxed)
    }

    /// Ends the report of a crash: later owners do not get it.
    fn mark_consistent(&self) {
        self.is_dirty.store(false, Relaxed);
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
        self.release(py)
    }

    fn __repr__(&self) -> String {
        format!("safemap.ipc.Mutex(offset={})", self.offset)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

impl Mutex {
    /// Locks the mutex and records that; returns false after `slice`. The fields are written while
    /// it is locked.
    fn lock(&self, map: &Map, slice: Duration) -> safemap::Result<bool> {
        let mutex = ipc::Mutex::new(map, self.offset)?;
        let Some(guard) = mutex.lock_timeout(slice)? else { return Ok(false) };
        let owner_died = guard.keep();
        self.map.get().mutexes.add();
        self.owner_died.store(owner_died, Relaxed);
        self.is_dirty.store(owner_died, Relaxed);
        self.locked.store(forks() + 1, SeqCst);
        Ok(true)
    }
}

/// How many mutexes of a map this process has locked. Those of its parent do not count in a forked
/// child.
pub(crate) struct LockedCount(AtomicU64);

/// The upper half of a count is the number of forks.
const FORKS_SHIFT: u32 = 32;

impl LockedCount {
    pub(crate) const fn new() -> LockedCount {
        LockedCount(AtomicU64::new(0))
    }

    pub(crate) fn is_zero(&self) -> bool {
        current(self.0.load(SeqCst)) as u32 == 0
    }

    fn add(&self) {
        self.change(|count| count + 1);
    }

    fn sub(&self) {
        self.change(|count| count - 1);
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
