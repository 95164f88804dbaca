//! Methods that are entered by hand, because they do so little that the frame which PyO3 puts around every method is felt.
//!
//! A function of ours stands before the one that PyO3 made, and takes the quick road (`quick.rs`). Where that gives up, PyO3's takes
//! over as if nothing had been, with its own way to judge arguments.
//!
//! Nothing here panics, which PyO3's frame would have caught.

#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_int},
    ptr, slice,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

use pyo3::{
    exceptions::PySystemError,
    ffi::{self, Py_ssize_t, PyMethodDef, PyMethodDefPointer, PyMethodDescrObject, PyObject},
    prelude::*,
    types::PyType,
};

use super::{Answer, slots::instance};
use crate::mmap::Mmap;

/// Methods without arguments, and their quick roads.
const PLAIN: [(&CStr, Plain, ffi::PyCFunction); 3] = [
    (c"tell", Mmap::quick_tell, plain::<0>),
    (c"read_byte", Mmap::quick_read_byte, plain::<1>),
    (c"readline", Mmap::quick_readline, plain::<2>),
];

/// Methods with positional arguments.
const PLACED: [(&CStr, Placed, ffi::PyCFunctionFastWithKeywords); 7] = [
    (c"seek", Mmap::quick_seek, placed::<0>),
    (c"read", Mmap::quick_read, placed::<1>),
    (c"write", Mmap::quick_write, placed::<2>),
    (c"write_byte", Mmap::quick_write_byte, placed::<3>),
    (c"find", Mmap::quick_find, placed::<4>),
    (c"rfind", Mmap::quick_rfind, placed::<5>),
    (c"move", Mmap::quick_move, placed::<6>),
];

type Plain = fn(&Mmap, Python<'_>) -> Option<Answer>;
type Placed = fn(&Mmap, Python<'_>, &[Bound<'_, PyAny>]) -> Option<Answer>;

/// What PyO3 made of the methods of the two tables.
static PLAIN_MADE: [AtomicPtr<PyMethodDef>; PLAIN.len()] = [const { AtomicPtr::new(ptr::null_mut()) }; PLAIN.len()];
static PLACED_MADE: [AtomicPtr<PyMethodDef>; PLACED.len()] = [const { AtomicPtr::new(ptr::null_mut()) }; PLACED.len()];

unsafe extern "C" fn plain<const I: usize>(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter is attached, and calls methods with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    if let Some(done) = PLAIN[I].1(mmap.get(), mmap.py()) {
        return done.0;
    }
    // SAFETY: noted by `quicken`.
    let made = unsafe { *PLAIN_MADE[I].load(Relaxed) };
    // SAFETY: a method without arguments (`replace`).
    let made = unsafe { made.ml_meth.PyCFunction };
    // SAFETY: called as we were called; the second argument means nothing.
    unsafe { made(object, ptr::null_mut()) }
}

unsafe extern "C" fn placed<const I: usize>(
    object: *mut PyObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter is attached, and calls methods with an object of the class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    if names.is_null() && count > 0 {
        // SAFETY: so many live objects are there, which the caller holds; a `Bound` is the address of its object.
        let given = unsafe { slice::from_raw_parts(arguments.cast::<Bound<'_, PyAny>>(), count as usize) };
        if let Some(done) = PLACED[I].1(mmap.get(), mmap.py(), given) {
            return done.0;
        }
    }
    // SAFETY: noted by `quicken`.
    let made = unsafe { *PLACED_MADE[I].load(Relaxed) };
    // SAFETY: a method with positional arguments and names (`replace`).
    let made = unsafe { made.ml_meth.PyCFunctionFastWithKeywords };
    // SAFETY: called as we were called.
    unsafe { made(object, arguments, count, names) }
}

/// Puts the quick roads before the methods of the class, before anybody can use it.
pub(crate) fn quicken(class: &Bound<'_, PyType>) -> PyResult<()> {
    for ((name, _, method), made) in PLAIN.into_iter().zip(&PLAIN_MADE) {
        replace(class, name, PyMethodDefPointer { PyCFunction: method }, ffi::METH_NOARGS, made)?;
    }
    for ((name, _, method), made) in PLACED.into_iter().zip(&PLACED_MADE) {
        let method = PyMethodDefPointer { PyCFunctionFastWithKeywords: method };
        replace(class, name, method, ffi::METH_FASTCALL | ffi::METH_KEYWORDS, made)?;
    }
    Ok(())
}

/// Puts `method` in the place of what PyO3 made, which goes to `made`. Both are called in the way that `flags` tell.
fn replace(
    class: &Bound<'_, PyType>,
    name: &'static CStr,
    method: PyMethodDefPointer,
    flags: c_int,
    made: &AtomicPtr<PyMethodDef>,
) -> PyResult<()> {
    let class_ptr = class.as_type_ptr();
    // SAFETY: a live class, which only the thread that initialises the module knows yet.
    let dict = unsafe { (*class_ptr).tp_dict };
    // SAFETY: attached (`class`); the class's own dictionary.
    let old = unsafe { ffi::PyDict_GetItemString(dict, name.as_ptr()) };
    // SAFETY: null, or what PyO3 puts into a class for a method.
    let old = unsafe { old.cast::<PyMethodDescrObject>().as_ref() }.ok_or_else(strange)?;
    // SAFETY: PyO3 keeps the definitions for ever.
    let definition = unsafe { *old.d_method };
    if definition.ml_flags != flags {
        return Err(strange());
    }
    made.store(old.d_method, Relaxed);
    // The interpreter keeps the address for as long as the class lives, which is for ever.
    let definition = Box::leak(Box::new(PyMethodDef { ml_meth: method, ..definition }));
    // SAFETY: attached (`class`); a live class and a definition that stays.
    let descriptor = unsafe { ffi::PyDescr_NewMethod(class_ptr, definition) };
    // SAFETY: a new reference, or null with an exception set.
    let descriptor = unsafe { Bound::from_owned_ptr_or_err(class.py(), descriptor) }?;
    // SAFETY: attached; the class's own dictionary, a name and a live object.
    match unsafe { ffi::PyDict_SetItemString(dict, name.as_ptr(), descriptor.as_ptr()) } {
        // SAFETY: attached; tells the interpreter's caches of the change.
        0 => unsafe { ffi::PyType_Modified(class_ptr) },
        _ => return Err(PyErr::fetch(class.py())),
    }
    Ok(())
}

/// The class is not what this file was written for; nobody can import the module then, so no test passes.
fn strange() -> PyErr {
    PySystemError::new_err("safemap was built with a PyO3 that makes methods in another way")
}
