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

use super::{one_byte, view};
use crate::{error::out_of_range, lines::LineIterator, mmap::Mmap};

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
    if let Some(buffer) = unsafe { class.tp_as_buffer.as_mut() } {
        buffer.bf_getbuffer = Some(get_view);
        buffer.bf_releasebuffer = Some(release_view);
    }
    // SAFETY: the table is part of a class that lives on the heap.
    if let Some(mapping) = unsafe { class.tp_as_mapping.as_mut() } {
        mapping.mp_length = Some(length);
        mapping.mp_subscript = Some(subscript);
        mapping.mp_ass_subscript = Some(assign_subscript);
    }
}

/// Fills the slot of the iterator over lines, before anybody has one.
pub(crate) fn fill_iterator(class: &Bound<'_, PyType>) {
    let class = class.as_type_ptr();
    // SAFETY: a live class, which only the thread that initialises the module knows yet.
    unsafe { (*class).tp_iternext = Some(next_line) };
}

unsafe extern "C" fn length(object: *mut ffi::PyObject) -> Py_ssize_t {
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    match mmap.get().quick_len(mmap.py()) {
        Some(len) => len as Py_ssize_t,
        // SAFETY: as above.
        None => unsafe { length_at_length(object) },
    }
}

#[cold]
unsafe extern "C" fn length_at_length(object: *mut ffi::PyObject) -> Py_ssize_t {
    // SAFETY: as in `length`.
    unsafe { entered(object, -1, |mmap: &Bound<'_, Mmap>| Ok(mmap.get().length(mmap.py())? as Py_ssize_t)) }
}

unsafe extern "C" fn item(object: *mut ffi::PyObject, index: Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    match mmap.get().quick_single(mmap.py(), index) {
        Some(found) => found.0,
        // SAFETY: as above.
        None => unsafe { item_at_length(object, index) },
    }
}

#[cold]
unsafe extern "C" fn item_at_length(object: *mut ffi::PyObject, index: Py_ssize_t) -> *mut ffi::PyObject {
    let get = |mmap: &Bound<'_, Mmap>| {
        let at = usize::try_from(index).map_err(|_| out_of_range())?;
        Ok(one_byte(mmap.py(), mmap.get().byte(mmap.py(), at)?).0)
    };
    // SAFETY: as in `item`.
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
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    unsafe { entered(object, -1, set) }
}

unsafe extern "C" fn subscript(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: the interpreter gives a live object.
    match mmap.get().quick_item(mmap.py(), unsafe { bound(&key) }) {
        Some(found) => found.0,
        // SAFETY: as above.
        None => unsafe { subscript_by_slice(object, key) },
    }
}

// Apart, as everything below is, so that a function has no more registers to save than the quickest way through it needs.
#[inline(never)]
unsafe extern "C" fn subscript_by_slice(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as in `subscript`.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: as in `subscript`.
    match mmap.get().quick_slice(mmap.py(), unsafe { bound(&key) }) {
        Some(found) => found.0,
        // SAFETY: as above.
        None => unsafe { subscript_at_length(object, key) },
    }
}

#[cold]
unsafe extern "C" fn subscript_at_length(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as in `subscript`.
    let get = |mmap: &Bound<'_, Mmap>| Ok(mmap.get().item(mmap.py(), unsafe { bound(&key) })?.into_ptr());
    // SAFETY: as in `subscript`.
    unsafe { entered(object, ptr::null_mut(), get) }
}

unsafe extern "C" fn assign_subscript(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    if value.is_null() {
        // SAFETY: as below.
        return unsafe { delete_subscript(object, key) };
    }
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: the interpreter gives a live object.
    let index = unsafe { bound(&key) };
    // SAFETY: the interpreter gives a live object, or null.
    match mmap.get().quick_store(mmap.py(), index, unsafe { bound(&value) }) {
        Some(()) => 0,
        // SAFETY: as above.
        None => unsafe { assign_by_slice(object, key, value) },
    }
}

#[inline(never)]
unsafe extern "C" fn assign_by_slice(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    // SAFETY: as in `assign_subscript`.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: as in `assign_subscript`.
    let slice = unsafe { bound(&key) };
    // SAFETY: as in `assign_subscript`.
    match mmap.get().quick_fill(mmap.py(), slice, unsafe { bound(&value) }) {
        Some(()) => 0,
        // SAFETY: as above.
        None => unsafe { assign_at_length(object, key, value) },
    }
}

#[cold]
unsafe extern "C" fn assign_at_length(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int {
    let set = |mmap: &Bound<'_, Mmap>| {
        // SAFETY: as in `assign_subscript`.
        let key = unsafe { bound(&key) };
        // SAFETY: as in `assign_subscript`.
        mmap.get().assign(mmap.py(), key, unsafe { bound(&value) }).map(|()| 0)
    };
    // SAFETY: as in `assign_subscript`.
    unsafe { entered(object, -1, set) }
}

#[cold]
unsafe extern "C" fn delete_subscript(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    // SAFETY: the interpreter gives a live object.
    let delete = |mmap: &Bound<'_, Mmap>| mmap.get().delete(mmap.py(), unsafe { bound(&key) }).map(|()| 0);
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    unsafe { entered(object, -1, delete) }
}

unsafe extern "C" fn get_view(object: *mut ffi::PyObject, view: *mut ffi::Py_buffer, flags: c_int) -> c_int {
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: the interpreter gives a view that may be written.
    match unsafe { view::quick_export(mmap, view, flags) } {
        Some(filled) => filled,
        // SAFETY: as above.
        None => unsafe { get_view_at_length(object, view, flags) },
    }
}

#[cold]
unsafe extern "C" fn get_view_at_length(object: *mut ffi::PyObject, view: *mut ffi::Py_buffer, flags: c_int) -> c_int {
    // SAFETY: as in `get_view`. An exporter that fails leaves no object behind.
    unsafe { (*view).obj = ptr::null_mut() };
    // SAFETY: as in `get_view`.
    let export = |mmap: &Bound<'_, Mmap>| unsafe { view::export(mmap, view, flags) }.map(|()| 0);
    // SAFETY: as in `get_view`.
    unsafe { entered(object, -1, export) }
}

unsafe extern "C" fn release_view(object: *mut ffi::PyObject, _: *mut ffi::Py_buffer) {
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    unsafe { instance::<Mmap>(&object) }.get().shelf.release();
}

unsafe extern "C" fn next_line(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter is attached, and calls slots with an object of the class.
    let lines = unsafe { instance::<LineIterator>(&object) };
    match lines.get().quick_next(lines.py()) {
        Some(line) => line.0,
        // SAFETY: as above.
        None => unsafe { next_line_at_length(object) },
    }
}

#[cold]
unsafe extern "C" fn next_line_at_length(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let next = |lines: &Bound<'_, LineIterator>| {
        let line = lines.get().__next__(lines.py())?;
        Ok(line.map_or(ptr::null_mut(), Bound::into_ptr))
    };
    // SAFETY: as in `next_line`.
    unsafe { entered(object, ptr::null_mut(), next) }
}

fn single(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    match value.cast::<PyBytes>().map(|bytes| bytes.as_bytes()) {
        Ok(&[byte]) => Ok(byte),
        _ => Err(PyIndexError::new_err("mmap assignment must be length-1 bytes()")),
    }
}

/// Runs what a slot does off the quick road, and leaves the exception with the interpreter if there is one.
///
/// # Safety
///
/// As [`instance`].
pub(super) unsafe fn entered<T, R>(
    object: *mut ffi::PyObject,
    failed: R,
    slot: impl FnOnce(&Bound<'_, T>) -> PyResult<R>,
) -> R {
    // SAFETY: the caller promises it.
    let object = unsafe { instance::<T>(&object) };
    slot(object).unwrap_or_else(|error| {
        error.restore(object.py());
        failed
    })
}

/// The object that a slot or a method is called with, of its class.
///
/// # Safety
///
/// - This thread is attached to the interpreter.
/// - `object` is an instance of `T`, and the caller holds it.
#[inline]
pub(super) unsafe fn instance<T>(object: &*mut ffi::PyObject) -> &Bound<'_, T> {
    // SAFETY: a `Bound` is the address of its object; the caller promises the rest.
    unsafe { &*ptr::from_ref(object).cast() }
}

/// An object that a slot is called with.
///
/// # Safety
///
/// - This thread is attached to the interpreter.
/// - `object` is not null, and the caller holds it.
#[inline]
unsafe fn bound(object: &*mut ffi::PyObject) -> &Bound<'_, PyAny> {
    // SAFETY: a `Bound` is the address of its object; the caller promises the rest.
    unsafe { &*ptr::from_ref(object).cast() }
}
