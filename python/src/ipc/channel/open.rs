//! How channels are opened and created.

use std::{ffi::OsString, fs::File};

use pyo3::{prelude::*, sync::PyOnceLock};
use safemap::ipc::{self, ChannelOptions};

use super::Channel;
use crate::{
    argument::Unsigned,
    constants::ACCESS_WRITE,
    error::{created, value_error},
    ffi::audit,
    ipc::{error::exception, path::Path},
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
        match path {
            Some(path) => with_path(path, |path| options.open_or_create(path)),
            None => anonymous(py, &options),
        }
    }

    /// Opens a channel that exists.
    #[staticmethod]
    fn open(path: &Bound<'_, PyAny>) -> PyResult<Channel> {
        with_path(path, ipc::Channel::open)
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
        with_path(path, |path| options.create(path))
    }

    /// Opens the channel of a descriptor that is open for reading and writing, such as one that
    /// another process has passed. The descriptor remains the caller's.
    #[staticmethod]
    fn from_fd(py: Python<'_>, fd: i32) -> PyResult<Channel> {
        let file = borrow_file(py, fd)?.try_clone_to_owned()?;
        audit(py, fd, 0, ACCESS_WRITE, 0)?;
        without_path(py, || ipc::Channel::from_file(File::from(file)))
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
    without_path(py, || options.anonymous())
}

/// As the function `open` of Python reports that a file is opened for reading and writing.
const O_RDWR: i32 = 2;

/// Opens or creates the channel of a file.
fn with_path(
    path: &Bound<'_, PyAny>,
    open: impl FnOnce(OsString) -> safemap::Result<ipc::Channel> + Send,
) -> PyResult<Channel> {
    let file = Path::of(path)?;
    let channel = file.open(O_RDWR, open, exception)?;
    register(path.py())?;
    Ok(Channel::new(channel, Some(file.unbind())))
}

fn without_path(
    py: Python<'_>,
    make: impl FnOnce() -> safemap::Result<ipc::Channel> + Send,
) -> PyResult<Channel> {
    let channel = py.detach(make).map_err(|error| created(py, exception(py, error)))?;
    register(py)?;
    once(py, &PICKLED, "_register_pickling")?;
    Ok(Channel::new(channel, None))
}

fn register(py: Python<'_>) -> PyResult<()> {
    once(py, &REGISTERED, "_register")
}

/// Calls a function of `safemap._channel`, unless `done` is set.
fn once(py: Python<'_>, done: &PyOnceLock<Py<PyAny>>, name: &str) -> PyResult<()> {
    let call = || py.import("safemap._channel")?.call_method0(name).map(Bound::unbind);
    done.get_or_try_init(py, call).map(drop)
}

/// Set when the first channel is made: this process will leave its channels when it ends.
static REGISTERED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// Set when the first channel without a path is made.
static PICKLED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Leaves all channels of this process. The next use of one joins again.
#[pyfunction]
#[pyo3(name = "_leave_channels")]
pub(crate) fn leave_channels(py: Python<'_>) {
    py.detach(ipc::leave_channels);
}
