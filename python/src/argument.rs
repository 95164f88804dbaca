//! Arguments of methods: given or not, and what they are.

use std::{
    convert::Infallible,
    ffi::{c_int, c_long},
};

use pyo3::{
    exceptions::{PyOverflowError, PyTypeError},
    prelude::*,
};

use crate::buffer;

/// An argument that may be left out. `None` is an argument like others.
pub(crate) struct Given<'a, 'py>(Option<Borrowed<'a, 'py, PyAny>>);

/// Stands for an argument that was left out.
pub(crate) const LEFT_OUT: Given<'static, 'static> = Given(None);

impl<'a, 'py> FromPyObject<'a, 'py> for Given<'a, 'py> {
    type Error = Infallible;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Given(Some(object)))
    }
}

impl Given<'_, '_> {
    /// Converts to a signed size; without one it is `default`.
    pub(crate) fn ssize_or(&self, default: isize) -> PyResult<isize> {
        self.0.map_or(Ok(default), |object| buffer::ssize(&object))
    }

    /// Converts to a C `int`; without one it is `default`.
    pub(crate) fn int_or(&self, default: c_int) -> PyResult<c_int> {
        self.0.map_or(Ok(default), |object| int(&object))
    }
}

/// Converts to a signed size; `None` and nothing are `None`.
pub(crate) fn optional_ssize(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<isize>> {
    object.map(buffer::ssize).transpose()
}

/// Converts to a C `int`.
pub(crate) fn int(object: &Bound<'_, PyAny>) -> PyResult<c_int> {
    let number = object.extract::<c_long>()?;
    c_int::try_from(number).map_err(|_| match number < 0 {
        true => PyOverflowError::new_err("signed integer is less than minimum"),
        false => PyOverflowError::new_err("signed integer is greater than maximum"),
    })
}

/// Converts to an unsigned byte.
pub(crate) fn byte(object: &Bound<'_, PyAny>) -> PyResult<u8> {
    match object.extract::<c_long>()? {
        byte @ 0..=255 => Ok(byte as u8),
        ..0 => Err(PyOverflowError::new_err("unsigned byte integer is less than minimum")),
        256.. => Err(PyOverflowError::new_err("unsigned byte integer is greater than maximum")),
    }
}

/// Converts to a number of bytes: `None`, nothing and negative numbers are `None`, for as many as there are.
pub(crate) fn count(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<usize>> {
    let Some(object) = object else { return Ok(None) };
    if !buffer::is_index(object) {
        let kind = buffer::class_name(object);
        return Err(PyTypeError::new_err(format!("argument should be integer or None, not '{kind}'")));
    }
    Ok(usize::try_from(buffer::subscript::<PyOverflowError>(object)?).ok())
}
