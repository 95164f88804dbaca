//! Changing the length.

use pyo3::prelude::*;

use super::{FileMap, base};
use crate::{
    error::value_error, ffi::ssize, file::unsupported_operation, memory::not_resizable, mmap::Mmap,
};

#[pymethods]
impl FileMap {
    /// Changes the length of the map, and that of the file to its end, to `newsize` bytes. On
    /// failure both are unchanged.
    ///
    /// Raises BufferError if a buffer of the memory exists and the map would become shorter or have
    /// to move, TypeError for a map that must not change its file.
    #[pyo3(signature = (newsize, /))]
    fn resize(slf: &Bound<'_, Self>, newsize: &Bound<'_, PyAny>) -> PyResult<()> {
        let newsize = usize::try_from(ssize(newsize)?);
        base(slf).ensure_open()?;
        if !slf.get().mode.is_writable() {
            return Err(not_resizable());
        }
        base(slf).set_len(slf.py(), newsize.map_err(|_| value_error("new size out of range"))?)
    }

    /// Sets the length of the map to the current length of the file, and returns it. The file is
    /// not modified. Read-only maps can be refreshed, too.
    ///
    /// Raises BufferError as resize() does, io.UnsupportedOperation for a map that was opened with
    /// a size or in the mode c. A transactional map in the mode r raises no BufferError: its
    /// buffers keep their memory, as in reading().
    fn refresh(slf: &Bound<'_, Self>) -> PyResult<usize> {
        base(slf).change_len(slf.py(), |map, in_place| match in_place {
            true => map.in_place().refresh(),
            false => map.refresh(),
        })
    }

    /// Sets the length of the map, and that of the file to its end, to `size` bytes, or to the
    /// position. Returns the length. The position does not change.
    ///
    /// Raises io.UnsupportedOperation for a map that was opened with a size or for reading,
    /// BufferError as resize() does.
    #[pyo3(signature = (size = None, /))]
    fn truncate(slf: &Bound<'_, Self>, size: Option<isize>) -> PyResult<usize> {
        let base = base(slf);
        base.ensure_open()?;
        if slf.get().has_fixed_size {
            let reason = "the map has a fixed size: use resize()";
            return Err(unsupported_operation(slf.py(), (reason,)));
        }
        let size = match size {
            Some(size) => usize::try_from(size).map_err(|_| value_error("negative size value"))?,
            None => base.position(),
        };
        if !slf.get().mode.is_writable() {
            return Err(unsupported_operation(slf.py(), ("truncate",)));
        }
        base.set_len(slf.py(), size).map(|()| size)
    }
}

impl Mmap {
    /// Sets the length of the map, and that of the file to its end. That of a transactional map is
    /// a commit.
    pub(super) fn set_len(&self, py: Python<'_>, len: usize) -> PyResult<()> {
        if self.transactional {
            let result = self.commit(py, |map| map.resize(len));
            return result.inspect_err(|error| self.explain(py, error));
        }
        self.change_len(py, |map, in_place| match in_place {
            true => map.in_place().resize(len),
            false => map.resize(len),
        })
    }
}
