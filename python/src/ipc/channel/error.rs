//! The exceptions of channels.

use pyo3::{
    exceptions::{PyBrokenPipeError, PyConnectionResetError, PyEOFError, PyValueError},
    prelude::*,
};
use safemap::Error;

use crate::ipc::error::exception;

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
            (Error::TooLong { len, limit }, Side::Senders) => PyValueError::new_err(format!(
                "a message of {len} bytes is too long for the capacity of the channel, which \
                 allows {limit} bytes: create it with a larger one"
            )),
            (error, _) => exception(py, error),
        }
    }
}
