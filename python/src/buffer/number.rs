//! Numbers from Python, with the interpreter's own rules and texts.

#![allow(unsafe_code)]

use super::Answer;
use pyo3::{
    PyTypeInfo, ffi,
    prelude::*,
    types::{PyInt, PySlice},
};

/// Whether `object` can be an index.
#[inline]
pub(crate) fn is_index(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a live object.
    object.is_exact_instance_of::<PyInt>() || unsafe { ffi::PyIndex_Check(object.as_ptr()) != 0 }
}

/// Converts an argument to a signed size. May run its `__index__`.
#[inline]
pub(crate) fn ssize(object: &Bound<'_, PyAny>) -> PyResult<isize> {
    if object.is_exact_instance_of::<PyInt>() {
        // SAFETY: attached, and it is an `int`.
        return checked(object.py(), unsafe { ffi::PyLong_AsSsize_t(object.as_ptr()) });
    }
    // SAFETY: attached, a live object.
    let int = unsafe { ffi::PyNumber_Index(object.as_ptr()) };
    // SAFETY: a new reference, or null with an exception set.
    let int = unsafe { Bound::from_owned_ptr_or_err(object.py(), int) }?;
    // SAFETY: attached, and it is an `int`.
    checked(object.py(), unsafe { ffi::PyLong_AsSsize_t(int.as_ptr()) })
}

/// Converts an index to a signed size; one that does not fit raises `too_big`. May run its `__index__`.
#[inline]
pub(crate) fn subscript<E: PyTypeInfo>(object: &Bound<'_, PyAny>) -> PyResult<isize> {
    if object.is_exact_instance_of::<PyInt>()
        && let Ok(index) = ssize(object)
    {
        return Ok(index);
    }
    let too_big = E::type_object(object.py());
    // SAFETY: attached; a live object and a class of exceptions.
    checked(object.py(), unsafe { ffi::PyNumber_AsSsize_t(object.as_ptr(), too_big.as_ptr()) })
}

/// Returns start, stop and step of a slice as they were meant for a sequence of any length. May run `__index__`.
#[inline]
pub(crate) fn slice(slice: &Bound<'_, PySlice>) -> PyResult<(isize, isize, isize)> {
    if let Some(parts) = parts(slice) {
        return Ok(parts);
    }
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: attached; a slice, and room for the three numbers.
    match unsafe { ffi::PySlice_Unpack(slice.as_ptr(), &mut start, &mut stop, &mut step) } {
        0 => Ok((start, stop, step)),
        _ => Err(PyErr::fetch(slice.py())),
    }
}

/// As [`slice`], of one that has nothing but small numbers, or nothing at all: what nearly every slice is, and quicker than asking
/// the interpreter.
#[inline]
pub(crate) fn parts(slice: &Bound<'_, PySlice>) -> Option<(isize, isize, isize)> {
    // SAFETY: it is a slice, which holds its three parts and never changes.
    let parts = unsafe { &*slice.as_ptr().cast::<ffi::PySliceObject>() };
    // SAFETY: a live object, which the slice holds.
    let part = |object| unsafe { Borrowed::from_ptr(slice.py(), object) };
    let number = |object: Borrowed<'_, '_, PyAny>, default| match object.is_none() {
        true => Some(default),
        false => small(&object),
    };
    match number(part(parts.step), 1)? {
        0 => None,
        step @ ..0 => Some((number(part(parts.start), isize::MAX)?, number(part(parts.stop), isize::MIN)?, step)),
        step => Some((number(part(parts.start), 0)?, number(part(parts.stop), isize::MAX)?, step)),
    }
}

/// The value of an `int` of no subclass and not too big, as nearly all are; anything else is `None`.
#[inline]
pub(crate) fn small(object: &Bound<'_, PyAny>) -> Option<isize> {
    if !object.is_exact_instance_of::<PyInt>() {
        return None;
    }
    #[cfg(all(Py_3_12, target_pointer_width = "64"))]
    {
        // SAFETY: an `int`, which never changes.
        compact(unsafe { &*object.as_ptr().cast() })
    }
    #[cfg(not(all(Py_3_12, target_pointer_width = "64")))]
    {
        ssize(object).ok()
    }
}

/// An `int` as C programs see it that are compiled for CPython from 3.12 on (`cpython/longintrepr.h`).
#[cfg(all(Py_3_12, target_pointer_width = "64"))]
#[repr(C)]
struct Digits {
    base: ffi::PyObject,
    /// The number of digits above three bits, the lowest two of which are the sign: 0, 1 for zero, 2 for minus.
    tag: usize,
    first: u32,
}

/// What `PyUnstable_Long_IsCompact` and `PyUnstable_Long_CompactValue` say in one. `PyLong_AsSsize_t` takes the double, and -1 takes
/// another call to tell it from an exception.
#[cfg(all(Py_3_12, target_pointer_width = "64"))]
#[inline]
fn compact(int: &Digits) -> Option<isize> {
    let sign = 1 - (int.tag & 3) as isize;
    (int.tag < 2 << 3).then_some(sign * int.first as isize)
}

/// An int.
#[inline]
pub(crate) fn integer(_py: Python<'_>, number: usize) -> Answer {
    // SAFETY: attached (`_py`).
    Answer(unsafe { ffi::PyLong_FromSize_t(number) })
}

/// What searches return that find nothing.
#[inline]
pub(crate) fn minus_one(_py: Python<'_>) -> Answer {
    // SAFETY: attached (`_py`).
    Answer(unsafe { ffi::PyLong_FromLong(-1) })
}

/// -1 is what C functions return along with an exception.
#[inline]
fn checked(py: Python<'_>, number: isize) -> PyResult<isize> {
    match number {
        -1 => PyErr::take(py).map_or(Ok(-1), Err),
        _ => Ok(number),
    }
}
