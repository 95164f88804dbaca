//! The arguments of the constructor, parsed by the rules and with the messages of CPython's
//! `PyArg_ParseTupleAndKeywords`, and notes about the descriptor. The constructors are in `os`.

use std::ffi::c_int;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict, PyString, PyTuple},
};

use crate::{
    argument::int,
    error::{Hint, value_error},
};

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

/// Converts the argument `fileno`. A path or a file object gets a note.
pub(crate) fn descriptor(argument: &Bound<'_, PyAny>) -> PyResult<c_int> {
    int(argument).map_err(|error| match hint_for_argument(argument) {
        Some(hint) => hint.add_to(argument.py(), error),
        None => error,
    })
}

#[cold]
fn hint_for_argument(argument: &Bound<'_, PyAny>) -> Option<Hint> {
    let has = |name| argument.hasattr(name).unwrap_or(false);
    let is_path = argument.is_instance_of::<PyString>() || argument.is_instance_of::<PyBytes>();
    match is_path || has("__fspath__") {
        true => Some(Hint::Path),
        false => has("fileno").then_some(Hint::FileObject),
    }
}

/// Returns CPython's exception for a map that would start at or behind the end of its file.
#[cold]
pub(crate) fn nothing_to_map(py: Python<'_>, offset: u64, file_len: u64) -> PyErr {
    match file_len {
        0 => Hint::EmptyFile.add_to(py, value_error("cannot mmap an empty file")),
        _ => Hint::StartBeyondFile(offset, file_len)
            .add_to(py, value_error("mmap offset is greater than file size")),
    }
}

/// Returns the note for an offset that is not aligned.
pub(crate) fn hint_for_offset(has_file: bool, offset: u64) -> Hint {
    if has_file { Hint::FileOffset(offset) } else { Hint::MemoryOffset(offset) }
}

/// Adds a note to an exception: the kind of the file if it cannot be mapped, or the other hint.
#[cold]
pub(crate) fn with_kind_of_file(
    py: Python<'_>,
    fileno: c_int,
    error: PyErr,
    other: Option<Hint>,
) -> PyErr {
    match mode(py, fileno).ok().and_then(hint_for_mode).or(other) {
        Some(hint) => hint.add_to(py, error),
        None => error,
    }
}

fn mode(py: Python<'_>, fileno: c_int) -> PyResult<u32> {
    py.import("os")?.call_method1("fstat", (fileno,))?.getattr("st_mode")?.extract()
}

/// The numbers are those of Python's module `stat`, which has them on every system.
fn hint_for_mode(mode: u32) -> Option<Hint> {
    match mode & 0o170_000 {
        0o040_000 => Some(Hint::Directory),
        0o010_000 | 0o140_000 => Some(Hint::Pipe),
        0o020_000 | 0o060_000 => Some(Hint::Device),
        _ => None,
    }
}
