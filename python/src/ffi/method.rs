//! Methods that the interpreter calls without PyO3's frame, whose cost shows in short calls.
//!
//! A [`Method`] has a fast path and a slow path. The C function of the class tries the fast path
//! first; the one of `SlowMmap` (`slow_paths.rs`) always takes the slow path.

#![allow(unsafe_code)]

use std::{
    any::Any,
    ffi::CStr,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr, slice,
};

use pyo3::{
    exceptions::PyTypeError,
    ffi::{Py_ssize_t, PyObject},
    impl_::pymethods::{PyMethodDef, PyMethodDefType},
    panic::PanicException,
    prelude::*,
};

use super::ReturnValue;
use crate::mmap::Mmap;

/// A method with a fast path.
pub(crate) trait Method {
    const NAME: &'static CStr;
    /// The text signature and the docstring, separated as CPython's Argument Clinic does.
    const DOC: &'static CStr;
    /// The minimum and the maximum number of positional arguments.
    const ARITY: (usize, usize);

    /// Fast path: arguments of exact types, an open map, accessible bytes. Returns `None` if the
    /// slow path is needed.
    ///
    /// Runs no Python code, does not panic, and has no effect that the slow path does not repeat.
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue>;

    /// Handles every call. The number of arguments is that of `ARITY`.
    ///
    /// # Errors
    ///
    /// The exception of the method.
    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue>;
}

/// Raises TypeError, with the text of CPython's Argument Clinic, for a wrong number of arguments.
fn check_count(name: &str, (min, max): (usize, usize), count: usize) -> PyResult<()> {
    let (bound, limit) = match count {
        _ if count < min => ("at least ", min),
        _ if count > max => ("at most ", max),
        _ => return Ok(()),
    };
    let bound = if min == max { "" } else { bound };
    let plural = if limit == 1 { "" } else { "s" };
    Err(PyTypeError::new_err(format!(
        "{name} expected {bound}{limit} argument{plural}, got {count}"
    )))
}

/// Defines the method `M` of a class, with its fast path or without.
pub(super) const fn define<M: Method>(fast: bool) -> PyMethodDefType {
    PyMethodDefType::Method(match (M::ARITY, fast) {
        ((0, 0), true) => PyMethodDef::noargs(M::NAME, call_without_arguments::<M>, M::DOC),
        ((0, 0), false) => PyMethodDef::noargs(M::NAME, call_slow_without_arguments::<M>, M::DOC),
        (_, true) => PyMethodDef::fastcall_cfunction_with_keywords(M::NAME, call::<M>, M::DOC),
        (_, false) => {
            PyMethodDef::fastcall_cfunction_with_keywords(M::NAME, call_slow::<M>, M::DOC)
        }
    })
}

unsafe extern "C" fn call_without_arguments<M: Method>(
    object: *mut PyObject,
    unused: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls a method attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    match M::fast(mmap.get(), mmap.py(), &[]) {
        Some(value) => value.0,
        // SAFETY: this function's arguments.
        None => unsafe { call_slow_without_arguments::<M>(object, unused) },
    }
}

#[cold]
unsafe extern "C" fn call_slow_without_arguments<M: Method>(
    object: *mut PyObject,
    _: *mut PyObject,
) -> *mut PyObject {
    let slow = |mmap: &Bound<'_, Mmap>| Ok(M::slow(mmap.get(), mmap.py(), &[])?.0);
    // SAFETY: the interpreter calls a method attached, with an instance of its class.
    unsafe { run_slow(object, ptr::null_mut(), slow) }
}

unsafe extern "C" fn call<M: Method>(
    object: *mut PyObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the interpreter calls a method attached, with an instance of its class.
    let mmap = unsafe { instance::<Mmap>(&object) };
    if names.is_null() && count > 0 {
        // SAFETY: the caller holds `count` objects there; a `Bound` is a pointer to its object.
        let arguments =
            unsafe { slice::from_raw_parts(arguments.cast::<Bound<'_, PyAny>>(), count as usize) };
        if let Some(value) = M::fast(mmap.get(), mmap.py(), arguments) {
            return value.0;
        }
    }
    // SAFETY: this function's arguments.
    unsafe { call_slow::<M>(object, arguments, count, names) }
}

#[cold]
unsafe extern "C" fn call_slow<M: Method>(
    object: *mut PyObject,
    arguments: *const *mut PyObject,
    count: Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    let slow = |mmap: &Bound<'_, Mmap>| {
        let name = &M::NAME.to_string_lossy();
        if !names.is_null() {
            return Err(PyTypeError::new_err(format!("mmap.{name}() takes no keyword arguments")));
        }
        check_count(name, M::ARITY, count as usize)?;
        let arguments = match count {
            0 => &[],
            // SAFETY: the caller holds `count` objects there; a `Bound` is a pointer to its object.
            _ => unsafe { slice::from_raw_parts(arguments.cast(), count as usize) },
        };
        Ok(M::slow(mmap.get(), mmap.py(), arguments)?.0)
    };
    // SAFETY: the interpreter calls a method attached, with an instance of its class.
    unsafe { run_slow(object, ptr::null_mut(), slow) }
}

/// Runs a slow path. Sets its exception, or one for a panic, and then returns `failure`.
///
/// # Safety
///
/// As [`instance`].
pub(super) unsafe fn run_slow<T, R>(
    object: *mut PyObject,
    failure: R,
    slow: impl FnOnce(&Bound<'_, T>) -> PyResult<R>,
) -> R {
    // SAFETY: the caller's promise.
    let object = unsafe { instance::<T>(&object) };
    let result = catch_unwind(AssertUnwindSafe(|| slow(object)));
    result.unwrap_or_else(|payload| Err(panicked(&*payload))).unwrap_or_else(|error| {
        error.restore(object.py());
        failure
    })
}

/// Returns the exception for a panic, as PyO3's frame does.
#[cold]
fn panicked(payload: &(dyn Any + Send)) -> PyErr {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    PanicException::new_err(text.unwrap_or_else(|| "panic from Rust code".to_owned()))
}

/// Returns the object that a method or slot is called on.
///
/// # Safety
///
/// - This thread is attached to the interpreter.
/// - `object` is an instance of `T`, and the caller holds a reference to it.
#[inline]
pub(super) unsafe fn instance<T>(object: &*mut PyObject) -> &Bound<'_, T> {
    // SAFETY: a `Bound` is a pointer to its object; the rest is the caller's promise.
    unsafe { &*ptr::from_ref(object).cast() }
}

/// Returns an object that a slot is called with.
///
/// # Safety
///
/// - This thread is attached to the interpreter.
/// - `object` is not null, and the caller holds a reference to it.
#[inline]
pub(super) unsafe fn argument(object: &*mut PyObject) -> &Bound<'_, PyAny> {
    // SAFETY: a `Bound` is a pointer to its object; the rest is the caller's promise.
    unsafe { &*ptr::from_ref(object).cast() }
}
