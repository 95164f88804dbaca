//! What the package defines in Python, and methods of `Map` use.

use pyo3::{prelude::*, sync::PyOnceLock};

/// A function or class of a module of the package.
pub(super) struct Helper {
    module: &'static str,
    name: &'static str,
    value: PyOnceLock<Py<PyAny>>,
}

pub(super) static OPEN_OR_CREATE: Helper = Helper::new("safemap._open", "_open_or_create");
pub(super) static REOPEN: Helper = Helper::new("safemap._open", "_reopen");
pub(super) static STREAM: Helper = Helper::new("safemap._stream", "MapIO");
pub(super) static WINDOWS: Helper = Helper::new("safemap._windows", "windows");

/// Gets all of them from the modules, which the package imports. Called when a map is made: a
/// finalizer that uses the map while the interpreter shuts down cannot import any more.
pub(super) fn get_all(py: Python<'_>) -> PyResult<()> {
    [&REOPEN, &STREAM, &WINDOWS].iter().try_for_each(|helper| helper.get(py).map(drop))
}

impl Helper {
    const fn new(module: &'static str, name: &'static str) -> Helper {
        Helper { module, name, value: PyOnceLock::new() }
    }

    pub(super) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let import = || Ok(py.import(self.module)?.getattr(self.name)?.unbind());
        self.value.get_or_try_init(py, import).map(|value| value.bind(py))
    }
}
