//! Methods that are entered by hand, because they do so little that the frame which PyO3 puts around every method is felt:
//! `read_byte` takes 1.4 of the time of CPython's with it and 1.15 without, `tell` 1.3 and 1.0 (`python3 x.py bench`).
//!
//! Nothing here panics, which that frame would have caught.

#![allow(unsafe_code)]

use std::{ffi::CStr, ptr};

use pyo3::{
    ffi::{self, PyMethodDef, PyMethodDefPointer, PyObject},
    prelude::*,
    types::PyType,
};

use super::slots::entered;
use crate::mmap::Mmap;

/// Adds the methods to the class, before anybody can use it.
pub(crate) fn add_methods(class: &Bound<'_, PyType>) -> PyResult<()> {
    add(class, c"tell", tell, c"tell($self, /)\n--\n\nReturns the position.")?;
    let text = c"read_byte($self, /)\n--\n\nReturns the next byte as an int and moves the position behind it.";
    add(class, c"read_byte", read_byte, text)
}

fn add(class: &Bound<'_, PyType>, name: &'static CStr, method: ffi::PyCFunction, doc: &'static CStr) -> PyResult<()> {
    // The interpreter keeps the address for as long as the class lives, which is for ever.
    let definition = Box::leak(Box::new(PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: PyMethodDefPointer { PyCFunction: method },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: doc.as_ptr(),
    }));
    let class_ptr = class.as_type_ptr();
    // SAFETY: attached (`class`); a live class and a definition that stays.
    let descriptor = unsafe { ffi::PyDescr_NewMethod(class_ptr, definition) };
    // SAFETY: a new reference, or null with an exception set.
    let descriptor = unsafe { Bound::from_owned_ptr_or_err(class.py(), descriptor) }?;
    // SAFETY: a live class, which only the thread that initialises the module knows yet.
    let dict = unsafe { (*class_ptr).tp_dict };
    // SAFETY: attached; the class's own dictionary, a name and a live object.
    match unsafe { ffi::PyDict_SetItemString(dict, name.as_ptr(), descriptor.as_ptr()) } {
        // SAFETY: attached; tells the interpreter's caches of the change.
        0 => unsafe { ffi::PyType_Modified(class_ptr) },
        _ => return Err(PyErr::fetch(class.py())),
    }
    Ok(())
}

unsafe extern "C" fn tell(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let tell = |mmap: &Bound<'_, Mmap>| Ok(mmap.get().tell()?.into_pyobject(mmap.py())?.into_any().into_ptr());
    // SAFETY: the interpreter calls methods with an object of the class (`entered`).
    unsafe { entered(object, ptr::null_mut(), tell) }
}

unsafe extern "C" fn read_byte(object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    let read = |mmap: &Bound<'_, Mmap>| {
        let py = mmap.py();
        Ok(mmap.get().read_byte(py)?.into_pyobject(py)?.into_any().into_ptr())
    };
    // SAFETY: the interpreter calls methods with an object of the class (`entered`).
    unsafe { entered(object, ptr::null_mut(), read) }
}
