//! Positions of records, which are ints in Python.

use pyo3::{
    exceptions::{PyLookupError, PyOverflowError, PyValueError},
    prelude::*,
};
use safemap::ipc::Position;

/// The bits of a position.
const BITS: u32 = 96;

/// A position that a program has saved.
pub(super) struct Saved(pub(super) Position);

impl<'a, 'py> FromPyObject<'a, 'py> for Saved {
    type Error = PyErr;

    /// Raises LookupError for a number that no record has as its position.
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Saved> {
        match object.extract::<u128>() {
            Ok(number) if number >> BITS == 0 => Ok(Saved(Position::from(number))),
            Err(error) if !is_out_of_range(object.py(), &error) => Err(error),
            _ => Err(PyLookupError::new_err("no record has such a number as its position")),
        }
    }
}

/// Whether the number is negative, or too large.
fn is_out_of_range(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyOverflowError>(py) || error.is_instance_of::<PyValueError>(py)
}
