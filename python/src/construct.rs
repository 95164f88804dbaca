//! The arguments of the constructor, parsed by the rules and with the messages of CPython's
//! `PyArg_ParseTupleAndKeywords`. The constructors are in `os`.

use std::ffi::c_int;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

use crate::argument::int;

/// The names of the parameters, in order. Those after the first `positional` are keyword-only.
#[derive(Clone, Copy)]
pub(crate) struct Parameters {
    pub(crate) names: &'static [&'static str],
    pub(crate) positional: usize,
}

/// Positional and keyword arguments, taken one after the other.
pub(crate) struct Arguments<'a, 'py> {
    parameters: Parameters,
    args: &'a [Bound<'py, PyAny>],
    kwargs: Option<&'a Bound<'py, PyDict>>,
    /// How many of `kwargs` were taken.
    taken_by_name: usize,
}

impl<'a, 'py> Arguments<'a, 'py> {
    pub(crate) fn new(
        parameters: Parameters,
        args: &'a Bound<'py, PyTuple>,
        kwargs: Option<&'a Bound<'py, PyDict>>,
    ) -> PyResult<Self> {
        let (positional, all) = (args.len(), args.len() + kwargs.map_or(0, |kwargs| kwargs.len()));
        if all > parameters.names.len() {
            return Err(too_many(
                parameters.names.len(),
                if positional == 0 { "keyword " } else { "" },
                all,
            ));
        }
        if positional > parameters.positional {
            return Err(too_many(parameters.positional, "positional ", positional));
        }
        Ok(Arguments { parameters, args: args.as_slice(), kwargs, taken_by_name: 0 })
    }

    /// Converts the argument of parameter `i`. Returns `None` if it is omitted.
    #[inline]
    pub(crate) fn convert<T>(
        &mut self,
        i: usize,
        convert: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<Option<T>> {
        if let Some(argument) = self.args.get(i) {
            return convert(argument).map(Some);
        }
        match self.kwargs {
            Some(kwargs) => self.take_by_name(kwargs, i)?.as_ref().map(convert).transpose(),
            None => Ok(None),
        }
    }

    #[cold]
    fn take_by_name(
        &mut self,
        kwargs: &Bound<'py, PyDict>,
        i: usize,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = kwargs.get_item(self.parameters.names[i])?;
        self.taken_by_name += usize::from(found.is_some());
        Ok(found)
    }

    #[inline]
    pub(crate) fn required<T>(
        &mut self,
        i: usize,
        convert: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<T> {
        self.convert(i, convert)?.ok_or_else(|| missing(self.parameters.names[i], i))
    }

    #[inline]
    pub(crate) fn int_or(&mut self, i: usize, default: c_int) -> PyResult<c_int> {
        Ok(self.convert(i, int)?.unwrap_or(default))
    }

    #[inline]
    pub(crate) fn truth_or(&mut self, i: usize, default: bool) -> PyResult<bool> {
        Ok(self.convert(i, Bound::is_truthy)?.unwrap_or(default))
    }

    /// Raises TypeError if the argument of parameter `i` is passed by name, as for an unknown name.
    #[cfg(windows)]
    pub(crate) fn reject_keyword(&self, i: usize) -> PyResult<()> {
        match self.kwargs.map_or(Ok(false), |kwargs| kwargs.contains(self.parameters.names[i]))? {
            true => Err(unexpected(self.parameters.names[i])),
            false => Ok(()),
        }
    }

    /// Raises TypeError if a keyword argument was not taken: unknown, or passed by position as
    /// well.
    pub(crate) fn finish(self) -> PyResult<()> {
        let Some(kwargs) = self.kwargs.filter(|kwargs| kwargs.len() > self.taken_by_name) else {
            return Ok(());
        };
        for (i, name) in self.parameters.names.iter().enumerate().take(self.args.len()) {
            if kwargs.contains(name)? {
                let text = format!(
                    "argument for function given by name ('{name}') and position ({})",
                    i + 1
                );
                return Err(PyTypeError::new_err(text));
            }
        }
        let unknown = kwargs.keys().into_iter().find(|key| !self.parameters.contain(key));
        let Some(unknown) = unknown.and_then(|key| key.cast_into::<PyString>().ok()) else {
            return Err(PyTypeError::new_err("keywords must be strings"));
        };
        Err(unexpected(&unknown.to_string_lossy()))
    }
}

impl Parameters {
    /// Whether `key` is one of the names. Does not call methods of a subclass of `str`.
    fn contain(&self, key: &Bound<'_, PyAny>) -> bool {
        key.cast::<PyString>()
            .is_ok_and(|key| key.to_str().is_ok_and(|key| self.names.contains(&key)))
    }
}

#[cold]
fn missing(name: &str, i: usize) -> PyErr {
    let text = format!("function missing required argument '{name}' (pos {})", i + 1);
    PyTypeError::new_err(text)
}

fn unexpected(name: &str) -> PyErr {
    PyTypeError::new_err(format!("this function got an unexpected keyword argument '{name}'"))
}

fn too_many(max: usize, kind: &str, count: usize) -> PyErr {
    PyTypeError::new_err(format!("function takes at most {max} {kind}arguments ({count} given)"))
}
