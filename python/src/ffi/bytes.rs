//! Reading bytes-like arguments and creating `bytes` objects.

#![allow(unsafe_code)]

use std::{ffi::c_int, mem::MaybeUninit, ptr, slice};

use pyo3::{
    exceptions::{PyBufferError, PyTypeError},
    ffi,
    prelude::*,
    types::{PyBytes, PyString},
};
use safemap::copy_of;

use super::{ReturnValue, class_name};
use crate::{
    error::{Hint, to_exception},
    mmap::DETACH_THRESHOLD,
};

/// Calls `call` with the bytes of a bytes-like `object`. May run its `__buffer__` method.
///
/// Unless `object` is a `bytes` object, other threads may write to the bytes during the call. They
/// may only be passed to the core, whose accessors read them in assembly. Rust code that reads the
/// bytes itself uses [`with_stable_bytes`].
///
/// # Errors
///
/// TypeError if `object` has no buffer, BufferError if its buffer is not contiguous; the error of
/// `call`.
#[inline]
pub(crate) fn with_bytes<R>(
    object: &Bound<'_, PyAny>,
    call: impl FnOnce(&[u8]) -> PyResult<R>,
) -> PyResult<R> {
    match object.cast_exact::<PyBytes>() {
        // The common case needs no buffer to be acquired and released.
        Ok(bytes) => call(bytes.as_bytes()),
        Err(_) => call(Buffer::readable(object)?.as_slice()),
    }
}

/// Calls `call` with the bytes of a writable bytes-like `object`, which may only be passed to the
/// core, as those of [`with_bytes`]. May run its `__buffer__` method.
///
/// # Errors
///
/// TypeError, as of the `io` module, if `object` has no writable, contiguous buffer; the error of
/// `call`.
pub(crate) fn with_writable_bytes<R>(
    object: &Bound<'_, PyAny>,
    call: impl FnOnce(&mut [MaybeUninit<u8>]) -> PyResult<R>,
) -> PyResult<R> {
    let buffer = Buffer::acquire(object, ffi::PyBUF_WRITABLE).map_err(|error| {
        if !error.is_instance_of::<PyBufferError>(object.py()) {
            return error;
        }
        let class = class_name(object);
        PyTypeError::new_err(format!("argument must be read-write bytes-like object, not {class}"))
    });
    call(buffer?.as_mut_slice())
}

/// Like [`with_bytes`], but copies the bytes first unless `object` is a `bytes` object.
#[inline]
pub(crate) fn with_stable_bytes<R>(
    object: &Bound<'_, PyAny>,
    call: impl FnOnce(&[u8]) -> PyResult<R>,
) -> PyResult<R> {
    match object.cast_exact::<PyBytes>() {
        Ok(bytes) => call(bytes.as_bytes()),
        Err(_) => call(&copy_of(Buffer::readable(object)?.as_slice()).map_err(to_exception)?),
    }
}

/// Returns the bytes of a `bytes` object, not of a subclass, that is short enough to be copied
/// without detaching from the interpreter.
#[inline]
pub(crate) fn try_short_bytes<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    let bytes = object.cast_exact::<PyBytes>().ok()?.as_bytes();
    (bytes.len() < DETACH_THRESHOLD).then_some(bytes)
}

/// Whether `object` has a buffer.
pub(crate) fn is_buffer(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached (`object`); a live object.
    unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) != 0 }
}

/// A buffer of another object, released when dropped.
struct Buffer<'py> {
    // Boxed because some exporters keep the address of the structure.
    view: Box<ffi::Py_buffer>,
    _attached: Python<'py>,
}

impl<'py> Buffer<'py> {
    /// Acquires a contiguous buffer for reading. The exception for a `str` has a note.
    fn readable(object: &Bound<'py, PyAny>) -> PyResult<Buffer<'py>> {
        Buffer::acquire(object, ffi::PyBUF_SIMPLE).map_err(|error| {
            match object.is_instance_of::<PyString>() {
                true => Hint::Text.add_to(object.py(), error),
                false => error,
            }
        })
    }

    /// Acquires a contiguous buffer, with further requests as `flags`.
    fn acquire(object: &Bound<'py, PyAny>, flags: c_int) -> PyResult<Buffer<'py>> {
        let py = object.py();
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: attached (`py`); a live object and a structure to fill.
        match unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &mut *view, flags) } {
            // An exporter that cannot provide contiguous bytes refuses flags without PyBUF_STRIDES.
            0 => Ok(Buffer { view, _attached: py }),
            _ => Err(PyErr::fetch(py)),
        }
    }

    fn as_slice(&self) -> &[u8] {
        if self.view.buf.is_null() {
            return &[];
        }
        // SAFETY: the exporter keeps `len` bytes readable until `PyBuffer_Release`. It does not
        // exclude concurrent writers, as everywhere in the buffer protocol. Therefore `with_bytes`
        // allows only accessors to read the slice: they are assembly, about which the compiler
        // assumes nothing.
        unsafe { slice::from_raw_parts(self.view.buf.cast(), self.view.len as usize) }
    }

    /// The bytes of a buffer that was acquired as writable.
    fn as_mut_slice(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.view.buf.is_null() {
            return &mut [];
        }
        // SAFETY: as in `as_slice`, and the exporter has agreed to writing.
        unsafe { slice::from_raw_parts_mut(self.view.buf.cast(), self.view.len as usize) }
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        // SAFETY: attached (`_attached`); filled by `PyObject_GetBuffer`, released only here.
        unsafe { ffi::PyBuffer_Release(&mut *self.view) };
    }
}

/// Creates a `bytes` object of up to `len` bytes, which `fill` writes. `fill` returns how many of
/// them, from the start, it wrote.
pub(crate) fn new_bytes<'py>(
    py: Python<'py>,
    len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> PyResult<usize>,
) -> PyResult<Bound<'py, PyBytes>> {
    if len == 0 {
        return Ok(PyBytes::new(py, b""));
    }
    // SAFETY: attached (`py`). A null source leaves the bytes of the new object uninitialized.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), len as ffi::Py_ssize_t) };
    // SAFETY: a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, object) }?;
    // SAFETY: the object is a `bytes` object.
    let start = unsafe { ffi::PyBytes_AS_STRING(object.as_ptr()) };
    // SAFETY: the object has `len` bytes, and there is no other reference to it yet.
    let filled = fill(unsafe { slice::from_raw_parts_mut(start.cast_mut().cast(), len) })?;
    // SAFETY: the object is a `bytes` object.
    let bytes = unsafe { object.cast_into_unchecked::<PyBytes>() };
    match filled == len {
        true => Ok(bytes),
        false => bytes_from(py, &bytes.as_bytes()[..filled]),
    }
}

/// Creates a `bytes` object with a copy of `bytes`.
///
/// # Errors
///
/// MemoryError if it cannot be allocated, where `PyBytes::new` panics.
pub(crate) fn bytes_from<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    // SAFETY: a new reference, or null with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, return_bytes(py, bytes).0) }?;
    // SAFETY: the object is a `bytes` object.
    Ok(unsafe { object.cast_into_unchecked() })
}

/// Returns a `bytes` object with a copy of `bytes`.
#[inline]
pub(crate) fn return_bytes(_py: Python<'_>, bytes: &[u8]) -> ReturnValue {
    // SAFETY: attached (`_py`); pointer and length are those of a slice.
    ReturnValue(unsafe {
        ffi::PyBytes_FromStringAndSize(bytes.as_ptr().cast(), bytes.len() as ffi::Py_ssize_t)
    })
}

/// Creates a `bytes` object of `len` bytes, at least one. Returns `None` if `fill` returns `None`;
/// otherwise `fill` must have written all of them.
#[inline]
pub(crate) fn try_new_bytes(
    py: Python<'_>,
    len: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Option<()>,
) -> Option<ReturnValue> {
    // SAFETY: attached (`py`). A null source leaves the bytes of the new object uninitialized.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(ptr::null(), len as ffi::Py_ssize_t) };
    if object.is_null() {
        return Some(ReturnValue(object));
    }
    // SAFETY: the object is a `bytes` object.
    let start = unsafe { ffi::PyBytes_AS_STRING(object) };
    // SAFETY: the object has `len` bytes, and there is no other reference to it yet.
    match fill(unsafe { slice::from_raw_parts_mut(start.cast_mut().cast(), len) }) {
        Some(()) => Some(ReturnValue(object)),
        None => release(py, object),
    }
}

#[cold]
#[inline(never)]
fn release(_py: Python<'_>, object: *mut ffi::PyObject) -> Option<ReturnValue> {
    // SAFETY: attached (`_py`); this is the only reference to the object.
    unsafe { ffi::Py_DECREF(object) };
    None
}
