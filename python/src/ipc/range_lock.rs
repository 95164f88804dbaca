//! Locks of ranges of a map's file.

use std::ops::Range;

use pyo3::{
    exceptions::{PyTimeoutError, PyValueError},
    prelude::*,
    types::PyAny,
};
use safemap::{
    Error, Map,
    ipc::{LockKind, RangeGuard},
};

use super::timeout::{Timeout, in_slices};
use crate::{
    argument::{Truth, Unsigned},
    error::to_exception,
    ffi::Lock,
    file::unsupported_operation,
    map::{FileMap, base},
};

#[pymethods]
impl FileMap {
    /// Locks the bytes start..end, by default all, in the file. Waits while another lock excludes
    /// that, and returns a RangeLock: `with m.lock_range(0, 64): ...`.
    ///
    /// Locks exclude each other, not accesses: exclusive ones all others that overlap them,
    /// `shared` ones those that are not shared. The kernel releases a lock when its process ends,
    /// however it ends. Offsets are those of the map; maps with different offsets agree. Threads
    /// exclude each other as processes do: a thread that has a lock of the range itself waits for
    /// ever.
    ///
    /// Raises TimeoutError if `timeout` seconds have passed, ValueError if the range has no
    /// bytes or does not lie in the map, io.UnsupportedOperation in the mode c and on systems
    /// without such locks.
    #[pyo3(
        signature = (start = Unsigned(0), end = None, *, shared = Truth(false), timeout = None),
        text_signature = "($self, start=0, end=None, *, shared=False, timeout=None)"
    )]
    fn lock_range(
        slf: &Bound<'_, Self>,
        start: Unsigned,
        end: Option<Unsigned>,
        shared: Truth,
        timeout: Option<Timeout>,
    ) -> PyResult<RangeLock> {
        let (py, Unsigned(start), end) = (slf.py(), start, end.map(|Unsigned(end)| end));
        ensure_bytes(start..end.map_or_else(|| base(slf).length(py), Ok)?)?;
        let kind = if shared.0 { LockKind::Shared } else { LockKind::Exclusive };
        let guard = in_slices(py, timeout, |slice| {
            let lock = |map: &Map| {
                let range = start..end.unwrap_or(map.len());
                Ok(map.lock_range_timeout(range, kind, slice))
            };
            base(slf).run_detached(py, lock)?.map_err(|error| lock_error(py, error))
        })?;
        let guard = guard.ok_or_else(|| PyTimeoutError::new_err("the range is locked"))?;
        Ok(RangeLock { guard: Lock::new(Some(guard)) })
    }
}

/// Refuses a lock that would exclude no other.
fn ensure_bytes(range: Range<usize>) -> PyResult<()> {
    match range.is_empty() {
        true => Err(PyValueError::new_err(format!(
            "range {range:?} has no bytes: the arguments are its start and its end"
        ))),
        false => Ok(()),
    }
}

/// Converts the error of a lock.
fn lock_error(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::OutOfBounds { start, end, len, .. } => PyValueError::new_err(format!(
            "range {start}..{end} out of bounds for a map of {len} bytes"
        )),
        Error::Unsupported(reason) => unsupported_operation(py, (reason,)),
        error => to_exception(error),
    }
}

/// A lock of a range of a file, until release(), the end of a `with` block, or the end of the
/// process. Map.lock_range() returns it.
///
/// In a forked child it is the parent's lock: release() has no effect there.
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct RangeLock {
    guard: Lock<Option<RangeGuard>>,
}

#[pymethods]
impl RangeLock {
    /// Releases the lock. Does nothing if that was done before.
    fn release(&self, py: Python<'_>) {
        // A thread that has the value releases it.
        drop(self.guard.try_with(py, Option::take));
    }

    /// Returns the lock.
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Releases the lock.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) {
        let _ = (exc_type, exc_value, traceback);
        self.release(py);
    }
}
