//! The exceptions of journals.

use pyo3::{
    exceptions::{PyEOFError, PyLookupError, PyOSError},
    prelude::*,
};
use safemap::Error;

use crate::{file::unsupported_operation, ipc::error};

/// Converts an error of a journal.
#[cold]
pub(super) fn exception(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::Finished => PyEOFError::new_err(error.to_string()),
        Error::Cut { .. } => PyLookupError::new_err(error.to_string()),
        Error::Corrupt { .. } => PyOSError::new_err(error.to_string()),
        Error::ReadOnly { .. } => unsupported_operation(py, ("not writable",)),
        error => error::exception(py, error),
    }
}
