//! The class `Reading`.

use std::{any::Any, time::Instant};

use pyo3::{PyTraverseError, PyVisit, prelude::*};
use safemap::{Error, PATIENCE};

use super::super::{FileMap, base};
use crate::{
    error::to_exception,
    ffi::Lock,
    ipc::timeout::{Timeout, in_slices},
};

/// A block in which no commit is applied to the file, in a `with` statement. Map.reading() returns
/// it.
#[pyclass(frozen, module = "safemap")]
pub(crate) struct Reading {
    pub(super) map: Py<FileMap>,
    /// One guard for each block that has begun: blocks of the same object may be nested.
    pub(super) held: Lock<Vec<Held>>,
}

type Held = Box<dyn Any + Send + Sync>;

#[pymethods]
impl Reading {
    /// Begins the block, and returns the map.
    fn __enter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, FileMap>> {
        let map = self.map.bind(py);
        let mut held = Some(begin(map)?);
        self.held.with(py, |all| all.extend(held.take()));
        Ok(map.clone())
    }

    /// Ends the block.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) {
        let _ = (exc_type, exc_value, traceback);
        let held = self.held.with(py, Vec::pop);
        py.detach(|| drop(held));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

/// Waits for a commit that is being applied, and while the writer of an incomplete one is open, as
/// long as the map's timeout permits; for a commit at least as the core does.
fn begin(map: &Bound<'_, FileMap>) -> PyResult<Held> {
    let (py, timeout) = (map.py(), map.get().timeout);
    let deadline = timeout.and_then(Timeout::deadline);
    let patience = timeout.map(|timeout| timeout.at_least(PATIENCE));
    let held = in_slices(py, patience, |slice| {
        base(map).run_detached(py, |map| match map.begin_reading_within(slice) {
            Err(Error::HasWriter { .. }) if deadline.is_none_or(|end| Instant::now() < end) => {
                Ok(None)
            }
            held => Ok(held?.map(|held| Box::new(held) as Held)),
        })
    })?;
    let held = held.ok_or_else(|| to_exception(Error::HasWriter { call: "reading" }))?;
    // Buffers keep their memory, because a map for reading that moves leaves it mapped.
    base(map).change_len(py, |map, _| map.follow_commits())?;
    Ok(held)
}
