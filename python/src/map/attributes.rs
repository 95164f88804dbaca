//! Attributes, and the text that describes a map.

use pyo3::{
    exceptions::{PyBufferError, PyValueError},
    prelude::*,
};
use safemap::Map;

use super::{FileMap, base};
use crate::{
    argument::Truth,
    error::{Hint, created},
};

#[pymethods]
impl FileMap {
    /// The path that was opened, or the number of the descriptor.
    #[getter]
    fn name(&self, py: Python<'_>) -> Py<PyAny> {
        self.name.clone_ref(py)
    }

    /// The byte of the file at which the map starts.
    #[getter]
    fn offset(slf: &Bound<'_, Self>) -> i64 {
        base(slf).offset
    }

    /// ACCESS_READ, ACCESS_WRITE or ACCESS_COPY.
    #[getter]
    fn access(slf: &Bound<'_, Self>) -> i32 {
        base(slf).access
    }

    /// The number of buffers (memoryview, array) that refer to the memory.
    #[getter]
    fn exports(slf: &Bound<'_, Self>) -> u64 {
        base(slf).map.exports()
    }

    /// Closes the map: later calls raise ValueError. Does nothing if it is closed already.
    ///
    /// While a buffer of the memory exists, BufferError is raised. If `detach` is true, the map is
    /// closed nevertheless, and its memory is unmapped when the last buffer has been released.
    /// Until then a transactional map keeps other maps from being opened for writing.
    #[pyo3(
        signature = (*, detach = Truth(false)),
        text_signature = "($self, *, detach=False)"
    )]
    fn close(slf: &Bound<'_, Self>, detach: Truth) -> PyResult<()> {
        base(slf).ensure_unlocked()?;
        match detach.0 {
            true => base(slf).map.detach(slf.py()),
            false => close(slf),
        }
    }

    /// Closes the map. If the block ends with an exception, the map is closed as by
    /// close(detach=True), and what prevents that is a note of the exception.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        slf: &Bound<'_, Self>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (_, has_failed) = (traceback, !exc_type.is_none());
        match Self::close(slf, Truth(has_failed)) {
            Err(error) if has_failed => {
                let text = format!("the map could not be closed: {}", created(slf.py(), error));
                // What refuses the note is less useful than the exception.
                let _ = exc_value.call_method1("add_note", (text,));
                Ok(())
            }
            result => result,
        }
    }

    /// Returns name, mode, length, position and defects. Asks the system for the file's length.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (this, base, py) = (slf.get(), base(slf), slf.py());
        let class = slf.get_type().fully_qualified_name()?;
        let (name, mode) = (this.name.bind(py).repr()?, this.mode.name());
        let transactional = if base.transactional { " transactional" } else { "" };
        let start = format!("<{class} name={name} mode='{mode}'{transactional}");
        // Only a closed map fails here.
        let described: PyResult<_> = base.run(py, |map| Ok((map.len(), defects(map))));
        Ok(match described.map_err(|error| created(py, error)) {
            Ok((len, defects)) => {
                format!("{start} length={len} pos={}{defects}>", base.position())
            }
            Err(error) if error.is_instance_of::<PyValueError>(py) => format!("{start} closed>"),
            Err(error) => return Err(error),
        })
    }
}

/// Closes a map without buffers.
fn close(map: &Bound<'_, FileMap>) -> PyResult<()> {
    let py = map.py();
    base(map).map.close(py).map_err(|error| match error.is_instance_of::<PyBufferError>(py) {
        true => Hint::Buffers.add_to(py, error),
        false => error,
    })
}

fn defects(map: &Map) -> String {
    if map.is_in_doubt() {
        return " in doubt".to_owned();
    }
    let damage = map.damage().map(|offset| format!(" damaged at {offset}"));
    let missing = missing(map);
    let missing = missing.map(|bytes| format!(" file is {bytes} bytes shorter"));
    [damage, missing].into_iter().flatten().collect()
}

/// Returns how many bytes the file is shorter than the map.
fn missing(map: &Map) -> Option<u64> {
    // What a transaction has appended is not in the file yet.
    if map.is_transactional() && map.verify().is_ok() {
        return None;
    }
    let end = map.offset() + map.len() as u64;
    map.file_len().ok().map(|len| end.saturating_sub(len)).filter(|&len| len > 0)
}
