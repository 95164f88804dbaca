//! The C functions of the slots that PyO3 does not fill.
//!
//! The sequence slots return bytes of length 1 where the mapping slots return ints, as in CPython's
//! module. Iteration, `in` and `reversed` use them, without `__iter__` and `__contains__`. PyO3
//! cannot define the two kinds of slots separately, and its frame costs too much for `m[i]`.
//!
//! Each slot has a fast function and a slow one. They are separate, so that the fast one saves only
//! the registers that its own path needs.

#![allow(unsafe_code)]

use std::{ffi::c_int, ptr};

use pyo3::{
    PyTypeInfo,
    ffi::{self, Py_ssize_t, PyObject},
    prelude::*,
    types::PyInt,
};

use super::{
    buffer::{self, Missed},
    method::{argument, instance, run_slow},
};
use crate::{lines::LineIterator, mmap::Mmap};

pub(super) unsafe extern "C" fn length(object: *mut PyObject) -> Py_ssize_t {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    match mmap.get().try_length(mmap.py()) {
        Some(len) => len as Py_ssize_t,
        // SAFETY: this function's argument.
        None => unsafe { length_slow(object) },
    }
}

#[cold]
pub(super) unsafe extern "C" fn length_slow(object: *mut PyObject) -> Py_ssize_t {
    let slow = |mmap: &Bound<'_, Mmap>| Ok(mmap.get().length(mmap.py())? as Py_ssize_t);
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, -1, slow) }
}

pub(super) unsafe extern "C" fn item(object: *mut PyObject, index: Py_ssize_t) -> *mut PyObject {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    match mmap.get().try_sequence_item(mmap.py(), index) {
        Some(item) => item.0,
        // SAFETY: this function's arguments.
        None => unsafe { item_slow(object, index) },
    }
}

#[cold]
pub(super) unsafe extern "C" fn item_slow(
    object: *mut PyObject,
    index: Py_ssize_t,
) -> *mut PyObject {
    let slow = |mmap: &Bound<'_, Mmap>| Ok(mmap.get().sequence_item(mmap.py(), index)?.0);
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, ptr::null_mut(), slow) }
}

/// `sq_item` of `Map`: returns an int, as `m[i]` does.
pub(super) unsafe extern "C" fn item_as_int(
    object: *mut PyObject,
    index: Py_ssize_t,
) -> *mut PyObject {
    let item = |mmap: &Bound<'_, Mmap>| Ok(mmap.get().sequence_int(mmap.py(), index)?.0);
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, ptr::null_mut(), item) }
}

pub(super) unsafe extern "C" fn assign_item(
    object: *mut PyObject,
    index: Py_ssize_t,
    value: *mut PyObject,
) -> c_int {
    let assign = |mmap: &Bound<'_, Mmap>| {
        // SAFETY: a live object, or null for a deletion.
        let value = unsafe { Bound::from_borrowed_ptr_or_opt(mmap.py(), value) };
        mmap.get().assign_sequence_item(mmap.py(), index, value.as_ref()).map(|()| 0)
    };
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, -1, assign) }
}

pub(super) unsafe extern "C" fn subscript(
    object: *mut PyObject,
    key: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: the interpreter passes a live object.
    let index = unsafe { argument(&key) };
    if !index.is_exact_instance_of::<PyInt>() {
        // SAFETY: this function's arguments.
        return unsafe { subscript_slice(object, key) };
    }
    match mmap.get().try_item(mmap.py(), index) {
        Some(item) => item.0,
        // SAFETY: this function's arguments.
        None => unsafe { subscript_slow(object, key) },
    }
}

#[inline(never)]
unsafe extern "C" fn subscript_slice(object: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: as in `subscript`.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: as in `subscript`.
    match mmap.get().try_slice(mmap.py(), unsafe { argument(&key) }) {
        Some(bytes) => bytes.0,
        // SAFETY: this function's arguments.
        None => unsafe { subscript_slow(object, key) },
    }
}

#[cold]
pub(super) unsafe extern "C" fn subscript_slow(
    object: *mut PyObject,
    key: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter passes a live object.
    let slow =
        |mmap: &Bound<'_, Mmap>| Ok(mmap.get().subscript(mmap.py(), unsafe { argument(&key) })?.0);
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, ptr::null_mut(), slow) }
}

pub(super) unsafe extern "C" fn assign_subscript(
    object: *mut PyObject,
    key: *mut PyObject,
    value: *mut PyObject,
) -> c_int {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: the interpreter passes a live object.
    let index = unsafe { argument(&key) };
    if value.is_null() || !index.is_exact_instance_of::<PyInt>() {
        // SAFETY: this function's arguments.
        return unsafe { assign_slice(object, key, value) };
    }
    // SAFETY: a live object, as it is not null.
    match mmap.get().try_assign_item(mmap.py(), index, unsafe { argument(&value) }) {
        Some(()) => 0,
        // SAFETY: this function's arguments.
        None => unsafe { assign_subscript_slow(object, key, value) },
    }
}

#[inline(never)]
unsafe extern "C" fn assign_slice(
    object: *mut PyObject,
    key: *mut PyObject,
    value: *mut PyObject,
) -> c_int {
    if value.is_null() {
        // SAFETY: this function's arguments.
        return unsafe { assign_subscript_slow(object, key, value) };
    }
    // SAFETY: as in `assign_subscript`.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: as in `assign_subscript`.
    let slice = unsafe { argument(&key) };
    // SAFETY: a live object, as it is not null.
    match mmap.get().try_assign_slice(mmap.py(), slice, unsafe { argument(&value) }) {
        Some(()) => 0,
        // SAFETY: this function's arguments.
        None => unsafe { assign_subscript_slow(object, key, value) },
    }
}

#[cold]
pub(super) unsafe extern "C" fn assign_subscript_slow(
    object: *mut PyObject,
    key: *mut PyObject,
    value: *mut PyObject,
) -> c_int {
    let slow = |mmap: &Bound<'_, Mmap>| {
        // SAFETY: the interpreter passes a live object.
        let key = unsafe { argument(&key) };
        // SAFETY: a live object, or null for a deletion.
        let result = match unsafe { Bound::from_borrowed_ptr_or_opt(mmap.py(), value) } {
            Some(value) => mmap.get().assign(mmap.py(), key, &value),
            None => mmap.get().delete(mmap.py(), key),
        };
        result.map(|()| 0)
    };
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, -1, slow) }
}

pub(super) unsafe extern "C" fn get_buffer(
    object: *mut PyObject,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> c_int {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    // SAFETY: the interpreter passes a writable structure.
    match unsafe { buffer::try_export(mmap, view, flags) } {
        Ok(result) => result,
        // SAFETY: this function's arguments.
        Err(Missed::Slow) => unsafe { get_buffer_slow(object, view, flags) },
        // SAFETY: as above.
        Err(Missed::Counted) => unsafe { get_buffer_again(object, view, flags) },
    }
}

/// Withdraws the export of the fast path. A function, so that the fast path saves no registers.
#[cold]
unsafe extern "C" fn get_buffer_again(
    object: *mut PyObject,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> c_int {
    // SAFETY: this function's arguments.
    unsafe { instance::<Mmap>(&object) }.get().map.withdraw();
    // SAFETY: as above.
    unsafe { get_buffer_slow(object, view, flags) }
}

#[cold]
pub(super) unsafe extern "C" fn get_buffer_slow(
    object: *mut PyObject,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> c_int {
    // SAFETY: the interpreter passes a writable structure.
    let slow = |mmap: &Bound<'_, Mmap>| unsafe { buffer::export(mmap, view, flags) };
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, -1, slow) }
}

pub(super) unsafe extern "C" fn release_buffer(object: *mut PyObject, _: *mut ffi::Py_buffer) {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { instance::<Mmap>(&object) }.get().map.release();
}

/// `bf_getbuffer` of `Map`: the core counts buffers through which a transactional map is changed.
pub(super) unsafe extern "C" fn get_buffer_of_map(
    object: *mut PyObject,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> c_int {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    match unsafe { instance::<Mmap>(&object) }.get().commits() {
        // SAFETY: this function's arguments.
        true => unsafe { get_buffer_slow(object, view, flags) },
        // SAFETY: this function's arguments.
        false => unsafe { get_buffer(object, view, flags) },
    }
}

pub(super) unsafe extern "C" fn release_buffer_of_map(
    object: *mut PyObject,
    view: *mut ffi::Py_buffer,
) {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) }.get();
    if mmap.commits() {
        mmap.map.take_back();
    }
    // SAFETY: this function's arguments.
    unsafe { release_buffer(object, view) }
}

pub(super) unsafe extern "C" fn next_line(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    let lines = unsafe { instance::<LineIterator>(&object) };
    match lines.get().try_next(lines.py()) {
        Some(line) => line.0,
        // SAFETY: this function's argument.
        None => unsafe { next_line_slow(object) },
    }
}

#[cold]
unsafe extern "C" fn next_line_slow(object: *mut PyObject) -> *mut PyObject {
    let slow = |lines: &Bound<'_, LineIterator>| {
        let line = lines.get().next(lines.py())?;
        Ok(line.map_or(ptr::null_mut(), Bound::into_ptr))
    };
    // SAFETY: the interpreter calls a slot attached, with an instance of its class.
    unsafe { run_slow(object, ptr::null_mut(), slow) }
}

/// The constructor of `SlowMmap`, which is that of its base class.
pub(super) unsafe extern "C" fn new_slow_mmap(
    class: *mut ffi::PyTypeObject,
    arguments: *mut PyObject,
    keywords: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls a slot attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the class exists as long as its subclass.
    let new = unsafe { (*Mmap::type_object_raw(py)).tp_new };
    // SAFETY: this function's arguments. `class` has no fields besides those that `new`
    // initializes.
    new.map_or(ptr::null_mut(), |new| unsafe { new(class, arguments, keywords) })
}
