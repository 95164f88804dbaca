//! The name of a class as C code sees it.

#![allow(unsafe_code)]

use std::ffi::CStr;

use pyo3::prelude::*;

/// Returns the class name of `object` as CPython's own messages show it: qualified by the module
/// for a class defined in C, unqualified for one defined in Python.
pub(crate) fn class_name(object: &Bound<'_, PyAny>) -> String {
    // SAFETY: `object` keeps its class alive.
    let name = unsafe { (*object.get_type_ptr()).tp_name };
    // SAFETY: `tp_name` is a C string that is valid as long as the class.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}
