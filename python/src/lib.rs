//! The Python class `mmap`, implemented by the Rust type `Map`.
//!
//! The modules convert arguments, call the core and translate its errors. `safemap/_safemap.pyi`
//! documents each method; `docs/python.md` lists the differences from CPython's module.

#[cfg(unix)]
mod advise;
mod argument;
mod constants;
mod construct;
mod damage;
mod error;
mod ffi;
mod file;
mod index;
mod ipc;
mod line_reader;
mod lines;
mod map;
mod memory;
mod mmap;
mod os;
mod pieces;
mod search;
mod slow_paths;
mod weak_list;

#[cfg(PyPy)]
compile_error!("safemap supports CPython only: the layout of a type's slots differs in PyPy");

use pyo3::{exceptions::PyOSError, prelude::*};

use crate::{
    error::{FaultError, InDoubtError},
    lines::LineIterator,
    map::{FileMap, FindIterator, Reading, Transaction},
    mmap::Mmap,
};

/// The extension module of the package `safemap`.
// Free-threaded builds need no GIL: see `ffi/shared_map.rs`.
#[pymodule(gil_used = false)]
fn _safemap(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    ffi::fill_small_objects(py)?;
    file::import_unsupported(py)?;
    module.add_class::<Mmap>()?;
    module.add_class::<FileMap>()?;
    module.add_class::<LineIterator>()?;
    module.add_class::<FindIterator>()?;
    module.add_class::<Transaction>()?;
    module.add_class::<Reading>()?;
    // Of the module `safemap.ipc`, and none of the names of this one.
    module.add("_Atomic", py.get_type::<ipc::Atomic>())?;
    module.add("_Channel", py.get_type::<ipc::Channel>())?;
    module.add("_Journal", py.get_type::<ipc::Journal>())?;
    module.add("_JournalReader", py.get_type::<ipc::JournalReader>())?;
    module.add("_JournalWriter", py.get_type::<ipc::JournalWriter>())?;
    module.add("_Mutex", py.get_type::<ipc::Mutex>())?;
    module.add("_RangeLock", py.get_type::<ipc::RangeLock>())?;
    module.add("_Receiver", py.get_type::<ipc::Receiver>())?;
    module.add("_Sender", py.get_type::<ipc::Sender>())?;
    module.add("error", py.get_type::<PyOSError>())?;
    let fault_error = py.get_type::<FaultError>();
    fault_error.setattr("offset", py.None())?;
    fault_error.setattr("map", py.None())?;
    module.add("FaultError", fault_error)?;
    module.add("InDoubtError", py.get_type::<InDoubtError>())?;
    module.add_function(wrap_pyfunction!(slow_paths::slow_mmap, module)?)?;
    module.add_function(wrap_pyfunction!(damage::damages, module)?)?;
    module.add_function(wrap_pyfunction!(damage::is_suspect, module)?)?;
    module.add_function(wrap_pyfunction!(damage::check_range, module)?)?;
    module.add_function(wrap_pyfunction!(damage::check_intact, module)?)?;
    module.add_function(wrap_pyfunction!(damage::repair_files, module)?)?;
    module.add_function(wrap_pyfunction!(map::checkpoint_all, module)?)?;
    module.add_function(wrap_pyfunction!(map::close_in_child, module)?)?;
    module.add_function(wrap_pyfunction!(ipc::channel::leave_channels, module)?)?;
    module.add_function(wrap_pyfunction!(ipc::shared_memory::open, module)?)?;
    module.add_function(wrap_pyfunction!(ipc::shared_memory::unlink, module)?)?;
    module.add_function(wrap_pyfunction!(ipc::shared_memory::names, module)?)?;
    constants::add(module)?;
    // CPython's module has no `__all__`: a star import takes all names without an underscore.
    module.delattr("__all__")
}
