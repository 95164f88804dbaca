//! The handles of one Python object, which its threads take in turn.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use pyo3::{prelude::*, types::PyString};
use safemap::Error;

use super::path::{described, with_path};
use crate::{error::finalized, ffi::Lock};

/// A handle of the core that one thread uses at a time: a sender, a receiver, a writer or a reader.
pub(super) trait Handle: Send + Sized {
    /// What handles are made of, as a reference to it.
    type Source: Clone + Send + Sync + 'static;

    fn new(source: &Self::Source) -> safemap::Result<Self>;

    fn exception(py: Python<'_>, error: Error) -> PyErr;

    /// The exception of an object that is closed.
    fn closed() -> PyErr;
}

/// Handles of one kind.
///
/// A call takes a handle out and puts it back. If all are in use, it makes another one. A forked
/// child has those that no thread was using.
pub(super) struct Pool<H: Handle> {
    open: Lock<Option<Open<H>>>,
    /// The path of the file, or `None` for memory.
    path: Option<Py<PyString>>,
}

struct Open<H: Handle> {
    source: H::Source,
    /// The one that was used longest ago is next. So a thread that waits, which changes the handle
    /// from time to time, learns what any of them knows about the other side.
    idle: VecDeque<H>,
}

enum Taken<H: Handle> {
    Idle(H),
    None(H::Source),
}

impl<H: Handle> Pool<H> {
    /// Makes the first handle.
    pub(super) fn new(
        py: Python<'_>,
        source: H::Source,
        path: Option<&Py<PyString>>,
    ) -> PyResult<Pool<H>> {
        let handle = make(py, &source, path)?;
        Ok(Pool::with_handle(source, handle, path.map(|path| path.clone_ref(py))))
    }

    pub(super) fn with_handle(source: H::Source, handle: H, path: Option<Py<PyString>>) -> Pool<H> {
        Pool { open: Lock::new(Some(Open { source, idle: [handle].into() })), path }
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
            false if result.is_err() => Err(H::closed()),
            _ => result.map_err(|error| with_file(py, error, self.path.as_ref())),
        }
    }

    fn take(&self, py: Python<'_>) -> PyResult<H> {
        let taken = self.open.with(py, |open| {
            let open = open.as_mut()?;
            let idle = open.idle.pop_front();
            Some(idle.map_or_else(|| Taken::None(open.source.clone()), Taken::Idle))
        });
        match taken.ok_or_else(finalized)? {
            Some(Taken::Idle(handle)) => Ok(handle),
            Some(Taken::None(source)) => make(py, &source, self.path.as_ref()),
            None => Err(H::closed()),
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

    /// Raises ValueError if the object is closed.
    pub(super) fn ensure_open(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_open(py) { Ok(()) } else { Err(H::closed()) }
    }

    /// Returns the `repr` of the object, which is of a class in `safemap.ipc`.
    pub(super) fn repr(&self, py: Python<'_>, class: &str) -> PyResult<String> {
        let file = described(py, self.path.as_ref())?;
        let closed = if self.is_open(py) { "" } else { " closed" };
        Ok(format!("<safemap.ipc.{class} {file}{closed}>"))
    }

    fn is_open(&self, py: Python<'_>) -> bool {
        self.open.with(py, |open| open.is_some()).unwrap_or(false)
    }
}

/// What a channel or a journal closes.
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

fn make<H: Handle>(py: Python<'_>, source: &H::Source, path: Option<&Py<PyString>>) -> PyResult<H> {
    let made = py.detach(|| H::new(source));
    made.map_err(|error| with_file(py, H::exception(py, error), path))
}

/// Has an exception name the file, if there is one.
fn with_file(py: Python<'_>, error: PyErr, path: Option<&Py<PyString>>) -> PyErr {
    match path {
        Some(path) => with_path(error, path.bind(py)),
        None => error,
    }
}

/// Pools of an object, which closes them.
#[derive(Default)]
pub(super) struct Pools(Vec<Weak<dyn Close>>);

impl Pools {
    pub(super) fn add<H: Handle + 'static>(&mut self, pool: &Arc<Pool<H>>) {
        let weak: Weak<dyn Close> = Arc::<Pool<H>>::downgrade(pool);
        self.0.retain(|pool| pool.strong_count() > 0);
        self.0.push(weak);
    }

    pub(super) fn close(&self, py: Python<'_>) {
        let pools: Vec<_> = self.0.iter().filter_map(Weak::upgrade).collect();
        close(py, &pools.iter().map(Arc::as_ref).collect::<Vec<_>>());
    }
}
