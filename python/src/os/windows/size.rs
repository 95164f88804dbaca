//! How much memory the object takes, which is more where it has a name.

use std::os::windows::ffi::OsStrExt;

use pyo3::prelude::*;

use crate::mmap::Mmap;

#[pymethods]
impl Mmap {
    /// Returns the size of the object in bytes, without that of what it maps.
    fn __sizeof__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let py = slf.py();
        let object: usize = py.get_type::<PyAny>().call_method1("__sizeof__", (slf,))?.extract()?;
        // A map that was closed has forgotten its name.
        let name = slf.get().run(py, |map| Ok(map.name().map_or(0, |name| name.encode_wide().count() + 1)));
        Ok(object + 2 * name.unwrap_or(0))
    }
}
