//! Opening by path, and waiting for the writer of the file.

use std::io::ErrorKind;

use pyo3::{
    PyClassInitializer,
    exceptions::{PyTimeoutError, PyTypeError, PyValueError},
    prelude::*,
};
use safemap::{Error, Map};

use super::{
    super::{FileIdentity, FileMap, settings::Settings},
    process,
};
use crate::{
    error::{Hint, to_exception},
    ffi::{ClassOf, audit},
    file::unsupported_operation,
    ipc::{
        path::Path,
        timeout::{Timeout, in_slices},
    },
    mmap::Mmap,
    os::fileno,
};

/// Creates a transactional map. `file` is a path.
pub(in super::super) fn open<'py>(
    class: &ClassOf<'_, 'py, FileMap>,
    file: &Bound<'py, PyAny>,
    settings: &Settings,
    timeout: Option<Timeout>,
) -> PyResult<Bound<'py, FileMap>> {
    let py = class.py();
    let name = py.import("os")?.call_method1("fspath", (file,));
    let name = name.map_err(|error| takes_path(file, error))?;
    let path = Path::as_it_is(&name)?;
    let map = wait_for_map(&path, settings, timeout)?;
    let file = identity(&path, &map)?;
    let base = Mmap::of_file(map, settings)?;
    let subclass = FileMap {
        name: name.unbind(),
        mode: settings.mode,
        has_fixed_size: settings.size.is_some(),
        is_locked: false,
        timeout,
        file,
    };
    let object = class.create(PyClassInitializer::from(base).add_subclass(subclass))?;
    process::register(object.as_super())?;
    if settings.mode.is_emptied() {
        object.as_super().get().set_first_size(py, settings.size)?;
    }
    Ok(object)
}

/// Has a TypeError say why a descriptor or a file object is not enough: the journal is beside the
/// file.
fn takes_path(file: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let is_other_type = error.is_instance_of::<PyTypeError>(file.py());
    match file.get_type().name().ok().filter(|_| is_other_type) {
        Some(name) => PyTypeError::new_err(format!("a transactional map takes a path, not {name}")),
        None => error,
    }
}

/// Opens the file, again and again while another map is open for writing and the timeout permits.
fn wait_for_map(path: &Path<'_>, settings: &Settings, timeout: Option<Timeout>) -> PyResult<Map> {
    let (py, mut options) = (path.py(), settings.options());
    audit(py, -1, 0, settings.mode.access(), 0)?;
    let target = path.audited(settings.mode.open_flags())?;
    let map =
        in_slices(py, timeout, |slice| match py.detach(|| options.timeout(slice).open(&target)) {
            Err(Error::HasWriter { .. }) => Ok(None),
            Err(Error::Os { source, .. }) if source.kind() == ErrorKind::Interrupted => Ok(None),
            map => map.map(Some).map_err(|error| exception(path, error)),
        })?;
    map.ok_or_else(|| {
        let error = exception(path, Error::HasWriter { call: "open" });
        match timeout.is_some_and(Timeout::is_zero) {
            true => Hint::Writer.add_to(py, error),
            false => error,
        }
    })
}

/// Converts an error to an exception that names the file: in its text if it has no `errno`.
fn exception(path: &Path<'_>, error: Error) -> PyErr {
    let name = path.as_object();
    match error {
        Error::Unsupported(reason) => {
            unsupported_operation(path.py(), (format!("{name}: {reason}"),))
        }
        Error::HasWriter { .. } => {
            PyTimeoutError::new_err(format!("{name}: another map has the file open for writing"))
        }
        Error::Format { cause, .. } => {
            PyValueError::new_err(format!("{name}: its commit journal: {cause}"))
        }
        error => path.error(error, |_, error| to_exception(error)),
    }
}

fn identity(path: &Path<'_>, map: &Map) -> PyResult<Option<FileIdentity>> {
    let Some(fileno) = fileno(map) else { return Ok(None) };
    FileIdentity::new(path.py(), fileno, path.as_object()).map(Some)
}

impl Mmap {
    /// Gives the map of a new or emptied file its length. A file that other maps use was not cut
    /// when it was opened: that is a commit.
    fn set_first_size(&self, py: Python<'_>, size: Option<usize>) -> PyResult<()> {
        let len = self.length(py)?;
        // Before the bytes are removed: the file system may refuse the length.
        if let Some(size) = size.filter(|&size| size > len && len > 0) {
            self.set_len(py, size)?;
        }
        if len > 0 {
            self.set_len(py, 0)?;
        }
        size.map_or(Ok(()), |size| self.set_len(py, size))
    }
}
