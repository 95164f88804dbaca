//! Timeouts in seconds, and calls that wait.

use std::time::{Duration, Instant};

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyBool,
};

/// The longest time without a check for signals, and during which close() has to wait.
pub(crate) const SLICE: Duration = Duration::from_millis(50);

/// Calls `wait` with a time, again and again until it returns a value; `None` if the timeout comes
/// first. Between two calls the map is not in use, so that the handler of a signal can close it.
pub(crate) fn in_slices<R>(
    py: Python<'_>,
    timeout: Option<Timeout>,
    wait: impl FnMut(Duration) -> PyResult<Option<R>>,
) -> PyResult<Option<R>> {
    in_slices_of(py, SLICE, timeout, wait)
}

/// Like [`in_slices`], with another time between two calls.
pub(crate) fn in_slices_of<R>(
    py: Python<'_>,
    longest: Duration,
    timeout: Option<Timeout>,
    mut wait: impl FnMut(Duration) -> PyResult<Option<R>>,
) -> PyResult<Option<R>> {
    let deadline = timeout.and_then(Timeout::deadline);
    loop {
        let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
        let result = wait(left.map_or(longest, |left| left.min(longest)))?;
        if result.is_some() || left.is_some_and(|left| left <= longest) {
            return Ok(result);
        }
        py.check_signals()?;
    }
}

/// A time to wait, converted from seconds. A negative one is 0, as in the module threading.
#[derive(Clone, Copy)]
pub(crate) struct Timeout(Duration);

impl Timeout {
    pub(crate) const ZERO: Timeout = Timeout(Duration::ZERO);

    pub(crate) fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    pub(crate) fn at_least(self, least: Duration) -> Timeout {
        Timeout(self.0.max(least))
    }

    /// Returns the end of the wait; `None` if the clock does not have it.
    pub(crate) fn deadline(self) -> Option<Instant> {
        Instant::now().checked_add(self.0)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Timeout {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Timeout> {
        // Locks of the standard library take `blocking` in this place.
        if object.is_instance_of::<PyBool>() {
            return Err(PyTypeError::new_err("timeout must be a number of seconds, not a bool"));
        }
        let seconds: f64 = object.extract()?;
        if seconds.is_nan() {
            return Err(PyValueError::new_err("timeout must not be NaN"));
        }
        Ok(Timeout(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)))
    }
}
