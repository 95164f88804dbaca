//! Small objects: the ints up to 255 and the `bytes` of one byte, of which the interpreter keeps one for each value.
//!
//! It hands them out by functions that take 20 and 35 instructions to find them, most of what `read_byte` and a step of `for x in m`
//! do; a table of our own takes two.

#![allow(unsafe_code)]

use std::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

use pyo3::{ffi::PyObject, prelude::*, types::PyBytes};

use super::Answer;

static INTS: [AtomicPtr<PyObject>; 256] = [const { AtomicPtr::new(ptr::null_mut()) }; 256];
static BYTES: [AtomicPtr<PyObject>; 256] = [const { AtomicPtr::new(ptr::null_mut()) }; 256];

/// Fills the tables, before anybody can use the class. The objects stay for ever.
pub(crate) fn keep_small(py: Python<'_>) -> PyResult<()> {
    for byte in 0..=u8::MAX {
        INTS[usize::from(byte)].store(byte.into_pyobject(py)?.into_ptr(), Relaxed);
        BYTES[usize::from(byte)].store(PyBytes::new(py, &[byte]).into_ptr(), Relaxed);
    }
    Ok(())
}

/// The int of that value.
#[inline]
pub(crate) fn one_int(_py: Python<'_>, value: u8) -> Answer {
    kept(&INTS[usize::from(value)])
}

/// The `bytes` object of one byte.
#[inline]
pub(crate) fn one_byte(_py: Python<'_>, byte: u8) -> Answer {
    kept(&BYTES[usize::from(byte)])
}

/// A new reference to the object in a place of a table. From 3.12 on it is immortal, and nobody counts its references.
#[inline]
fn kept(place: &AtomicPtr<PyObject>) -> Answer {
    let object = place.load(Relaxed);
    #[cfg(not(Py_3_12))]
    // SAFETY: an object that is kept (`keep_small`), and attached (the callers).
    unsafe {
        pyo3::ffi::Py_INCREF(object)
    };
    Answer(object)
}
