//! Paths of the files of channels and journals.

use std::ffi::OsString;

use pyo3::{
    exceptions::{PyOSError, PyValueError},
    prelude::*,
    types::PyString,
};
use safemap::Error;

use crate::{error::created, file::unsupported_operation};

/// A path, which is absolute unless said otherwise.
pub(crate) struct Path<'py>(Bound<'py, PyString>);

impl<'py> Path<'py> {
    pub(crate) fn as_object(&self) -> &Bound<'py, PyAny> {
        &self.0
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.0.py()
    }

    pub(crate) fn of(path: &Bound<'py, PyAny>) -> PyResult<Path<'py>> {
        let os = path.py().import("os")?;
        let path = Path::as_it_is(path)?.0;
        if path.is_empty()? {
            // The system refuses it. As an absolute path it would be the current directory.
            return Ok(Path(path));
        }
        Ok(Path(os.getattr("path")?.call_method1("abspath", (path,))?.cast_into()?))
    }

    /// A path that may be relative.
    pub(crate) fn as_it_is(path: &Bound<'py, PyAny>) -> PyResult<Path<'py>> {
        let os = path.py().import("os")?;
        Ok(Path(os.call_method1("fsdecode", (path,))?.cast_into()?))
    }

    /// Calls `open`. `flags` are those that the function `open` of Python reports to audit hooks.
    pub(crate) fn open<T: Send>(
        &self,
        flags: i32,
        open: impl FnOnce(OsString) -> safemap::Result<T> + Send,
        exception: fn(Python<'_>, Error) -> PyErr,
    ) -> PyResult<T> {
        let path = self.audited(flags)?;
        self.0.py().detach(|| open(path)).map_err(|error| self.error(error, exception))
    }

    /// Returns the path for the system, after audit hooks have heard of it.
    pub(crate) fn audited(&self, flags: i32) -> PyResult<OsString> {
        let py = self.0.py();
        let path: OsString = self.0.extract()?;
        if path.as_encoded_bytes().contains(&0) {
            return Err(PyValueError::new_err("embedded null character"));
        }
        py.import("sys")?.call_method1("audit", ("open", &self.0, py.None(), flags))?;
        Ok(path)
    }

    /// Converts an error to an exception that names the file.
    pub(crate) fn error(&self, error: Error, exception: fn(Python<'_>, Error) -> PyErr) -> PyErr {
        let (py, path) = (self.0.py(), &self.0);
        match &error {
            Error::Format { cause, .. } => PyValueError::new_err(format!("{path}: {cause}")),
            Error::Unsupported(reason) => unsupported_operation(py, (format!("{path}: {reason}"),)),
            _ => with_path(exception(py, error), path),
        }
    }

    pub(crate) fn unbind(self) -> Py<PyString> {
        self.0.unbind()
    }
}

/// Has an OSError with an errno name a file.
#[cold]
pub(super) fn with_path(error: PyErr, path: &Bound<'_, PyString>) -> PyErr {
    let py = path.py();
    let error = created(py, error);
    let value = error.value(py);
    // Without an errno, the text of the exception would show neither the file nor the reason.
    let has_errno = value.getattr("errno").is_ok_and(|errno| !errno.is_none());
    if error.is_instance_of::<PyOSError>(py) && has_errno {
        // Only a subclass could refuse it.
        let _ = value.setattr("filename", path);
    }
    error
}

/// Describes a file, or memory without a path, for `repr`.
pub(super) fn described(py: Python<'_>, path: Option<&Py<PyString>>) -> PyResult<String> {
    match path {
        Some(path) => Ok(format!("path={}", path.bind(py).repr()?)),
        None => Ok("in memory".to_owned()),
    }
}
