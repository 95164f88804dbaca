//! Exceptions, with CPython's types and messages.

use std::io;

use pyo3::{
    PyErrArguments, create_exception,
    exceptions::{
        PyBufferError, PyIndexError, PyMemoryError, PyOSError, PyRuntimeError, PyTypeError,
        PyValueError,
    },
    prelude::*,
};
use safemap::Error;

use crate::os;

create_exception!(
    safemap,
    FaultError,
    PyOSError,
    "A byte of the map cannot be accessed: the file was truncated, the disk is full, or the\n\
     device failed.\n\n\
     `errno` is EFAULT; on Windows `winerror` is the code that the system reports. `offset` is\n\
     the offset of the byte in the map, or None in an exception that safemap did not raise.\n\
     The bytes before it were transferred.\n\n\
     For a map created with repair=True: also if the byte was replaced by zero when a buffer of\n\
     the memory was accessed."
);

/// Converts an error of the core to an exception.
#[cold]
pub(crate) fn to_exception(error: Error) -> PyErr {
    match &error {
        Error::Os { source, .. } => os_error(source),
        Error::Fault { offset } | Error::Damaged { offset } => fault(&error, *offset),
        Error::Buffer { .. } => {
            PyOSError::new_err(os::arguments(os::fault_code(&error), error.to_string()))
        }
        // The methods check ranges first, so another thread has shortened the map since.
        Error::OutOfBounds { .. } => value_error("mmap was made shorter during the call"),
        Error::ReadOnly { .. } => read_only(),
        Error::Unaligned { .. } => errno(error.raw_os_error().unwrap_or_default()),
        Error::TooLong { .. } => errno(os::NOT_ENOUGH_MEMORY),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// Converts an error of the operating system to an OSError, whose subclass Python selects.
pub(crate) fn os_error(error: &io::Error) -> PyErr {
    if error.kind() == io::ErrorKind::OutOfMemory && error.raw_os_error().is_none() {
        return PyMemoryError::new_err(());
    }
    let text = error.to_string();
    let Some(code) = error.raw_os_error() else { return PyOSError::new_err(text) };
    // Rust appends the code to the text.
    let text = text.strip_suffix(&format!(" (os error {code})")).unwrap_or(&text).to_owned();
    PyOSError::new_err(os::arguments(code, text))
}

/// Returns the OSError for an error code, without a call of the operating system that failed.
#[cold]
pub(crate) fn errno(code: i32) -> PyErr {
    os_error(&io::Error::from_raw_os_error(code))
}

fn fault(error: &Error, offset: usize) -> PyErr {
    let (code, text) = (os::fault_code(error), error.to_string());
    FaultError::new_err(Fault { code, text, offset: Some(offset) })
}

/// The exception for faults in maps that are closed or restored.
#[cold]
pub(crate) fn fault_without_map() -> PyErr {
    let text = "bytes of a map could not be accessed and were replaced with zero; the map was \
                closed or restored since";
    FaultError::new_err(Fault { code: os::BAD_ADDRESS, text: text.to_owned(), offset: None })
}

/// The arguments of a FaultError.
struct Fault {
    code: i32,
    text: String,
    offset: Option<usize>,
}

impl PyErrArguments for Fault {
    /// Creates the exception itself, which the interpreter accepts instead of its arguments.
    ///
    /// It is created as late as this because up to CPython 3.11 an allocation may start a garbage
    /// collection, and a finalizer may use the map of the current call.
    fn arguments(self, py: Python<'_>) -> Py<PyAny> {
        let exception = py.get_type::<FaultError>().call1(os::arguments(self.code, self.text));
        let exception = exception.and_then(|exception| {
            exception.setattr("offset", self.offset)?;
            // EFAULT on every system. Windows would derive another errno from `winerror`.
            exception.setattr("errno", os::BAD_ADDRESS)?;
            Ok(exception.unbind())
        });
        exception.unwrap_or_else(|error| error.into_value(py).into_any())
    }
}

/// The exception if the interpreter is finalized while a call waits for another thread.
#[cold]
pub(crate) fn finalized() -> PyErr {
    PyRuntimeError::new_err("mmap is in use by a thread that ended with the interpreter")
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
pub(crate) fn index_out_of_range() -> PyErr {
    PyIndexError::new_err("mmap index out of range")
}

/// Like [`to_exception`], but IndexError for an offset outside the map.
#[cold]
pub(crate) fn index_or_exception(error: Error) -> PyErr {
    match error {
        Error::OutOfBounds { .. } => index_out_of_range(),
        error => to_exception(error),
    }
}

#[cold]
pub(crate) fn value_error(text: &'static str) -> PyErr {
    PyValueError::new_err(text)
}
