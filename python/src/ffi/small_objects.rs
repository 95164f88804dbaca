//! Tables of the objects that the interpreter creates once per value: the ints up to 255 and the
//! `bytes` of length 1.
//!
//! The interpreter's functions take 20 and 35 instructions to find such an object, which is most of
//! the cost of `read_byte` and of a step of `for x in m`. A lookup in these tables takes two.

#![allow(unsafe_code)]

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

use pyo3::{ffi::PyObject, prelude::*, types::PyBytes};

use super::ReturnValue;

static INTS: [AtomicPtr<PyObject>; 256] = [const { AtomicPtr::new(ptr::null_mut()) }; 256];
static BYTES: [AtomicPtr<PyObject>; 256] = [const { AtomicPtr::new(ptr::null_mut()) }; 256];

/// Fills the tables. Must be called before the class can be used; the objects are never released.
pub(crate) fn fill_small_objects(py: Python<'_>) -> PyResult<()> {
    for byte in 0..=u8::MAX {
        INTS[usize::from(byte)].store(byte.into_pyobject(py)?.into_ptr(), Relaxed);
        BYTES[usize::from(byte)].store(PyBytes::new(py, &[byte]).into_ptr(), Relaxed);
    }
    Ok(())
}

/// Returns the int `value`.
#[inline]
pub(crate) fn small_int(_py: Python<'_>, value: u8) -> ReturnValue {
    new_reference(&INTS[usize::from(value)])
}

/// Returns the `bytes` object that consists of `byte`.
#[inline]
pub(crate) fn single_byte(_py: Python<'_>, byte: u8) -> ReturnValue {
    new_reference(&BYTES[usize::from(byte)])
}

/// Returns a new reference to the object in an entry of a table.
///
/// From CPython 3.12 on these objects are immortal, so their references are not counted.
#[inline]
fn new_reference(entry: &AtomicPtr<PyObject>) -> ReturnValue {
    let object = entry.load(Relaxed);
    #[cfg(not(Py_3_12))]
    // SAFETY: `fill_small_objects` stored a live object; the callers have a `Python` token.
    unsafe {
        pyo3::ffi::Py_INCREF(object)
    };
    ReturnValue(object)
}
