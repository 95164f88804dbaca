//! The exceptions that channels and journals have in common.

use pyo3::{
    exceptions::{PyOSError, PyValueError},
    prelude::*,
};
use safemap::Error;

use crate::{error::to_exception, file::unsupported_operation};

/// Converts an error of a channel or a journal.
#[cold]
pub(super) fn exception(py: Python<'_>, error: Error) -> PyErr {
    match error {
        Error::TooLong { .. } => PyValueError::new_err(error.to_string()),
        Error::TooManyProcesses { .. } | Error::Locked { .. } => {
            PyOSError::new_err(error.to_string())
        }
        Error::Unsupported(reason) => unsupported_operation(py, (reason,)),
        error => to_exception(error),
    }
}
