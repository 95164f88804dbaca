//! The class `Transaction`.

use pyo3::{PyTraverseError, PyVisit, prelude::*};
use safemap::Map;

use super::super::{FileMap, base};
use crate::{error::value_error, mmap::Mmap};

const CLOSED: &str = "the map was closed during the transaction, whose changes are lost";

/// A block of changes of a transactional map, in a `with` statement. Map.transaction() returns it.
#[pyclass(frozen, module = "safemap")]
pub(crate) struct Transaction {
    pub(super) map: Py<FileMap>,
}

#[pymethods]
impl Transaction {
    /// Begins the block, and returns the map.
    fn __enter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, FileMap>> {
        let map = self.map.bind(py);
        base(map).run_detached(py, Map::begin)?;
        Ok(map.clone())
    }

    /// Commits the changes of the block, or rolls them back after an exception.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (exc_value, traceback);
        let map = base(self.map.bind(py));
        if exc_type.is_none() {
            map.ensure_open().map_err(|_| value_error(CLOSED))?;
            return map.end_block(py);
        }
        // A map that was closed in the block has rolled back, and the exception says more.
        if map.ensure_open().is_err() { Ok(()) } else { map.run_detached(py, |map| map.end(false)) }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

impl Mmap {
    /// Commits the block. Rolls back if the wait for readers ends with an exception.
    fn end_block(&self, py: Python<'_>) -> PyResult<()> {
        let mut has_ended = false;
        let result = self.commit(py, |map| {
            has_ended = true;
            map.end(true)
        });
        if !has_ended {
            // The exception says why the block ends.
            let _ = self.run_detached(py, |map| map.end(false));
        }
        result
    }
}
