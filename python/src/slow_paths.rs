//! A class without fast paths, for tests that compare both.
//!
//! `_safemap._slow_mmap()` returns it. It is not part of the public interface.

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use crate::{lines::LineIterator, mmap::Mmap};

/// A subclass of `mmap` whose methods and slots take the slow path (`ffi/class.rs`). It has no
/// fields.
#[pyclass(frozen, subclass, mapping, extends = Mmap, name = "slow_mmap", module = "mmap")]
pub(crate) struct SlowMmap;

#[pymethods]
impl SlowMmap {
    #[pyo3(signature = (*args, **kwargs))]
    fn lines(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<SlowLineIterator> {
        let method =
            slf.py().get_type::<Mmap>().getattr("lines")?.call_method1("__get__", (slf,))?;
        Ok(SlowLineIterator(method.call(args, kwargs)?.cast_into()?.unbind()))
    }
}

/// A `LineIterator` that takes the slow path.
#[pyclass(frozen, name = "LineIterator", module = "safemap")]
struct SlowLineIterator(Py<LineIterator>);

#[pymethods]
impl SlowLineIterator {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.get().next(py)
    }
}

/// Returns the class without fast paths.
#[pyfunction]
#[pyo3(name = "_slow_mmap")]
pub(crate) fn slow_mmap(py: Python<'_>) -> Bound<'_, pyo3::types::PyType> {
    py.get_type::<SlowMmap>()
}
