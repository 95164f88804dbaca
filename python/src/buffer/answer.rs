//! Answers: what a function written by hand returns to the interpreter.

use pyo3::{ffi::PyObject, prelude::*};

/// A new reference to an object, or null, and then the interpreter holds an exception.
///
/// Nothing is done when it is dropped: it has to be returned.
#[must_use]
pub(crate) struct Answer(pub(super) *mut PyObject);

impl Answer {
    #[inline]
    pub(crate) fn none(py: Python<'_>) -> Answer {
        Answer(py.None().into_ptr())
    }

    /// Leaves an exception with the interpreter.
    #[cold]
    pub(crate) fn raised(py: Python<'_>, error: PyErr) -> Answer {
        error.restore(py);
        Answer(std::ptr::null_mut())
    }
}
