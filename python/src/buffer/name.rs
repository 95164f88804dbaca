//! The name of a class as C code knows it.

#![allow(unsafe_code)]

use std::ffi::CStr;

use pyo3::prelude::*;

/// Returns the name that CPython's own messages have for the class of `object`: with the module for a class of C code,
/// bare for one of Python.
pub(crate) fn class_name(object: &Bound<'_, PyAny>) -> String {
    // SAFETY: a live class, which `object` holds.
    let name = unsafe { (*object.get_type_ptr()).tp_name };
    // SAFETY: every class has a name, which lives as long.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}
