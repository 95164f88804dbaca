//! Conversions of ints, indices and slices, with the interpreter's rules and error messages.

#![allow(unsafe_code)]

use super::ReturnValue;
use pyo3::{
    PyTypeInfo, ffi,
    prelude::*,
    types::{PyInt, PySlice},
};

/// Whether `object` can be used as an index.
#[inline]
pub(crate) fn is_index(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    object.is_exact_instance_of::<PyInt>() || unsafe { ffi::PyIndex_Check(object.as_ptr()) != 0 }
}

/// Converts an argument to a signed size. May call its `__index__`.
#[inline]
pub(crate) fn ssize(object: &Bound<'_, PyAny>) -> PyResult<isize> {
    if object.is_exact_instance_of::<PyInt>() {
        // SAFETY: attached; the object is an `int`.
        return checked(object.py(), unsafe { ffi::PyLong_AsSsize_t(object.as_ptr()) });
    }
    // SAFETY: attached; a live object.
    let int = unsafe { ffi::PyNumber_Index(object.as_ptr()) };
    // SAFETY: a new reference, or null with an exception set.
    let int = unsafe { Bound::from_owned_ptr_or_err(object.py(), int) }?;
    // SAFETY: attached; `PyNumber_Index` returns an `int`.
    checked(object.py(), unsafe { ffi::PyLong_AsSsize_t(int.as_ptr()) })
}

/// Converts an index to a signed size. May call its `__index__`.
///
/// # Errors
///
/// `E` if the index does not fit; the exception that `__index__` raises.
#[inline]
pub(crate) fn subscript<E: PyTypeInfo>(object: &Bound<'_, PyAny>) -> PyResult<isize> {
    if object.is_exact_instance_of::<PyInt>() {
        if let Ok(index) = ssize(object) {
            return Ok(index);
        }
    }
    let overflow = E::type_object(object.py());
    // SAFETY: attached; a live object and an exception class.
    checked(object.py(), unsafe { ffi::PyNumber_AsSsize_t(object.as_ptr(), overflow.as_ptr()) })
}

/// Returns start, stop and step of a slice, not yet adjusted to a length. May call `__index__`.
pub(crate) fn slice_bounds(slice: &Bound<'_, PySlice>) -> PyResult<(isize, isize, isize)> {
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: attached; a slice, and three variables to write to.
    match unsafe { ffi::PySlice_Unpack(slice.as_ptr(), &mut start, &mut stop, &mut step) } {
        0 => Ok((start, stop, step)),
        _ => Err(PyErr::fetch(slice.py())),
    }
}

/// Fast path of [`slice_bounds`] for slices of small ints and `None`. Returns `None` if the slow
/// path is needed.
// Otherwise the compiler makes it a function, which costs a slice 20 instructions.
#[inline(always)]
pub(crate) fn try_slice_bounds(slice: &Bound<'_, PySlice>) -> Option<(isize, isize, isize)> {
    // SAFETY: the object is a slice; its three fields never change.
    let slots = unsafe { &*slice.as_ptr().cast::<ffi::PySliceObject>() };
    // SAFETY: a live object, to which the slice holds a reference.
    let bound = |object| unsafe { Borrowed::from_ptr(slice.py(), object) };
    let number = |object: Borrowed<'_, '_, PyAny>, default| match object.is_none() {
        true => Some(default),
        false => try_small_int(&object),
    };
    match number(bound(slots.step), 1)? {
        0 => None,
        step @ ..0 => Some((
            number(bound(slots.start), isize::MAX)?,
            number(bound(slots.stop), isize::MIN)?,
            step,
        )),
        step => {
            Some((number(bound(slots.start), 0)?, number(bound(slots.stop), isize::MAX)?, step))
        }
    }
}

/// Returns the value of a small `int`, or `None` for any other object, subclasses included.
#[inline]
pub(crate) fn try_small_int(object: &Bound<'_, PyAny>) -> Option<isize> {
    if !object.is_exact_instance_of::<PyInt>() {
        return None;
    }
    #[cfg(all(Py_3_12, target_pointer_width = "64"))]
    {
        // SAFETY: the object is an `int`, which never changes.
        compact_value(unsafe { &*object.as_ptr().cast() })
    }
    #[cfg(not(all(Py_3_12, target_pointer_width = "64")))]
    {
        ssize(object).ok()
    }
}

/// The layout of an `int` from CPython 3.12 on (`cpython/longintrepr.h`).
#[cfg(all(Py_3_12, target_pointer_width = "64"))]
#[repr(C)]
struct Long {
    base: ffi::PyObject,
    /// The number of digits, shifted by three bits. The lowest two bits are the sign: 0 for plus,
    /// 1 for zero, 2 for minus.
    tag: usize,
    first_digit: u32,
}

/// Combines `PyUnstable_Long_IsCompact` and `PyUnstable_Long_CompactValue`.
///
/// `PyLong_AsSsize_t` takes twice as long, and needs `PyErr_Occurred` to distinguish -1 from an
/// error.
#[cfg(all(Py_3_12, target_pointer_width = "64"))]
#[inline]
fn compact_value(long: &Long) -> Option<isize> {
    let sign = 1 - (long.tag & 3) as isize;
    (long.tag < 2 << 3).then_some(sign * long.first_digit as isize)
}

/// Returns a new int.
#[inline]
pub(crate) fn return_int(_py: Python<'_>, number: usize) -> ReturnValue {
    // SAFETY: attached (`_py`).
    ReturnValue(unsafe { ffi::PyLong_FromSize_t(number) })
}

/// Returns the int -1, the result of a search without a match.
#[inline]
pub(crate) fn minus_one(_py: Python<'_>) -> ReturnValue {
    // SAFETY: attached (`_py`).
    ReturnValue(unsafe { ffi::PyLong_FromLong(-1) })
}

/// Converts the return value of a C function that returns -1 when it sets an exception.
#[inline]
fn checked(py: Python<'_>, number: isize) -> PyResult<isize> {
    match number {
        -1 => PyErr::take(py).map_or(Ok(-1), Err),
        _ => Ok(number),
    }
}
