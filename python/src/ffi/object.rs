//! Creating an object of a class, or of a subclass that Python code has defined.
//!
//! A constructor that returns its value leaves this to PyO3, and cannot use the object.

#![allow(unsafe_code)]

use std::marker::PhantomData;

use pyo3::{
    PyClass, exceptions::PyTypeError, impl_::pymethods::tp_new_impl, prelude::*, types::PyType,
};

/// The class `T`, or a subclass of it.
pub(crate) struct ClassOf<'a, 'py, T> {
    class: &'a Bound<'py, PyType>,
    base: PhantomData<T>,
}

impl<'a, 'py, T: PyClass> ClassOf<'a, 'py, T> {
    pub(crate) fn new(class: &'a Bound<'py, PyType>) -> PyResult<ClassOf<'a, 'py, T>> {
        if !class.is(class.py().get_type::<T>()) && !class.is_subclass_of::<T>()? {
            return Err(PyTypeError::new_err("not a subclass of the class to be created"));
        }
        Ok(ClassOf { class, base: PhantomData })
    }

    pub(crate) fn py(&self) -> Python<'py> {
        self.class.py()
    }

    /// Creates an object of the class.
    // Inlined: to move a map takes dozens of instructions.
    #[inline(always)]
    pub(crate) fn create(&self, initializer: PyClassInitializer<T>) -> PyResult<Bound<'py, T>> {
        let py = self.class.py();
        // SAFETY: the class is `T` or a subclass of it.
        let object = unsafe { tp_new_impl(py, initializer, self.class.as_type_ptr()) }?;
        // SAFETY: a new reference to an object of that class.
        let object = unsafe { Bound::from_owned_ptr(py, object) };
        // SAFETY: as above.
        Ok(unsafe { object.cast_into_unchecked() })
    }
}
