//! The class, and how its methods reach the map.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use pyo3::{
    prelude::*,
    types::{PyBytes, PyTuple},
};
use safemap::Map;

use crate::{
    buffer::{Shelf, class_name, new_bytes},
    constants::{ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE},
    error::{closed, out_of_range, raise, read_only},
};

/// From so many bytes on, other threads run Python code while the memory is worked on. Letting go of the interpreter
/// and taking it again costs what copying a few KiB costs, and much more when another thread wants it.
pub(crate) const LONG: usize = 64 * 1024;

/// Mapped memory that behaves like a bytearray and like an open file.
///
/// mmap(fileno, length, flags=MAP_SHARED, prot=PROT_READ|PROT_WRITE, access=ACCESS_DEFAULT, offset=0, *, trackfd=True,
///      repair=False, allocate=False)
/// On Windows: mmap(fileno, length, tagname=None, access=ACCESS_DEFAULT, offset=0, *, trackfd=True, repair=False, allocate=False)
///
/// Maps `length` bytes of the file with the descriptor `fileno`, from the byte `offset` on, which must be a multiple of
/// ALLOCATIONGRANULARITY. A length of 0 maps the rest of the file. A fileno of -1 maps fresh anonymous memory.
///
/// `access` is one of ACCESS_READ, ACCESS_WRITE (writes reach the file) and ACCESS_COPY (they stay in memory); in its
/// place `flags` and `prot` give what the system's own call takes. The descriptor is duplicated unless `trackfd` is
/// false; then size() and resize() raise.
///
/// With `repair`, code that reads or writes a view of the memory (memoryview, numpy, re) meets zeros where the file no longer
/// reaches, where it would otherwise be killed; every later call raises FaultError until restore() succeeds. With `allocate`,
/// resize() sets space on the disk aside, so that a full disk is its error and not one of a later write.
///
/// On Windows a fileno of 0 is for anonymous memory as well, memory with a `tagname` is the same for all who name it, a file that is
/// too short becomes longer, and `repair` cannot be had.
///
/// If the file is shorter than the map by now, reading and writing the missing part raises FaultError, an OSError.
#[pyclass(frozen, subclass, weakref, immutable_type, mapping, name = "mmap", module = "mmap")]
pub(crate) struct Mmap {
    pub(crate) shelf: Shelf,
    position: AtomicUsize,
    pub(crate) access: c_int,
    /// As the constructor and the system were given them.
    pub(crate) flags: c_int,
    pub(crate) offset: i64,
    pub(crate) tracked: bool,
}

impl Mmap {
    /// Wraps a new map. The position is at its start.
    pub(crate) fn new(map: Map, access: c_int, flags: c_int, offset: i64, tracked: bool) -> Mmap {
        Mmap { shelf: Shelf::new(map), position: AtomicUsize::new(0), access, flags, offset, tracked }
    }

    /// Raises if the map is closed: what CPython's methods begin with.
    #[inline]
    pub(crate) fn open(&self) -> PyResult<()> {
        if self.shelf.is_closed() { Err(closed()) } else { Ok(()) }
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.access == ACCESS_READ
    }

    /// Raises if the map is read-only; of a closed one that it is closed.
    #[inline]
    pub(crate) fn writable(&self) -> PyResult<()> {
        if self.is_read_only() { self.open().and(Err(read_only())) } else { Ok(()) }
    }

    // The position is no promise between threads, as that of a file is none; atomic so that it is never half a number.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.position.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set_position(&self, position: usize) {
        self.position.store(position, Relaxed);
    }

    /// Runs a short call on the map.
    #[inline]
    pub(crate) fn run<R>(&self, py: Python<'_>, call: impl FnOnce(&Map) -> safemap::Result<R> + Send) -> PyResult<R> {
        self.shelf.with(py, call, raise)
    }

    /// Runs a call that may be long, while other threads run Python code.
    pub(crate) fn run_detached<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        self.shelf.with_detached(py, call)
    }

    /// Runs a call that works on `bytes` bytes, in the way that suits so many.
    #[inline]
    pub(crate) fn run_sized<R: Send>(
        &self,
        py: Python<'_>,
        bytes: usize,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        if bytes < LONG { self.run(py, call) } else { self.run_detached(py, call) }
    }

    #[inline]
    pub(crate) fn length(&self, py: Python<'_>) -> PyResult<usize> {
        self.shelf.with(py, |map| Ok(map.len()), raise)
    }

    /// Returns the byte at `at`, or raises IndexError.
    #[inline]
    pub(crate) fn byte(&self, py: Python<'_>, at: usize) -> PyResult<u8> {
        self.shelf.with(py, |map| map.get(at), index_or)
    }

    /// Stores the byte at `at`, or raises IndexError.
    #[inline]
    pub(crate) fn set_byte(&self, py: Python<'_>, at: usize, byte: u8) -> PyResult<()> {
        self.shelf.with(py, |map| map.set(at, byte), index_or)
    }

    /// Copies `len` bytes from `at` on into a new `bytes` object: fewer if the map has become shorter since the caller
    /// looked.
    pub(crate) fn copy_out<'py>(&self, py: Python<'py>, at: usize, len: usize) -> PyResult<Bound<'py, PyBytes>> {
        new_bytes(py, len, |room| {
            self.run_sized(py, len, |map| {
                let left = map.len().saturating_sub(at).min(len);
                Ok(map.read_uninit_at(&mut room[..left], at.min(map.len()))?.len())
            })
        })
    }

    /// Copies `bytes` into the map from `at` on.
    pub(crate) fn copy_in(&self, py: Python<'_>, bytes: &[u8], at: usize) -> PyResult<()> {
        self.run_sized(py, bytes.len(), |map| match place(map, bytes) {
            Some(from) => map.copy_within(from..from + bytes.len(), at),
            None => map.write_at(bytes, at),
        })
    }
}

/// Where in the map `bytes` stand, if they are a view of it: then source and target may overlap.
fn place(map: &Map, bytes: &[u8]) -> Option<usize> {
    // The length first: a map that moves meanwhile keeps the promise for the two of them in this order only.
    let len = map.len();
    let from = bytes.as_ptr().addr().checked_sub(map.as_ptr().addr())?;
    (from.checked_add(bytes.len())? <= len).then_some(from)
}

#[cold]
fn index_or(error: safemap::Error) -> PyErr {
    match error {
        safemap::Error::OutOfBounds { .. } => out_of_range(),
        error => raise(error),
    }
}

#[pymethods]
impl Mmap {
    /// Unmaps the memory and closes the descriptor; later calls raise ValueError. A second close does nothing.
    ///
    /// Raises BufferError while a view of the memory (memoryview, array) lives.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.shelf.close(py)
    }

    /// Whether the map was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.shelf.is_closed()
    }

    /// Returns the map itself; at the end of the `with` it is closed.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().open()?;
        Ok(slf)
    }

    /// Closes the map.
    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.shelf.close(py)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.length(py)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (this, py) = (slf.get(), slf.py());
        let name = class_name(slf);
        let Ok(length) = this.length(py) else { return format!("<{name} closed=True>") };
        let access = access_name(this.access);
        let (position, offset) = (this.position(), this.offset);
        format!("<{name} closed=False, access={access}, length={length}, pos={position}, offset={offset}>")
    }
}

fn access_name(access: c_int) -> &'static str {
    match access {
        ACCESS_DEFAULT => "ACCESS_DEFAULT",
        ACCESS_READ => "ACCESS_READ",
        ACCESS_WRITE => "ACCESS_WRITE",
        ACCESS_COPY => "ACCESS_COPY",
        _ => "UNKNOWN",
    }
}
