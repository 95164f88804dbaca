//! The Python class `mmap` over the Rust type `Map`: parses, calls, translates.
//!
//! What each call does is told by `safemap/_safemap.pyi`; how it differs from CPython's by `docs/python.md`.

#[cfg(unix)]
mod advise;
mod argument;
mod buffer;
mod constants;
mod construct;
mod error;
mod file;
mod index;
mod lines;
mod memory;
mod mmap;
mod os;
mod quick;
mod search;

#[cfg(PyPy)]
compile_error!("safemap is for CPython: it fills slots of the type that PyPy has elsewhere or not at all");

use pyo3::{exceptions::PyOSError, prelude::*};

use crate::{error::FaultError, lines::LineIterator, mmap::Mmap};

/// Memory-mapped files; see the package `safemap`.
// Free-threaded builds need no lock of the interpreter's: see `buffer/shelf.rs`.
#[pymodule(gil_used = false)]
fn _safemap(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    buffer::keep_small(py)?;
    buffer::fill_slots(&py.get_type::<Mmap>());
    buffer::quicken(&py.get_type::<Mmap>())?;
    module.add_class::<Mmap>()?;
    buffer::fill_iterator(&py.get_type::<LineIterator>());
    module.add_class::<LineIterator>()?;
    module.add("error", py.get_type::<PyOSError>())?;
    module.add("FaultError", py.get_type::<FaultError>())?;
    file::remember_unsupported(py)?;
    constants::add(module)?;
    // CPython's module has none; without it a star import takes all names that have no underscore.
    module.delattr("__all__")
}
