//! Creating an object of a class, or of a subclass that Python code has defined.
//!
//! A constructor that returns its value leaves this to PyO3, and cannot use the object.

#![allow(unsafe_code)]

use pyo3::{
    PyClass, exceptions::PyTypeError, impl_::pymethods::tp_new_impl, prelude::*, types::PyType,
};

/// Creates an object of `class`, which is `T` or a subclass of it.
pub(crate) fn new_object<'py, T: PyClass>(
    class: &Bound<'py, PyType>,
    initializer: PyClassInitializer<T>,
) -> PyResult<Bound<'py, T>> {
    let py = class.py();
    if !class.is(py.get_type::<T>()) && !class.is_subclass_of::<T>()? {
        return Err(PyTypeError::new_err("not a subclass of the class to be created"));
    }
    // SAFETY: `class` is the type object of `T` or of a subclass.
    let object = unsafe { tp_new_impl(py, initializer, class.as_type_ptr()) }?;
    // SAFETY: a new reference to an object of that class.
    let object = unsafe { Bound::from_owned_ptr(py, object) };
    // SAFETY: as above.
    Ok(unsafe { object.cast_into_unchecked() })
}
