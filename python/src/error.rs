//! Exceptions, with CPython's types and texts.

use std::io;

use pyo3::{
    PyErrArguments, create_exception,
    exceptions::{PyBufferError, PyIndexError, PyMemoryError, PyOSError, PyRuntimeError, PyTypeError, PyValueError},
    prelude::*,
};
use safemap::Error;

use crate::os;

create_exception!(
    safemap,
    FaultError,
    PyOSError,
    "A byte of a map cannot be accessed: its file is shorter now, the disk is full, or the device failed.\n\n\
     `errno` is EFAULT, on Windows `winerror` what the system said; `offset` is the place of that byte in the map. Bytes before it were transferred.\n\n\
     A map made with repair=True raises it also when a reader of its memory met zeros in the place of that byte."
);

/// Translates an error of the core.
#[cold]
pub(crate) fn raise(error: Error) -> PyErr {
    match &error {
        Error::Os { source, .. } => os_error(source),
        Error::Fault { offset } | Error::Damaged { offset } => fault(&error, *offset),
        Error::Buffer { .. } => PyOSError::new_err(os::arguments(os::fault_code(&error), error.to_string())),
        // The methods check ranges themselves, and then another thread made the map shorter.
        Error::OutOfBounds { .. } => value("mmap was made shorter during the call"),
        Error::ReadOnly { .. } => read_only(),
        Error::Unaligned { .. } => errno(error.os_code().unwrap_or_default()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// The exception for a number of the system's, with the system's text. Python finds the subclass.
pub(crate) fn os_error(error: &io::Error) -> PyErr {
    if error.kind() == io::ErrorKind::OutOfMemory && error.raw_os_error().is_none() {
        return PyMemoryError::new_err(());
    }
    let text = error.to_string();
    let Some(code) = error.raw_os_error() else { return PyOSError::new_err(text) };
    // Rust appends the number to the text.
    let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text).to_owned();
    PyOSError::new_err(os::arguments(code, text))
}

/// The exception for a number of the system's that we know without asking it.
#[cold]
pub(crate) fn errno(code: i32) -> PyErr {
    os_error(&io::Error::from_raw_os_error(code))
}

fn fault(error: &Error, offset: usize) -> PyErr {
    FaultError::new_err(Fault { code: os::fault_code(error), text: error.to_string(), offset })
}

/// What makes the exception for a byte that cannot be accessed.
struct Fault {
    code: i32,
    text: String,
    offset: usize,
}

impl PyErrArguments for Fault {
    /// Makes the whole exception, which the interpreter takes as it is. No sooner: up to Python 3.11 that may collect garbage, and
    /// whatever this sets free may use the map of the call.
    fn arguments(self, py: Python<'_>) -> Py<PyAny> {
        let made = py.get_type::<FaultError>().call1(os::arguments(self.code, self.text)).and_then(|exception| {
            exception.setattr("offset", self.offset)?;
            // The same everywhere, whatever the system calls it.
            exception.setattr("errno", os::BAD_ADDRESS)?;
            Ok(exception.unbind())
        });
        made.unwrap_or_else(|failure| failure.into_value(py).into_any())
    }
}

/// The interpreter ends, and a thread that it left behind uses the map.
#[cold]
pub(crate) fn ending() -> PyErr {
    PyRuntimeError::new_err("mmap is used by a thread that has ended with the interpreter")
}

#[cold]
pub(crate) fn closed() -> PyErr {
    PyValueError::new_err("mmap closed or invalid")
}

#[cold]
pub(crate) fn exported(text: &'static str) -> PyErr {
    PyBufferError::new_err(text)
}

#[cold]
pub(crate) fn read_only() -> PyErr {
    PyTypeError::new_err("mmap can't modify a readonly memory map.")
}

#[cold]
pub(crate) fn out_of_range() -> PyErr {
    PyIndexError::new_err("mmap index out of range")
}

#[cold]
pub(crate) fn value(text: &'static str) -> PyErr {
    PyValueError::new_err(text)
}
