//! The class `safemap.ipc.Atomic`.

use std::sync::atomic::Ordering::SeqCst;

use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit, exceptions::PyTypeError, prelude::*};

use super::{
    format::{Format, in_range, with_integer, with_word},
    words::word_error,
};
use crate::{
    argument::{OwnMap, Unsigned},
    mmap::Mmap,
};

/// A word of a map that processes change atomically.
///
/// Atomic(map, offset, format)
///
/// `map` is a mmap or Map of this package, `format` a letter of struct: bBhHiIlLqQnN for integers,
/// f and d for floats, which have load, store and swap only. The methods are atomic for every
/// process that maps the memory, also in Rust (Map::atomic) and in C, and sequentially consistent.
/// Integers wrap around as in C. The byte order is the machine's.
///
/// Raises IndexError if the word does not lie in the map, ValueError for a misaligned address and
/// on processors without native accessors. On a read-only map all methods but load raise TypeError,
/// on a private one all but load and store ValueError: they would exclude no other process.
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct Atomic {
    #[pyo3(get)]
    map: Py<Mmap>,
    #[pyo3(get)]
    offset: usize,
    format: Format,
    #[pyo3(get, name = "format")]
    letter: String,
}

/// Calls a method of the core's handle, with one operand of the word's type.
macro_rules! call {
    ($self:ident, $py:ident, $with:ident $(($float:expr))?, $method:ident, $value:ident) => {
        $with!($self.format, Word => {
            let word: Word = in_range($value.extract(), $value)?;
            let call = |map: &safemap::Map| map.atomic::<Word>($self.offset)?.$method(word, SeqCst);
            $self.map.get().map.with($py, call, word_error)?.into_py_any($py)
        } $(, _ => $float)?)
    };
}

/// Methods that replace an integer by arithmetic.
macro_rules! arithmetic {
    ($($(#[$doc:meta])* $method:ident;)+) => {
        #[pymethods]
        impl Atomic {
            $(
                $(#[$doc])*
                fn $method(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
                    call!(self, py, with_integer(Err(no_arithmetic())), $method, value)
                }
            )+
        }
    };
}

arithmetic! {
    /// Adds `value`, modulo the range of the format, and returns the former number.
    fetch_add;
    /// Subtracts `value`, modulo the range of the format, and returns the former number.
    fetch_sub;
    /// Replaces the number with its bitwise "and" with `value`, and returns the former one.
    fetch_and;
    /// Replaces the number with its bitwise "or" with `value`, and returns the former one.
    fetch_or;
    /// Replaces the number with its exclusive "or" with `value`, and returns the former one.
    fetch_xor;
    /// Replaces the number with the lesser of it and `value`, and returns the former one.
    fetch_min;
    /// Replaces the number with the greater of it and `value`, and returns the former one.
    fetch_max;
}

#[pymethods]
impl Atomic {
    #[new]
    fn new(map: OwnMap<'_>, offset: Unsigned, format: &str) -> PyResult<Atomic> {
        let (OwnMap(map), Unsigned(offset)) = (map, offset);
        let letter = format.trim_start_matches('@').to_owned();
        let format = Format::parse(format)?;
        let check =
            |map: &safemap::Map| with_word!(format, Word => map.atomic::<Word>(offset).map(drop));
        map.get().map.with(map.py(), check, word_error)?;
        Ok(Atomic { map: map.unbind(), offset, format, letter })
    }

    /// Returns the number.
    // Its fence also keeps loads of other bytes before it, and that of `store` keeps stores behind
    // it: docs/ipc.md promises this, and the recipe for a last value needs it.
    fn load(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        with_word!(self.format, Word => {
            let load = |map: &safemap::Map| map.atomic::<Word>(self.offset)?.load(SeqCst);
            self.map.get().map.with(py, load, word_error)?.into_py_any(py)
        })
    }

    /// Stores `value`.
    fn store(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        with_word!(self.format, Word => {
            let word: Word = in_range(value.extract(), value)?;
            let store = |map: &safemap::Map| map.atomic::<Word>(self.offset)?.store(word, SeqCst);
            self.map.get().map.with(py, store, word_error)
        })
    }

    /// Stores `value` and returns the former number.
    fn swap(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        call!(self, py, with_word, swap, value)
    }

    /// Stores `new` if the number is `expected`. Returns the former number: it equals `expected`
    /// if `new` was stored.
    fn compare_exchange(
        &self,
        py: Python<'_>,
        expected: &Bound<'_, PyAny>,
        new: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        with_integer!(self.format, Word => {
            let current: Word = in_range(expected.extract(), expected)?;
            let new: Word = in_range(new.extract(), new)?;
            let exchange = |map: &safemap::Map| {
                let word = map.atomic::<Word>(self.offset)?;
                let former = word.compare_exchange(current, new, SeqCst, SeqCst)?;
                Ok(former.unwrap_or_else(|other| other))
            };
            self.map.get().map.with(py, exchange, word_error)?.into_py_any(py)
        }, _ => Err(no_arithmetic()))
    }

    fn __repr__(&self) -> String {
        format!("safemap.ipc.Atomic(offset={}, format='{}')", self.offset, self.letter)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.map)
    }
}

#[cold]
fn no_arithmetic() -> PyErr {
    PyTypeError::new_err("a float has only load, store and swap")
}
