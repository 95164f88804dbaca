//! Timeouts in seconds.

use std::time::{Duration, Instant};

use pyo3::{exceptions::PyValueError, prelude::*};

/// A time to wait, converted from seconds. A negative one is 0, as in the module threading.
pub(crate) struct Timeout(Duration);

impl Timeout {
    /// Returns the end of the wait; `None` if the clock does not have it.
    pub(crate) fn deadline(self) -> Option<Instant> {
        Instant::now().checked_add(self.0)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Timeout {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Timeout> {
        let seconds: f64 = object.extract()?;
        if seconds.is_nan() {
            return Err(PyValueError::new_err("timeout must not be NaN"));
        }
        Ok(Timeout(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)))
    }
}
