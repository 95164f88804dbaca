//! The audit event of the constructor.

#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_longlong};

use pyo3::{ffi::Py_ssize_t, prelude::*};

unsafe extern "C" {
    // PyO3 does not declare it.
    fn PySys_Audit(event: *const c_char, format: *const c_char, ...) -> c_int;
}

/// Raises the audit event `mmap.__new__`. Returns the exception of an audit hook.
pub(crate) fn audit(
    py: Python<'_>,
    fileno: c_int,
    length: isize,
    access: c_int,
    offset: i64,
) -> PyResult<()> {
    let (event, format) = (c"mmap.__new__".as_ptr(), c"iniL".as_ptr());
    let (length, offset) = (length as Py_ssize_t, offset as c_longlong);
    // SAFETY: attached (`py`); the types of the arguments match the format.
    match unsafe { PySys_Audit(event, format, fileno, length, access, offset) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}
