//! How channels are opened and created.

use std::{ffi::OsString, fs::File};

use pyo3::{
    exceptions::{PyOSError, PyValueError},
    prelude::*,
    sync::PyOnceLock,
    types::PyString,
};
use safemap::{
    Error,
    ipc::{self, ChannelOptions},
};

use super::{Channel, exception};
use crate::{
    argument::Unsigned,
    constants::ACCESS_WRITE,
    error::{created, value_error},
    ffi::audit,
    os::borrow_file,
};

#[pymethods]
impl Channel {
    #[new]
    #[pyo3(signature = (path = None, capacity = None, *, max_messages = None, permissions = 0o600))]
    fn construct(
        py: Python<'_>,
        path: Option<&Bound<'_, PyAny>>,
        capacity: Option<Unsigned>,
        max_messages: Option<Unsigned<u64>>,
        permissions: u32,
    ) -> PyResult<Channel> {
        let options = options(capacity, max_messages, permissions)?;
        match path.map(Path::of).transpose()? {
            Some(path) => path.open(py, |path| options.open_or_create(path)),
            None => anonymous(py, &options),
        }
    }

    /// Opens a channel that exists.
    #[staticmethod]
    fn open(path: &Bound<'_, PyAny>) -> PyResult<Channel> {
        Path::of(path)?.open(path.py(), ipc::Channel::open)
    }

    /// Creates a channel. Raises FileExistsError if the path exists.
    #[staticmethod]
    #[pyo3(signature = (path, capacity = None, *, max_messages = None, permissions = 0o600))]
    fn create(
        path: &Bound<'_, PyAny>,
        capacity: Option<Unsigned>,
        max_messages: Option<Unsigned<u64>>,
        permissions: u32,
    ) -> PyResult<Channel> {
        let options = options(capacity, max_messages, permissions)?;
        Path::of(path)?.open(path.py(), |path| options.create(path))
    }

    /// Opens the channel of a descriptor that is open for reading and writing, such as one that
    /// another process has passed. The descriptor remains the caller's.
    #[staticmethod]
    fn from_fd(py: Python<'_>, fd: i32) -> PyResult<Channel> {
        let file = borrow_file(py, fd)?.try_clone_to_owned()?;
        audit(py, fd, 0, ACCESS_WRITE, 0)?;
        made(py, None, || ipc::Channel::from_file(File::from(file)))
    }
}

fn options(
    capacity: Option<Unsigned>,
    max_messages: Option<Unsigned<u64>>,
    permissions: u32,
) -> PyResult<ChannelOptions> {
    let mut options = ipc::Channel::options();
    options.permissions(permissions);
    if let Some(Unsigned(capacity)) = capacity {
        options.capacity(capacity);
    }
    match max_messages {
        Some(Unsigned(0)) => return Err(value_error("max_messages must be greater than 0")),
        Some(Unsigned(count)) => drop(options.max_messages(count)),
        None => {}
    }
    Ok(options)
}

fn anonymous(py: Python<'_>, options: &ChannelOptions) -> PyResult<Channel> {
    audit(py, -1, 0, ACCESS_WRITE, 0)?;
    made(py, None, || options.anonymous())
}

/// An absolute path.
struct Path<'py>(Bound<'py, PyString>);

impl<'py> Path<'py> {
    fn of(path: &Bound<'py, PyAny>) -> PyResult<Path<'py>> {
        let os = path.py().import("os")?;
        let path = os.call_method1("fsdecode", (path,))?;
        Ok(Path(os.getattr("path")?.call_method1("abspath", (path,))?.cast_into()?))
    }

    fn open(
        &self,
        py: Python<'_>,
        open: impl FnOnce(OsString) -> safemap::Result<ipc::Channel> + Send,
    ) -> PyResult<Channel> {
        let path: OsString = self.0.extract()?;
        if path.as_encoded_bytes().contains(&0) {
            return Err(PyValueError::new_err("embedded null character"));
        }
        py.import("sys")?.call_method1("audit", ("open", &self.0, py.None(), O_RDWR))?;
        made(py, Some(&self.0), || open(path))
    }
}

/// As the function `open` of Python reports that a file is opened for reading and writing.
const O_RDWR: i32 = 2;

fn made(
    py: Python<'_>,
    path: Option<&Bound<'_, PyString>>,
    make: impl FnOnce() -> safemap::Result<ipc::Channel> + Send,
) -> PyResult<Channel> {
    let channel = py.detach(make).map_err(|error| error_of(py, path, error))?;
    let register = |name| py.import("safemap._channel")?.call_method0(name).map(Bound::unbind);
    REGISTERED.get_or_try_init(py, || register("_register"))?;
    if path.is_none() {
        PICKLED.get_or_try_init(py, || register("_register_pickling"))?;
    }
    Ok(Channel::new(channel, path.map(|path| path.clone().unbind())))
}

/// Set when the first channel is made: this process will leave its channels when it ends.
static REGISTERED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// Set when the first channel without a path is made.
static PICKLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Converts an error to an exception that names the file.
fn error_of(py: Python<'_>, path: Option<&Bound<'_, PyString>>, error: Error) -> PyErr {
    if let (Error::Format { cause, .. }, Some(path)) = (&error, path) {
        return PyValueError::new_err(format!("{path}: {cause}"));
    }
    let error = created(py, exception(py, error));
    if path.is_some() && error.is_instance_of::<PyOSError>(py) {
        // Only a subclass could refuse it.
        let _ = error.value(py).setattr("filename", path);
    }
    error
}

/// Leaves all channels of this process. The next use of one joins again.
#[pyfunction]
#[pyo3(name = "_leave_channels")]
pub(crate) fn leave_channels(py: Python<'_>) {
    py.detach(ipc::leave_channels);
}
