//! The arguments of the constructor, by the rules and with the texts of CPython's own parser. The constructors themselves stand in `os`.

use std::ffi::c_int;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

use crate::argument::int;

/// The names of the arguments, in order; those behind the positional ones are given by name alone.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) all: &'static [&'static str],
    pub(crate) positional: usize,
}

/// Positional and named arguments, taken one after the other.
pub(crate) struct Arguments<'a, 'py> {
    names: Names,
    args: &'a Bound<'py, PyTuple>,
    kwargs: Option<&'a Bound<'py, PyDict>>,
    /// How many of `kwargs` were taken.
    named: usize,
}

impl<'a, 'py> Arguments<'a, 'py> {
    pub(crate) fn new(
        names: Names,
        args: &'a Bound<'py, PyTuple>,
        kwargs: Option<&'a Bound<'py, PyDict>>,
    ) -> PyResult<Self> {
        let (positional, all) = (args.len(), args.len() + kwargs.map_or(0, |kwargs| kwargs.len()));
        if all > names.all.len() {
            return Err(too_many(names.all.len(), if positional == 0 { "keyword " } else { "" }, all));
        }
        if positional > names.positional {
            return Err(too_many(names.positional, "positional ", positional));
        }
        Ok(Arguments { names, args, kwargs, named: 0 })
    }

    /// The argument number `i`, if it was given.
    pub(crate) fn take(&mut self, i: usize) -> PyResult<Option<Bound<'py, PyAny>>> {
        if i < self.args.len() {
            return self.args.get_item(i).map(Some);
        }
        let Some(kwargs) = self.kwargs else { return Ok(None) };
        let found = kwargs.get_item(self.names.all[i])?;
        self.named += usize::from(found.is_some());
        Ok(found)
    }

    pub(crate) fn required(&mut self, i: usize) -> PyResult<Bound<'py, PyAny>> {
        let missing = || format!("function missing required argument '{}' (pos {})", self.names.all[i], i + 1);
        self.take(i)?.ok_or_else(|| PyTypeError::new_err(missing()))
    }

    pub(crate) fn int_or(&mut self, i: usize, default: c_int) -> PyResult<c_int> {
        self.take(i)?.map_or(Ok(default), |object| int(&object))
    }

    pub(crate) fn truth_or(&mut self, i: usize, default: bool) -> PyResult<bool> {
        self.take(i)?.map_or(Ok(default), |object| object.is_truthy())
    }

    /// Raises if the argument number `i` was given by name, as if there were none.
    #[cfg(windows)]
    pub(crate) fn refuse(&self, i: usize) -> PyResult<()> {
        match self.kwargs.map_or(Ok(false), |kwargs| kwargs.contains(self.names.all[i]))? {
            true => Err(unexpected(self.names.all[i])),
            false => Ok(()),
        }
    }

    /// Raises if some of the named arguments were not wanted.
    pub(crate) fn finish(self) -> PyResult<()> {
        let Some(kwargs) = self.kwargs.filter(|kwargs| kwargs.len() > self.named) else { return Ok(()) };
        for (i, name) in self.names.all.iter().enumerate().take(self.args.len()) {
            if kwargs.contains(name)? {
                let text = format!("argument for function given by name ('{name}') and position ({})", i + 1);
                return Err(PyTypeError::new_err(text));
            }
        }
        let unknown = kwargs.keys().into_iter().find(|key| !self.names.have(key));
        let Some(unknown) = unknown.and_then(|key| key.cast_into::<PyString>().ok()) else {
            return Err(PyTypeError::new_err("keywords must be strings"));
        };
        Err(unexpected(&unknown.to_string_lossy()))
    }
}

impl Names {
    /// Whether `key` is one of them, without the methods that a subclass of `str` may have.
    fn have(&self, key: &Bound<'_, PyAny>) -> bool {
        key.cast::<PyString>().is_ok_and(|key| key.to_str().is_ok_and(|key| self.all.contains(&key)))
    }
}

fn unexpected(name: &str) -> PyErr {
    PyTypeError::new_err(format!("this function got an unexpected keyword argument '{name}'"))
}

fn too_many(limit: usize, kind: &str, given: usize) -> PyErr {
    PyTypeError::new_err(format!("function takes at most {limit} {kind}arguments ({given} given)"))
}
