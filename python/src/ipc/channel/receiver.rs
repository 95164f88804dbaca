//! The class `safemap.ipc.Receiver`.

use std::{sync::Arc, time::Duration};

use pyo3::{
    exceptions::{PyEOFError, PyTimeoutError, PyValueError},
    prelude::*,
    types::{PyBytes, PyList},
};
use safemap::{Error, ipc};

use super::{Channel, Side, closed};
use crate::{
    argument::Unsigned,
    ffi::{bytes_from, with_writable_bytes},
    ipc::{
        pool::{Handle, Pool, close},
        timeout::{Timeout, in_slices},
    },
    mmap::DETACH_THRESHOLD,
};

/// A receiver of the core, and memory for a message.
///
/// A message is copied there, and to a `bytes` object when the lock of the channel is released: an
/// allocation of the interpreter may run other code.
pub(super) struct Receiving {
    receiver: ipc::Receiver,
    bytes: Vec<u8>,
}

/// Memory of more bytes is freed after the message.
const KEPT_CAPACITY: usize = 4 << 20;

impl Handle for Receiving {
    type Source = ipc::Channel;

    fn new(channel: &ipc::Channel) -> safemap::Result<Receiving> {
        Ok(Receiving { receiver: channel.receiver()?, bytes: Vec::new() })
    }

    fn exception(py: Python<'_>, error: Error) -> PyErr {
        exception(py, error)
    }

    fn closed() -> PyErr {
        closed()
    }
}

impl Receiving {
    /// Receives a message if one is there that is short. Returns whether it did. Does not detach
    /// from the interpreter.
    fn recv_now(&mut self) -> safemap::Result<bool> {
        let Some(message) = self.receiver.peek_now()? else { return Ok(false) };
        if message.len() >= DETACH_THRESHOLD {
            return Ok(false);
        }
        self.bytes.resize(message.len(), 0);
        message.read_at(&mut self.bytes, 0)?;
        message.accept()?;
        Ok(true)
    }

    /// Returns the message that was received.
    fn message<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let message = bytes_from(py, &self.bytes);
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
        }
        message
    }
}

/// Receives messages. Channel.receiver() returns it.
///
/// Threads may use it at the same time; each message goes to one receiver. While the channel is
/// empty, recv() waits, and try_recv() returns None. If there were senders and none is left, and no
/// message either, all raise EOFError, or ConnectionResetError if the last sender crashed. They
/// raise ValueError after close().
///
/// Iteration ends where recv() raises EOFError.
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct Receiver {
    #[pyo3(get)]
    channel: Py<Channel>,
    pool: Arc<Pool<Receiving>>,
}

#[pymethods]
impl Receiver {
    /// Receives a message. Raises TimeoutError if none comes within `timeout` seconds.
    #[pyo3(signature = (timeout = None))]
    fn recv<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Timeout>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        if let Some(message) = self.recv_now(py)? {
            return Ok(message);
        }
        in_slices(py, timeout, |slice| self.recv_within(py, slice))?.ok_or_else(no_message)
    }

    /// Receives a message, or returns None if the channel is empty.
    fn try_recv<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.recv_now(py)? {
            Some(message) => Ok(Some(message)),
            None => self.recv_within(py, Duration::ZERO),
        }
    }

    /// Receives a message into `buffer`, a writable bytes-like object. Returns its length.
    ///
    /// Raises ValueError if the message is longer than the buffer; it stays in the channel then.
    /// Raises TimeoutError if no message comes within `timeout` seconds.
    #[pyo3(signature = (buffer, timeout = None))]
    fn recv_into(&self, buffer: &Bound<'_, PyAny>, timeout: Option<Timeout>) -> PyResult<usize> {
        let py = buffer.py();
        with_writable_bytes(buffer, |bytes| {
            let len = in_slices(py, timeout, |slice| {
                self.pool.with(py, |handle| {
                    let receiver = &mut handle.receiver;
                    let received = py.detach(|| {
                        let Some(message) = receiver.peek_timeout(slice)? else { return Ok(None) };
                        let len = message.len();
                        if len <= bytes.len() {
                            message.read_uninit(&mut bytes[..len])?;
                            message.accept()?;
                        }
                        Ok(Some(len))
                    });
                    received.map_err(|error| exception(py, error))
                })
            })?;
            match len.ok_or_else(no_message)? {
                len if len <= bytes.len() => Ok(len),
                len => Err(PyValueError::new_err(format!(
                    "a message of {len} bytes exceeds the buffer of {} bytes",
                    bytes.len()
                ))),
            }
        })
    }

    /// Waits for a message, and receives all that are there, at most `limit`.
    ///
    /// It takes less time than as many calls of recv(). Raises TimeoutError if no message comes
    /// within `timeout` seconds.
    #[pyo3(signature = (limit, timeout = None))]
    fn recv_many<'py>(
        &self,
        py: Python<'py>,
        limit: Unsigned,
        timeout: Option<Timeout>,
    ) -> PyResult<Bound<'py, PyList>> {
        let Unsigned(limit) = limit;
        let mut messages = Vec::new();
        in_slices(py, timeout, |slice| {
            self.pool.with(py, |handle| {
                let receiver = &mut handle.receiver;
                let count = py.detach(|| receiver.recv_many_timeout(&mut messages, limit, slice));
                let count = count.map_err(|error| exception(py, error))?;
                Ok((count > 0 || limit == 0).then_some(()))
            })
        })?
        .ok_or_else(no_message)?;
        let messages = messages.iter().map(|message| bytes_from(py, message));
        PyList::new(py, messages.collect::<PyResult<Vec<_>>>()?)
    }

    /// Ends receiving through this object. When the last receiver of the last process is closed,
    /// senders get BrokenPipeError.
    fn close(&self, py: Python<'_>) {
        close(py, &[&*self.pool]);
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.recv(py, None) {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.is_instance_of::<PyEOFError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().pool.ensure_open(slf.py())?;
        Ok(slf)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.pool.repr(py, "Receiver")
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

    /// Returns how another process makes a receiver of the channel.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().pool.ensure_open(slf.py())?;
        slf.py().import("safemap._channel")?.call_method1("_reduce_end", (slf, "receiver"))
    }
}

impl Receiver {
    pub(super) fn new(channel: &Bound<'_, Channel>, pool: Arc<Pool<Receiving>>) -> Receiver {
        Receiver { channel: channel.clone().unbind(), pool }
    }

    /// Receives a message without detaching from the interpreter, if one is there that is short.
    fn recv_now<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.pool.with(py, |handle| {
            match handle.recv_now().map_err(|error| exception(py, error))? {
                true => handle.message(py).map(Some),
                false => Ok(None),
            }
        })
    }

    /// Receives a message; returns `None` after `time`.
    fn recv_within<'py>(
        &self,
        py: Python<'py>,
        time: Duration,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        self.pool.with(py, |handle| {
            let Receiving { receiver, bytes } = handle;
            match py.detach(|| receiver.recv_timeout(bytes, time)) {
                Ok(Some(_)) => handle.message(py).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(exception(py, error)),
            }
        })
    }
}

#[cold]
fn exception(py: Python<'_>, error: Error) -> PyErr {
    Side::Receivers.exception(py, error)
}

#[cold]
fn no_message() -> PyErr {
    PyTimeoutError::new_err("no message has come")
}
