//! The audit event of the constructor.

use std::ffi::c_int;

use pyo3::prelude::*;

/// Raises the audit event `mmap.__new__`. Returns the exception of an audit hook.
///
/// Calls `sys.audit`: linking to `PySys_Audit` would need the name of the interpreter's DLL.
pub(crate) fn audit(
    py: Python<'_>,
    fileno: c_int,
    length: isize,
    access: c_int,
    offset: i64,
) -> PyResult<()> {
    py.import("sys")?
        .call_method1("audit", ("mmap.__new__", fileno, length, access, offset))
        .map(drop)
}
