//! Bytes that come from Python and bytes that go there.

#![allow(unsafe_code)]

use std::{mem::MaybeUninit, ptr, slice};

use pyo3::{ffi, prelude::*, types::PyBytes};
use safemap::copy_of;

use super::Answer;
use crate::{error::raise, mmap::LONG};

/// Lends the bytes of a bytes-like `object` to `call`. Taking hold of them may run its `__buffer__`.
///
/// Somebody else may write to them meanwhile, unless they are a `bytes` object; so they may be handed to a kernel of
/// the core, and are not to be looked at here. For that there is [`lend_settled`].
///
/// # Errors
///
/// TypeError if it has none, BufferError if they do not lie in a row; what `call` returns.
#[inline]
pub(crate) fn lend<R>(object: &Bound<'_, PyAny>, call: impl FnOnce(&[u8]) -> PyResult<R>) -> PyResult<R> {
    match object.cast_exact::<PyBytes>() {
        // The common case, without a view to ask for and to give back.
        Ok(bytes) => call(bytes.as_bytes()),
        Err(_) => call(View::new(object)?.as_slice()),
    }
}

/// As [`lend`], with a copy of the bytes if somebody else may write to them, or take them away.
#[inline]
pub(crate) fn lend_settled<R>(object: &Bound<'_, PyAny>, call: impl FnOnce(&[u8]) -> PyResult<R>) -> PyResult<R> {
    match object.cast_exact::<PyBytes>() {
        Ok(bytes) => call(bytes.as_bytes()),
        Err(_) => call(&copy_of(View::new(object)?.as_slice()).map_err(raise)?),
    }
}

/// The bytes of a `bytes` object of no subclass, if they are few enough to be copied while the interpreter waits.
#[inline]
pub(crate) fn short<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    let bytes = object.cast_exact::<PyBytes>().ok()?.as_bytes();
    (bytes.len() < LONG).then_some(bytes)
}

/// A view of somebody's memory, given back when dropped.
struct View<'py> {
    // On the heap: some exporters keep the address of the view.
    view: Box<ffi::Py_buffer>,
    _attached: Python<'py>,
}

impl<'py> View<'py> {
    fn new(object: &Bound<'py, PyAny>) -> PyResult<View<'py>> {
        let py = object.py();
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: attached (`py`); `view` is there to be filled.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, ffi::PyBUF_SIMPLE) } {
            // A simple view is contiguous, or the exporter has refused it.
            0 => Ok(View { view, _attached: py }),
            _ => Err(PyErr::fetch(py)),
        }
    }

    fn as_slice(&self) -> &[u8] {
        if self.view.buf.is_null() {
            return &[];
        }
        // SAFETY: the exporter keeps so many bytes there until `PyBuffer_Release`. That nobody writes to them meanwhile
        // is more than it promises, as everywhere in the buffer protocol; hence `lend` says what they are for: kernels
        // read them in assembly, where the compiler assumes nothing.
        unsafe { slice::from_raw_parts(self.view.buf.cast(), self.view.len as usize) }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // SAFETY: attached (`_attached`); filled by `PyObject_GetBuffer` and released nowhere else.
        unsafe { ffi::PyBuffer_Release(&mut *self.view) };
    }
}

/// Makes a `bytes` object of what `fill` writes: at most `len` bytes, and returns how many.
pub(crate) fn new_bytes<'py>(
    py: Python<'py>,
    len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> PyResult<usize>,
) -> PyResult<Bound<'py, PyBytes>> {
    if len == 0 {
        return Ok(PyBytes::new(py, b""));
    }
    // SAFETY: attached (`py`). Without bytes to copy, the object is a fresh one with memory for `len` bytes.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), len as ffi::Py_ssize_t) };
    // SAFETY: a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: it is a `bytes` object.
    let room = unsafe { ffi::PyBytes_AS_STRING(object.as_ptr()) };
    // SAFETY: `len` bytes, which nobody else knows of yet.
    let filled = fill(unsafe { slice::from_raw_parts_mut(room.cast_mut().cast(), len) })?;
    // SAFETY: it is a `bytes` object.
    let bytes = unsafe { object.cast_into_unchecked::<PyBytes>() };
    match filled == len {
        true => Ok(bytes),
        false => copied(py, &bytes.as_bytes()[..filled]),
    }
}

/// Makes a `bytes` object of these bytes; MemoryError if there is no room for it.
pub(crate) fn copied<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, bytes_of(py, bytes).0) }?;
    // SAFETY: it is a `bytes` object.
    Ok(unsafe { object.cast_into_unchecked() })
}

/// A `bytes` object of these bytes.
#[inline]
pub(crate) fn bytes_of(_py: Python<'_>, bytes: &[u8]) -> Answer {
    // SAFETY: attached (`_py`); so many bytes are there.
    Answer(unsafe { ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len() as ffi::Py_ssize_t) })
}

/// Makes a `bytes` object of `len` bytes, at least one, all of which `fill` writes; `None` if that gives up.
#[inline]
pub(crate) fn quick_bytes(
    py: Python<'_>,
    len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Option<()>,
) -> Option<Answer> {
    // SAFETY: as in `new_bytes`.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), len as ffi::Py_ssize_t) };
    if object.is_null() {
        return Some(Answer(object));
    }
    // SAFETY: as in `new_bytes`.
    let room = unsafe { ffi::PyBytes_AS_STRING(object) };
    // SAFETY: as in `new_bytes`.
    match fill(unsafe { slice::from_raw_parts_mut(room.cast_mut().cast(), len) }) {
        Some(()) => Some(Answer(object)),
        None => give_back(py, object),
    }
}

#[cold]
#[inline(never)]
fn give_back(_py: Python<'_>, object: *mut ffi::PyObject) -> Option<Answer> {
    // SAFETY: attached (`_py`); the only reference to the object.
    unsafe { ffi::Py_DECREF(object) };
    None
}
