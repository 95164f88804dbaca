//! The handles of one Python object, which its threads take in turn.

use std::collections::VecDeque;

use pyo3::{exceptions::PyValueError, prelude::*};
use safemap::ipc;

use super::Side;
use crate::{error::finalized, ffi::Lock};

/// A sender or a receiver of the core.
pub(super) trait Handle: Send + Sized {
    const SIDE: Side;

    fn new(channel: &ipc::Channel) -> safemap::Result<Self>;
}

/// The handles of one side of a channel.
///
/// A call takes a handle out and puts it back. If all are in use, it makes another one: threads of
/// a process count as one. A forked child has those that no thread was using.
pub(super) struct Pool<H> {
    open: Lock<Option<Open<H>>>,
}

struct Open<H> {
    channel: ipc::Channel,
    /// The one that was used longest ago is next. So a thread that waits, which changes the handle
    /// from time to time, learns what any of them knows about the other side.
    idle: VecDeque<H>,
}

enum Taken<H> {
    Idle(H),
    None(ipc::Channel),
}

impl<H: Handle> Pool<H> {
    /// Makes the first handle.
    pub(super) fn new(py: Python<'_>, channel: ipc::Channel) -> PyResult<Pool<H>> {
        let idle = [make(py, &channel)?].into();
        Ok(Pool { open: Lock::new(Some(Open { channel, idle })) })
    }

    /// Calls `call` with a handle. Raises ValueError if the object is closed.
    ///
    /// The handle stays usable if `call` runs Python code: that takes another one.
    pub(super) fn with<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut H) -> PyResult<R>,
    ) -> PyResult<R> {
        let mut handle = self.take(py)?;
        let result = call(&mut handle);
        match self.put_back(py, handle) {
            // Of two ends that close together, this one may have noticed the other first.
            false if result.is_err() => Err(closed()),
            _ => result,
        }
    }

    fn take(&self, py: Python<'_>) -> PyResult<H> {
        let taken = self.open.with(py, |open| {
            let open = open.as_mut()?;
            let idle = open.idle.pop_front();
            Some(idle.map_or_else(|| Taken::None(open.channel.clone()), Taken::Idle))
        });
        match taken.ok_or_else(finalized)? {
            Some(Taken::Idle(handle)) => Ok(handle),
            Some(Taken::None(channel)) => make(py, &channel),
            None => Err(closed()),
        }
    }

    /// Returns false if the object was closed during the call. The handle is dropped then.
    fn put_back(&self, py: Python<'_>, handle: H) -> bool {
        let mut handle = Some(handle);
        self.open.with(py, |open| {
            if let Some(open) = open {
                open.idle.extend(handle.take());
            }
        });
        if handle.is_none() {
            return true;
        }
        py.detach(|| drop(handle));
        false
    }

    pub(super) fn is_open(&self, py: Python<'_>) -> bool {
        self.open.with(py, |open| open.is_some()).unwrap_or(false)
    }
}

/// What a channel closes.
pub(super) trait Close: Send + Sync {
    /// Ends the use of the handles, and returns those that no thread uses. The others are dropped
    /// when their calls end.
    fn take_idle(&self, py: Python<'_>) -> Box<dyn Send>;
}

impl<H: Handle + 'static> Close for Pool<H> {
    fn take_idle(&self, py: Python<'_>) -> Box<dyn Send> {
        Box::new(self.open.with(py, Option::take).flatten())
    }
}

/// Closes several pools. None of them learns that another one has left.
pub(super) fn close(py: Python<'_>, pools: &[&dyn Close]) {
    let handles: Vec<_> = pools.iter().map(|pool| pool.take_idle(py)).collect();
    py.detach(|| drop(handles));
}

fn make<H: Handle>(py: Python<'_>, channel: &ipc::Channel) -> PyResult<H> {
    py.detach(|| H::new(channel)).map_err(|error| H::SIDE.exception(py, error))
}

#[cold]
pub(super) fn closed() -> PyErr {
    PyValueError::new_err("the channel is closed, or this end of it")
}
