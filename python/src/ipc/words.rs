//! Loads and stores of words, with one access each.

use pyo3::{IntoPyObjectExt, exceptions::PyValueError, prelude::*};
use safemap::Error;

use super::format::{Format, in_range, with_integer, with_word};
use crate::{
    argument::Unsigned,
    error::index_or_exception,
    map::{FileMap, base},
};

#[pymethods]
impl FileMap {
    /// Returns the number at `offset`, loaded by one access of the width of `format`: a letter of
    /// struct (bBhHiIlLqQnNfd), with the machine's byte order. An aligned number is never torn.
    ///
    /// Raises IndexError if it does not lie in the map.
    fn load(slf: &Bound<'_, Self>, format: &str, offset: Unsigned) -> PyResult<Py<PyAny>> {
        let (py, map, Unsigned(offset)) = (slf.py(), base(slf), offset);
        with_word!(Format::parse(format)?, Word => {
            map.map.with(py, |map| map.load::<Word>(offset), word_error)?.into_py_any(py)
        })
    }

    /// Stores `value` at `offset` by one access of the width of `format`; otherwise as load().
    ///
    /// Raises IndexError if it does not lie in the map, ValueError if the format does not have the
    /// value, TypeError for a read-only map.
    fn store(
        slf: &Bound<'_, Self>,
        format: &str,
        offset: Unsigned,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let (py, map, Unsigned(offset)) = (slf.py(), base(slf), offset);
        with_word!(Format::parse(format)?, Word => {
            let word: Word = in_range(value.extract(), value)?;
            map.map.with(py, |map| map.store(word, offset), word_error)
        })
    }
}

/// Converts the error of an access to a word.
pub(super) fn word_error(error: Error) -> PyErr {
    match error {
        Error::Unaligned { .. } => PyValueError::new_err(error.to_string()),
        error => index_or_exception(error),
    }
}
