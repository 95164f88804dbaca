//! Slots of the class that are filled by hand.
//!
//! The sequence slots see bytes of length 1 where the mapping slots see integers. Iteration, `in` and `reversed` go
//! through them, and `mmap` objects have neither `__iter__` nor `__contains__`. PyO3 has no way to fill them apart from
//! the mapping slots, and leaves those of a `mapping` class empty.
//!
//! The mapping slots are filled once more because `m[i]` is short enough for the frame that PyO3 puts around every slot
//! to be felt. Nothing here panics, which that frame would have caught.

#![allow(unsafe_code)]

use std::{ffi::c_int, ptr};

use pyo3::{
    exceptions::{PyIndexError, PyTypeError},
    ffi::{self, Py_ssize_t},
    prelude::*,
    types::{PyBytes, PyType},
};

use super::one_byte;
use crate::{error::out_of_range, mmap::Mmap};

/// Fills the slots of the class, before anybody can subclass it.
pub(crate) fn fill_slots(class: &Bound<'_, PyType>) {
    // SAFETY: a live class, which only the thread that initialises the module knows yet.
    let class = unsafe { &*class.as_type_ptr() };
    // SAFETY: the table is part of a class that lives on the heap.
    if let Some(sequence) = unsafe { class.tp_as_sequence.as_mut() } {
        sequence.sq_length = Some(length);
        sequence.sq_item = Some(item);
        sequence.sq_ass_item = Some(assign_item);
    }
    // SAFETY: the table is part of a class that lives on the heap.
    if let Some(mapping) = unsafe { class.tp_as_mapping.as_mut() } {
        mapping.mp_length = Some(length);
        mapping.mp_subscript = Some(subscript);
        mapping.mp_ass_subscript = Some(assign_subscript);
    }
}

unsafe extern "C" fn length(object: *mut ffi::PyObject) -> Py_ssize_t {
    // SAFETY: the interpreter calls slots with an object of the class (`entered`).
    unsafe { entered(object, -1, |mmap| Ok(mmap.get().length(mmap.py())? as Py_ssize_t)) }
}

unsafe extern "C" fn item(object: *mut ffi::PyObject, index: Py_ssize_t) -> *mut ffi::PyObject {
    let get = |mmap: &Bound<'_, Mmap>| {
        let at = usize::try_from(index).map_err(|_| out_of_range())?;
        Ok(one_byte(mmap.py(), mmap.get().byte(mmap.py(), at)?).into_ptr())
    };
    // SAFETY: the interpreter calls slots with an object of the class (`entered`).
    unsafe { entered(object, ptr::null_mut(), get) }
}

unsafe extern "C" fn assign_item(object: *mut ffi::PyObject, index: Py_ssize_t, value: *mut ffi::PyObject) -> c_int {
    let set = |mmap: &Bound<'_, Mmap>| {
        let (py, this) = (mmap.py(), mmap.get());
        let len = this.length(py)?;
        let at = usize::try_from(index).ok().filter(|&at| at < len).ok_or_else(out_of_range)?;
        // SAFETY: a live object, or null for a deletion.
        let value = unsafe { Bound::from_borrowed_ptr_or_opt(py, value) }
            .ok_or_else(|| PyTypeError::new_err("mmap object doesn't support item deletion"))?;
        let byte = single(&value)?;
        this.writable()?;
        this.set_byte(py, at, byte).map(|()| 0)
    };
    // SAFETY: the interpreter calls slots with an object of the class (`entered`).
    unsafe { entered(object, -1, set) }
}

unsafe extern "C" fn subscript(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let get = |mmap: &Bound<'_, Mmap>| {
        // SAFETY: the interpreter gives a live object.
        let key = unsafe { Borrowed::from_ptr(mmap.py(), key) };
        Ok(mmap.get().item(mmap.py(), &key)?.into_ptr())
    };
    // SAFETY: the interpreter calls slots with an object of the class (`entered`).
    unsafe { entered(object, ptr::null_mut(), get) }
}

unsafe extern "C" fn assign_subscript(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    let set = |mmap: &Bound<'_, Mmap>| {
        // SAFETY: the interpreter gives a live object.
        let key = unsafe { Borrowed::from_ptr(mmap.py(), key) };
        // SAFETY: a live object, or null for a deletion.
        match unsafe { Bound::from_borrowed_ptr_or_opt(mmap.py(), value) } {
            Some(value) => mmap.get().assign(mmap.py(), &key, &value)?,
            None => mmap.get().delete(mmap.py(), &key)?,
        }
        Ok(0)
    };
    // SAFETY: the interpreter calls slots with an object of the class (`entered`).
    unsafe { entered(object, -1, set) }
}

fn single(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    match value.cast::<PyBytes>().map(|bytes| bytes.as_bytes()) {
        Ok(&[byte]) => Ok(byte),
        _ => Err(PyIndexError::new_err("mmap assignment must be length-1 bytes()")),
    }
}

/// Runs what a slot does, and leaves the exception with the interpreter if there is one.
///
/// # Safety
///
/// - This thread is attached to the interpreter.
/// - `object` is an instance of [`Mmap`].
pub(super) unsafe fn entered<R>(
    object: *mut ffi::PyObject,
    failed: R,
    slot: impl FnOnce(&Bound<'_, Mmap>) -> PyResult<R>,
) -> R {
    // SAFETY: the caller promises it.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: a live object, which the caller keeps so.
    let object = unsafe { Borrowed::from_ptr(py, object) };
    // SAFETY: the caller promises that it is of this class.
    let mmap = unsafe { object.cast_unchecked::<Mmap>() };
    slot(&mmap).unwrap_or_else(|error| {
        error.restore(py);
        failed
    })
}
