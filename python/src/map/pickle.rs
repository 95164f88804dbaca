//! Pickling by reference: path, mode, offset and length, and the file that the path named.

use pyo3::{exceptions::PyTypeError, prelude::*};

use super::{FileMap, base, helpers::REOPEN, settings::Mode};

#[pymethods]
impl FileMap {
    /// Returns how to open the file again. Raises TypeError if it was not opened by path, or if
    /// the map has private changes (mode c).
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (this, base, py) = (slf.get(), base(slf), slf.py());
        base.ensure_open()?;
        let Some(file) = this.file.as_ref().filter(|_| this.mode != Mode::CopyOnWrite) else {
            return Err(PyTypeError::new_err(match this.file {
                None => "cannot pickle a map that was not opened by path",
                Some(_) => "cannot pickle a copy-on-write map",
            }));
        };
        if base.commits() {
            let text = "cannot pickle a transactional map that is open for writing";
            return Err(PyTypeError::new_err(text));
        }
        let size = if this.has_fixed_size { Some(base.length(py)?) } else { None };
        let reopen = REOPEN.get(py)?;
        let mode = this.mode.reopened().name();
        let class = slf.get_type();
        let (path, device, inode) = (&file.path, file.device, file.inode);
        let arguments = (class, path, mode, base.offset, size, device, inode, base.transactional);
        (reopen, arguments).into_pyobject(py).map(Bound::into_any)
    }

    /// Device and inode of the file, or None if the map was not opened by path.
    #[getter]
    fn _file_id(&self) -> Option<(u64, u64)> {
        self.file.as_ref().map(|file| (file.device, file.inode))
    }

    /// Raises TypeError: two maps of a file are not copies of each other.
    fn __copy__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("cannot copy a map: open the file again, or copy bytes(map)"))
    }

    /// Raises TypeError, as copy.copy() does.
    fn __deepcopy__(&self, memo: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = memo;
        self.__copy__()
    }
}
