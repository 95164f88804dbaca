//! Conversion of arguments.

use std::{
    convert::Infallible,
    ffi::{c_int, c_long},
};

use pyo3::{
    exceptions::{PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyByteArray, PyBytes, PyIterator},
};

use crate::{ffi, mmap::Mmap};

/// An argument that can be omitted, for which `None` is not the same as omitting it.
pub(crate) struct Optional<'a, 'py>(Option<Borrowed<'a, 'py, PyAny>>);

/// The default of an [`Optional`] argument.
pub(crate) const OMITTED: Optional<'static, 'static> = Optional(None);

impl<'a, 'py> FromPyObject<'a, 'py> for Optional<'a, 'py> {
    type Error = Infallible;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Optional(Some(object)))
    }
}

impl Optional<'_, '_> {
    /// Converts to a signed size; `default` if omitted.
    pub(crate) fn ssize_or(&self, default: isize) -> PyResult<isize> {
        self.0.map_or(Ok(default), |object| ffi::ssize(&object))
    }

    /// Converts to a C `int`; `default` if omitted.
    pub(crate) fn int_or(&self, default: c_int) -> PyResult<c_int> {
        self.0.map_or(Ok(default), |object| int(&object))
    }
}

/// The truth value of any object, as the standard library takes its switches.
pub(crate) struct Truth(pub(crate) bool);

impl<'a, 'py> FromPyObject<'a, 'py> for Truth {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        object.is_truthy().map(Truth)
    }
}

/// A number of bytes, or an offset that does not count from the end.
pub(crate) struct Unsigned<T = usize>(pub(crate) T);

impl<'a, 'py, T: TryFrom<i64>> FromPyObject<'a, 'py> for Unsigned<T> {
    type Error = PyErr;

    /// Raises ValueError for a negative number, OverflowError for one that is too large.
    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let number: i64 = object.extract()?;
        T::try_from(number).map(Unsigned).map_err(|_| match number < 0 {
            true => PyValueError::new_err(format!("{number} is negative")),
            false => PyOverflowError::new_err(format!("{number} is too large")),
        })
    }
}

/// A map of this package.
pub(crate) struct OwnMap<'py>(pub(crate) Bound<'py, Mmap>);

impl<'a, 'py> FromPyObject<'a, 'py> for OwnMap<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        object.cast::<Mmap>().map(|map| OwnMap(map.to_owned())).map_err(|_| {
            // That of the standard library has the same name.
            let class = ffi::class_name(&object);
            PyTypeError::new_err(format!("a map of the package safemap is required, not '{class}'"))
        })
    }
}

/// Iterates over bytes-like objects. Raises TypeError for one of them: its items are numbers.
pub(crate) fn several<'py>(objects: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    if objects.is_instance_of::<PyBytes>() || objects.is_instance_of::<PyByteArray>() {
        let class = ffi::class_name(objects);
        return Err(PyTypeError::new_err(format!(
            "an iterable of bytes-like objects is required, not '{class}'"
        )));
    }
    objects.try_iter()
}

/// Converts to a signed size; `None` if the argument is omitted or is Python's `None`.
pub(crate) fn optional_ssize(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<isize>> {
    object.filter(|object| !object.is_none()).map(ffi::ssize).transpose()
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

/// Converts to a number of bytes. `None`, for all bytes, if the argument is omitted, is Python's
/// `None`, or is negative.
pub(crate) fn count(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<usize>> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(None) };
    if !ffi::is_index(object) {
        let class = ffi::class_name(object);
        return Err(PyTypeError::new_err(format!(
            "argument should be integer or None, not '{class}'"
        )));
    }
    Ok(usize::try_from(ffi::subscript::<PyOverflowError>(object)?).ok())
}

/// Fast path for arguments that are exactly `N` small ints.
#[inline]
pub(crate) fn try_small_ints<const N: usize>(arguments: &[Bound<'_, PyAny>]) -> Option<[isize; N]> {
    let arguments: &[_; N] = arguments.try_into().ok()?;
    let mut numbers = [0; N];
    for (number, object) in numbers.iter_mut().zip(arguments) {
        *number = ffi::try_small_int(object)?;
    }
    Some(numbers)
}
