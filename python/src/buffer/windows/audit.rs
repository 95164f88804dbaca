//! The audit event of the constructor.

use std::ffi::c_int;

use pyo3::prelude::*;

/// Raises the audit event `mmap.__new__`; whatever a hook raises comes back.
///
/// By way of Python, because to link the C function one would have to know the name of the interpreter's library.
pub(crate) fn audit(py: Python<'_>, fileno: c_int, length: isize, access: c_int, offset: i64) -> PyResult<()> {
    py.import("sys")?.call_method1("audit", ("mmap.__new__", fileno, length, access, offset)).map(drop)
}
