//! `__sizeof__`, which includes the tag name as in CPython.

use std::os::windows::ffi::OsStrExt;

use pyo3::prelude::*;

use crate::mmap::Mmap;

#[pymethods]
impl Mmap {
    /// Returns the size of the object in bytes, without the mapped memory.
    fn __sizeof__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let py = slf.py();
        let object: usize = py.get_type::<PyAny>().call_method1("__sizeof__", (slf,))?.extract()?;
        // A closed map has no name.
        let name = slf
            .get()
            .run(py, |map| Ok(map.name().map_or(0, |name| name.encode_wide().count() + 1)));
        Ok(object + 2 * name.unwrap_or(0))
    }
}
