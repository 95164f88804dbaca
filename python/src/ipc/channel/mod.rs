//! The class `safemap.ipc.Channel`.

mod error;
mod open;
mod receiver;
mod sender;

use std::sync::Arc;

use pyo3::{prelude::*, types::PyString};
use safemap::ipc;

use super::{
    error::exception,
    path::described,
    pool::{Handle, Pool, Pools},
};
use crate::{
    error::{finalized, value_error},
    ffi::Lock,
};
use error::Side;
pub(crate) use open::leave_channels;
pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;

/// Messages of bytes from many senders to many receivers, of any number of processes.
///
/// Channel(path=None, capacity=None, *, max_messages=None, permissions=0o600)
///
/// A channel is a file, with a ring of `capacity` bytes (1 MiB unless said otherwise, rounded up to
/// a power of two). Opens the file, or creates it; a file that exists must have the capacity and
/// `max_messages`, if they are given. Without a path the channel is in memory (Linux), which
/// processes get by inheritance, pickling or descriptor.
///
/// Each message goes to one receiver. A process may crash at any instruction: the others continue,
/// and no message is torn, or delivered twice. 64 processes may send and 64 may receive at once.
/// The file is never removed.
///
/// At the end of a `with` statement the channel is closed, with its senders and receivers.
///
/// Example::
///
///     channel = safemap.ipc.Channel("work")  # a file, which each process opens
///     channel.sender().send(b"a message")  # in one process
///     for message in channel.receiver():  # in another one
///         handle(message)
///
/// Raises ValueError for a file that is not such a channel, OSError from the system,
/// io.UnsupportedOperation on systems and file systems without channels.
#[pyclass(frozen, weakref, module = "safemap.ipc")]
pub(crate) struct Channel {
    open: Lock<Option<Open>>,
    /// The absolute path, or `None` for memory.
    #[pyo3(get)]
    path: Option<Py<PyString>>,
    capacity: usize,
}

struct Open {
    channel: ipc::Channel,
    ends: Pools,
}

#[pymethods]
impl Channel {
    /// Returns a Sender. The process takes part as one that sends until all of them are closed or
    /// deleted.
    ///
    /// Raises OSError if 64 processes send already.
    fn sender(slf: &Bound<'_, Self>) -> PyResult<Sender> {
        Ok(Sender::new(slf, slf.get().end(slf.py())?))
    }

    /// Returns a Receiver. The process takes part as one that receives until all of them are
    /// closed or deleted.
    ///
    /// Raises OSError if 64 processes receive already.
    fn receiver(slf: &Bound<'_, Self>) -> PyResult<Receiver> {
        Ok(Receiver::new(slf, slf.get().end(slf.py())?))
    }

    /// The bytes of the ring.
    #[getter]
    fn capacity(&self, py: Python<'_>) -> PyResult<usize> {
        self.channel(py).map(|channel| channel.capacity())
    }

    /// The greatest length of a message.
    #[getter]
    fn longest_message(&self, py: Python<'_>) -> PyResult<usize> {
        self.channel(py).map(|channel| channel.longest_message())
    }

    /// The greatest number of messages in the channel, None if only the capacity limits them.
    #[getter]
    fn max_messages(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        self.channel(py).map(|channel| channel.max_messages())
    }

    /// Returns whether no message is in the channel. See len().
    fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        self.call(py, ipc::Channel::is_empty)
    }

    /// Returns a named tuple: how many processes are `senders`, and `receivers`. It may have
    /// changed when the call returns: show it, do not decide by it.
    fn peers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let peers = self.call(py, ipc::Channel::peers)?;
        let class = py.import("safemap._channel")?.getattr("Peers")?;
        class.call1((peers.senders, peers.receivers))
    }

    /// Returns the descriptor of the file, for example to pass it to a child. It remains the
    /// channel's.
    #[cfg(unix)]
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        use std::os::fd::AsRawFd;

        self.channel(py).map(|channel| channel.file().as_raw_fd())
    }

    /// Closes the channel in this process, with its senders and receivers. Calls of them that wait
    /// raise ValueError.
    fn close(&self, py: Python<'_>) {
        let Some(Some(open)) = self.open.with(py, Option::take) else { return };
        open.ends.close(py);
        // A forked child has a copy of each handle that another thread of its parent was using.
        py.detach(|| open.channel.leave());
    }

    /// Returns the number of messages. It may have changed when the call returns: show it, do not
    /// decide by it.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.call(py, ipc::Channel::len).map(|len| len as usize)
    }

    /// Returns True, also for an empty channel.
    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().channel(slf.py())?;
        Ok(slf)
    }

    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) {
        let _ = (exc_type, exc_value, traceback);
        self.close(py);
    }

    /// Returns how another process opens the channel: by its path, or by a descriptor that
    /// multiprocessing passes. Raises TypeError for a channel without path elsewhere.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("safemap._channel")?.call_method1("_reduce", (slf,))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let file = described(py, self.path.as_ref())?;
        let closed = if self.channel(py).is_ok() { "" } else { " closed" };
        Ok(format!("<safemap.ipc.Channel {file} capacity={}{closed}>", self.capacity))
    }
}

impl Channel {
    fn new(channel: ipc::Channel, path: Option<Py<PyString>>) -> Channel {
        let capacity = channel.capacity();
        Channel { open: Lock::new(Some(Open { channel, ends: Pools::default() })), path, capacity }
    }

    /// Raises ValueError if the channel is closed.
    fn channel(&self, py: Python<'_>) -> PyResult<ipc::Channel> {
        let channel = self.open.with(py, |open| open.as_ref().map(|open| open.channel.clone()));
        channel.ok_or_else(finalized)?.ok_or_else(|| value_error("the channel is closed"))
    }

    fn call<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&ipc::Channel) -> safemap::Result<R>,
    ) -> PyResult<R> {
        call(&self.channel(py)?).map_err(|error| exception(py, error))
    }

    /// Makes the handles of a sender or receiver, which close() will close.
    fn end<H>(&self, py: Python<'_>) -> PyResult<Arc<Pool<H>>>
    where
        H: Handle<Source = ipc::Channel> + 'static,
    {
        let pool = Arc::new(Pool::<H>::new(py, self.channel(py)?, self.path.as_ref())?);
        match self.open.with(py, |open| open.as_mut().map(|open| open.ends.add(&pool))) {
            Some(Some(())) => Ok(pool),
            _ => Err(closed()),
        }
    }
}

#[cold]
fn closed() -> PyErr {
    value_error("the sender or receiver is closed, or its channel")
}
