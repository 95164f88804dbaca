//! Growing by writing, and while buffers of the memory exist.

use pyo3::{exceptions::PyBufferError, prelude::*};
use safemap::{Error, Map};

use super::{FileMap, base};
use crate::{
    error::{buffers_exist, created, to_exception},
    ffi::with_bytes,
    file::unsupported_operation,
    mmap::Mmap,
};

#[pymethods]
impl FileMap {
    /// Writes `data` at the end of the file, makes the map longer, and returns the offset of the
    /// data in the map. The position is neither used nor changed.
    ///
    /// Other processes never read zeros in place of data to come, but may read a part of it. If the
    /// disk is full, file and map are unchanged. Threads take turns; one map may append to a
    /// file at a time.
    ///
    /// Raises io.UnsupportedOperation if the map does not end at the end of the file, for a
    /// descriptor with O_APPEND and in the mode c, TypeError for a read-only map, BufferError if a
    /// buffer of the memory exists and the map would have to move.
    #[pyo3(signature = (data, /))]
    fn append(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        with_bytes(data, |bytes| {
            base(slf).change_len(slf.py(), |map, in_place| match in_place {
                true => map.in_place().append(bytes),
                false => map.append(bytes),
            })
        })
    }
}

impl Mmap {
    /// Writes `bytes` at `at`, behind the end of a map that [grows](Mmap::grows).
    #[cold]
    pub(crate) fn write_behind(&self, py: Python<'_>, bytes: &[u8], at: usize) -> PyResult<()> {
        self.change_len(py, |map, in_place| match in_place {
            true => map.in_place().write_growing(bytes, at),
            false => map.write_growing(bytes, at),
        })
    }

    /// Runs a call that changes the length. While buffers exist, it must not move the map, and gets
    /// true as second argument.
    pub(super) fn change_len<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map, bool) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        let exception = |error| match error {
            Error::InUse { .. } => buffers_exist(),
            Error::Unsupported(reason) => unsupported_operation(py, (reason,)),
            error => to_exception(error),
        };
        let changed = match self.reserve {
            // The core knows the buffers of a writer. Those of a reader may stay behind.
            _ if self.transactional => self.map.grow(py, |map, _| call(map, false), exception),
            0 => self.map.resize(py, |map| call(map, false), exception),
            _ => self.map.grow(py, call, exception),
        };
        changed.map_err(|error| created(py, error)).inspect_err(|error| self.explain(py, error))
    }

    /// Adds to a BufferError how many buffers exist, and what a reserve does.
    pub(super) fn explain(&self, py: Python<'_>, error: &PyErr) {
        if !error.is_instance_of::<PyBufferError>(py) {
            return;
        }
        let (count, reserve) = (self.map.exports(), self.reserve);
        let buffers =
            if count == 1 { "1 buffer exists" } else { &format!("{count} buffers exist") };
        let remedy = match reserve {
            0 => "a map that was opened with a reserve can grow nevertheless".to_owned(),
            _ => format!("the map can grow nevertheless up to its reserve of {reserve} bytes"),
        };
        let note = format!("{buffers} (memoryview, array); {remedy}");
        // Without a note the exception is still the right one.
        let _ = error.value(py).call_method1("add_note", (note,));
    }
}
