//! Views: the buffer protocol, which hands out the mapped memory itself.

#![allow(unsafe_code)]

use std::{ffi::c_int, ptr};

use pyo3::{ffi, prelude::*};
use safemap::Error;

use crate::{error::raise, mmap::Mmap};

#[pymethods]
impl Mmap {
    /// Exports the memory; it stays where it is until the view is released.
    ///
    /// # Safety
    ///
    /// Called by the interpreter, with a `view` to fill.
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the interpreter gives a view that may be written.
        unsafe { (*view).obj = ptr::null_mut() };
        let this = slf.get();
        let map = this.shelf.export(slf.py())?;
        if let Some(offset) = map.damage() {
            this.shelf.release();
            return Err(raise(Error::Damaged { offset }));
        }
        let (start, len) = (map.as_mut_ptr().cast(), map.len() as ffi::Py_ssize_t);
        let read_only = c_int::from(this.is_read_only());
        // SAFETY: the memory holds until `release` (Shelf), which the view's owner causes; a view with `obj` keeps this
        // object alive.
        match unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, len, read_only, flags) } {
            0 => Ok(()),
            _ => {
                this.shelf.release();
                Err(PyErr::fetch(slf.py()))
            }
        }
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
