//! Views: the buffer protocol, which hands out the mapped memory itself.

#![allow(unsafe_code)]

use std::{ffi::c_int, ptr};

use pyo3::{ffi, prelude::*};
use safemap::{Error, Map};

use crate::{error::raise, mmap::Mmap};

// The slots behind these are in `slots.rs` too; they come here likewise.
#[pymethods]
impl Mmap {
    /// Exports the memory; it stays where it is until the view is released.
    ///
    /// # Safety
    ///
    /// Called by the interpreter, with a `view` to fill.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the interpreter gives a view that may be written. An exporter that fails leaves no object behind.
        unsafe { (*view).obj = ptr::null_mut() };
        // SAFETY: as above.
        unsafe { export(slf, view, flags) }
    }

    /// Takes note that a view is gone.
    ///
    /// # Safety
    ///
    /// Called by the interpreter, once for each view.
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.shelf.release();
    }
}

/// Fills a view of the memory.
///
/// # Safety
///
/// `view` may be written.
pub(super) unsafe fn export(mmap: &Bound<'_, Mmap>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
    let shelf = &mmap.get().shelf;
    let map = shelf.export(mmap.py())?;
    if let Some(offset) = map.damage() {
        shelf.release();
        return Err(raise(Error::Damaged { offset }));
    }
    // SAFETY: just exported; the caller's promise.
    match unsafe { fill(mmap, map, view, flags) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(mmap.py())),
    }
}

/// As [`export`], if nothing is in the way; what C functions return.
///
/// # Safety
///
/// `view` may be written.
#[inline]
pub(super) unsafe fn quick_export(mmap: &Bound<'_, Mmap>, view: *mut ffi::Py_buffer, flags: c_int) -> Option<c_int> {
    let shelf = &mmap.get().shelf;
    let map = shelf.quick_export(mmap.py())?;
    if map.damage().is_some() {
        shelf.release();
        return None;
    }
    // SAFETY: just exported; the caller's promise.
    Some(unsafe { fill(mmap, map, view, flags) })
}

/// Fills a view of `map`, which was exported for it, or takes that back.
///
/// # Safety
///
/// - `map` is that of `mmap`, and was exported.
/// - `view` may be written.
#[inline]
unsafe fn fill(mmap: &Bound<'_, Mmap>, map: &Map, view: *mut ffi::Py_buffer, flags: c_int) -> c_int {
    // SAFETY: the caller promises it.
    unsafe { (*view).obj = ptr::null_mut() };
    let (start, len) = (map.as_mut_ptr().cast(), map.len() as ffi::Py_ssize_t);
    let read_only = c_int::from(mmap.get().is_read_only());
    // SAFETY: the memory holds until `release` (Shelf), which the view's owner causes; a view with `obj` keeps this
    // object alive.
    let filled = unsafe { ffi::PyBuffer_FillInfo(view, mmap.as_ptr(), start, len, read_only, flags) };
    if filled != 0 {
        mmap.get().shelf.release();
    }
    filled
}
