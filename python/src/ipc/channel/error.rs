//! The exceptions of channels.

use pyo3::{
    exceptions::{PyBrokenPipeError, PyConnectionResetError, PyEOFError, PyOSError, PyValueError},
    prelude::*,
};
use safemap::Error;

use crate::{error::to_exception, file::unsupported_operation};

/// A side of a channel.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Senders,
    Receivers,
}

impl Side {
    /// Converts an error of a call of this side. The types are those of `multiprocessing`.
    #[cold]
    pub(super) fn exception(self, py: Python<'_>, error: Error) -> PyErr {
        let text = error.to_string();
        match (error, self) {
            (Error::Disconnected { died: true }, _) => PyConnectionResetError::new_err(text),
            (Error::Disconnected { .. }, Side::Receivers) => PyEOFError::new_err(text),
            (Error::Disconnected { .. }, Side::Senders) => PyBrokenPipeError::new_err(text),
            (error, _) => exception(py, error),
        }
    }
}

/// Converts the error of a channel.
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
