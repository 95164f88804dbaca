//! Shared memory with a name. The class `SharedMemory` is in `safemap/_shared_memory.py`.

use std::ffi::OsString;

use pyo3::{exceptions::PyOSError, prelude::*, types::PyString};
use safemap::{
    Error, Options,
    ipc::{remove_shared_memory, shared_memory_names},
};

use crate::{
    constants::ACCESS_WRITE,
    error::{created, to_exception, value_error},
    ffi::{ClassOf, audit},
    map::FileMap,
};

/// Maps shared memory. Creates it if `create` is true; then it must not exist if `exclusive` is
/// true. `size` is None for all of the memory.
#[pyfunction]
#[pyo3(name = "_open_shared_memory")]
pub(crate) fn open<'py>(
    name: &Bound<'py, PyString>,
    create: bool,
    exclusive: bool,
    size: Option<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, key) = (name.py(), name_of(name)?);
    audit(py, -1, isize::try_from(size.unwrap_or(0))?, ACCESS_WRITE, 0)?;
    let mut options = Options::new();
    options.create(create).create_new(create && exclusive);
    if let Some(size) = size {
        options.len(size);
    }
    let map = py.detach(|| options.shared_memory(key)).map_err(|error| exception(name, error))?;
    if map.is_empty() {
        // Another process has created it and not set its length yet, or was killed in between.
        return Err(value_error("cannot mmap an empty file"));
    }
    let map = FileMap::of_shared_memory(name, map);
    Ok(ClassOf::new(&py.get_type::<FileMap>())?.create(map)?.into_any())
}

/// Removes the name of shared memory.
#[pyfunction]
#[pyo3(name = "_unlink_shared_memory")]
pub(crate) fn unlink(name: &Bound<'_, PyString>) -> PyResult<()> {
    remove_shared_memory(name_of(name)?).map_err(|error| exception(name, error))
}

/// Returns the names of all shared memory.
#[pyfunction]
#[pyo3(name = "_shared_memory_names")]
pub(crate) fn names() -> PyResult<Vec<OsString>> {
    shared_memory_names().map_err(to_exception)
}

fn name_of(name: &Bound<'_, PyString>) -> PyResult<OsString> {
    let name: OsString = name.extract()?;
    match name.as_encoded_bytes().contains(&0) {
        true => Err(value_error("embedded null character")),
        false => Ok(name),
    }
}

/// Converts an error to an exception that has the name as its file name.
fn exception(name: &Bound<'_, PyString>, error: Error) -> PyErr {
    let (py, error) = (name.py(), created(name.py(), to_exception(error)));
    if error.is_instance_of::<PyOSError>(py) {
        // Only a subclass could refuse it.
        let _ = error.value(py).setattr("filename", name);
    }
    error
}
