//! The value that a C function returns to the interpreter.

use pyo3::{ffi::PyObject, prelude::*};

/// A new reference to an object, or null if an exception is set.
///
/// It must be returned to the interpreter: dropping it does not release the reference.
#[must_use]
pub(crate) struct ReturnValue(pub(super) *mut PyObject);

impl ReturnValue {
    #[inline]
    pub(crate) fn none(py: Python<'_>) -> ReturnValue {
        ReturnValue(py.None().into_ptr())
    }

    /// Sets the exception and returns null.
    #[cold]
    pub(crate) fn raise(py: Python<'_>, error: PyErr) -> ReturnValue {
        error.restore(py);
        ReturnValue(std::ptr::null_mut())
    }
}

impl<T> From<Bound<'_, T>> for ReturnValue {
    #[inline]
    fn from(object: Bound<'_, T>) -> ReturnValue {
        ReturnValue(object.into_ptr())
    }
}
