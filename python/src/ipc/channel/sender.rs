//! The class `safemap.ipc.Sender`.

use std::{sync::Arc, time::Duration};

use pyo3::{exceptions::PyTimeoutError, prelude::*};
use safemap::{Error, ipc};

use super::{Channel, Side, closed};
use crate::{
    argument::several,
    error::created,
    ffi::with_bytes,
    ipc::{
        pool::{Handle, Pool, close},
        timeout::{SLICE, Timeout, in_slices_of},
    },
    mmap::DETACH_THRESHOLD,
};

impl Handle for ipc::Sender {
    type Source = ipc::Channel;

    fn new(channel: &ipc::Channel) -> safemap::Result<ipc::Sender> {
        channel.sender()
    }

    fn exception(py: Python<'_>, error: Error) -> PyErr {
        Side::Senders.exception(py, error)
    }

    fn closed() -> PyErr {
        closed()
    }
}

/// Sends messages. Channel.sender() returns it.
///
/// Threads may use it at the same time. While the channel is full, send() waits, and try_send()
/// returns False. All raise BrokenPipeError if there were receivers and none is left,
/// ConnectionResetError if the last one crashed, ValueError after close() and for a message that is
/// longer than `longest_message` of the channel. The message was not sent then.
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct Sender {
    #[pyo3(get)]
    channel: Py<Channel>,
    pool: Arc<Pool<ipc::Sender>>,
}

#[pymethods]
impl Sender {
    /// Sends a message: any bytes-like object. It is in the channel when the call returns.
    ///
    /// Raises TimeoutError if the channel has no space within `timeout` seconds.
    #[pyo3(signature = (data, timeout = None))]
    fn send(&self, data: &Bound<'_, PyAny>, timeout: Option<Timeout>) -> PyResult<()> {
        let py = data.py();
        with_bytes(data, |bytes| {
            if self.send_now(py, bytes)? {
                return Ok(());
            }
            let sent = in_slices_of(py, self.slice(py, bytes), timeout, |slice| {
                self.send_within(py, bytes, slice)
            });
            sent?.ok_or_else(|| PyTimeoutError::new_err("the channel is full"))
        })
    }

    /// Sends a message if the channel has space. Returns whether it was sent.
    fn try_send(&self, data: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = data.py();
        with_bytes(data, |bytes| {
            Ok(self.send_now(py, bytes)? || self.send_within(py, bytes, Duration::ZERO)?.is_some())
        })
    }

    /// Sends the messages of an iterable. Waits while the channel is full. Returns their number.
    ///
    /// Messages of other senders may come in between. An exception, also one of the iterable, has
    /// an attribute `sent`: how many were sent before.
    fn send_many(&self, messages: &Bound<'_, PyAny>) -> PyResult<usize> {
        let (py, mut sent) = (messages.py(), 0);
        let mut send_all = || {
            for message in several(messages)? {
                self.send(&message?, None)?;
                sent += 1;
            }
            Ok(())
        };
        match send_all() {
            Ok(()) => Ok(sent),
            Err(error) => {
                let error = created(py, error);
                // What refuses the attribute is less useful than the exception.
                let _ = error.value(py).setattr("sent", sent);
                Err(error)
            }
        }
    }

    /// Ends sending through this object. When the last sender of the last process is closed,
    /// receivers get the messages that are left, and then EOFError.
    fn close(&self, py: Python<'_>) {
        close(py, &[&*self.pool]);
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().pool.ensure_open(slf.py())?;
        Ok(slf)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.pool.repr(py, "Sender")
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

    /// Returns how another process makes a sender of the channel.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().pool.ensure_open(slf.py())?;
        slf.py().import("safemap._channel")?.call_method1("_reduce_end", (slf, "sender"))
    }
}

impl Sender {
    pub(super) fn new(channel: &Bound<'_, Channel>, pool: Arc<Pool<ipc::Sender>>) -> Sender {
        Sender { channel: channel.clone().unbind(), pool }
    }

    /// Tries to send a message without detaching from the interpreter, if it is short. Does not
    /// wait for a lock.
    fn send_now(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<bool> {
        if bytes.len() >= DETACH_THRESHOLD {
            return Ok(false);
        }
        self.pool.with(py, |sender| {
            sender.send_now(bytes).map_err(|error| Side::Senders.exception(py, error))
        })
    }

    /// Sends a message; returns `None` after `time`.
    fn send_within(&self, py: Python<'_>, bytes: &[u8], time: Duration) -> PyResult<Option<()>> {
        self.pool.with(py, |sender| match py.detach(|| sender.send_timeout(bytes, time)) {
            Ok(sent) => Ok(sent.then_some(())),
            Err(error) => Err(Side::Senders.exception(py, error)),
        })
    }

    /// How long one call of the core waits. The sender of a long message has a lock while it waits,
    /// so that those of short messages do not use up the space.
    fn slice(&self, py: Python<'_>, bytes: &[u8]) -> Duration {
        match bytes.len() > self.channel.bind(py).get().capacity / 16 {
            true => LONG_SLICE,
            false => SLICE,
        }
    }
}

const LONG_SLICE: Duration = Duration::from_millis(500);
