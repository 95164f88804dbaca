//! Indices and slices.

use pyo3::{
    exceptions::{PyIndexError, PyTypeError},
    prelude::*,
    types::{PyBytes, PySlice},
};

use crate::{
    buffer::{is_index, lend, lend_settled, new_bytes, slice, subscript},
    error::out_of_range,
    mmap::Mmap,
};

// The slots behind these are in `buffer/slots.rs` too; they come here likewise.
#[pymethods]
impl Mmap {
    fn __getitem__<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.item(py, key)
    }

    fn __setitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.assign(py, key, value)
    }

    fn __delitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delete(py, key)
    }
}

impl Mmap {
    /// `mmap[key]`: an int, or bytes.
    #[inline]
    pub(crate) fn item<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.open()?;
        if is_index(key) {
            let index = subscript::<PyIndexError>(key)?;
            let at = usize::try_from(index).or_else(|_| self.at(py, index))?;
            return Ok(self.byte(py, at)?.into_pyobject(py)?.into_any());
        }
        let Ok(key) = key.cast::<PySlice>() else {
            return Err(PyTypeError::new_err("mmap indices must be integers"));
        };
        let places = Places::new(slice(key)?, self.length(py)?);
        Ok(self.copy_places(py, places)?.into_any())
    }

    /// `mmap[key] = value`.
    #[inline]
    pub(crate) fn assign(&self, py: Python<'_>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open()?;
        self.writable()?;
        if is_index(key) {
            let index = subscript::<PyIndexError>(key)?;
            let at = self.at(py, index)?;
            let byte = item_value(value)?;
            return self.set_byte(py, at, byte);
        }
        let range = slice(slice_key(key)?)?;
        if range.2 == 1 {
            return lend(value, |bytes| {
                let places = self.places(py, range, bytes)?;
                self.copy_in(py, bytes, places.start)
            });
        }
        lend_settled(value, |bytes| {
            let places = self.places(py, range, bytes)?;
            self.scatter(py, places, bytes)
        })
    }

    /// `del mmap[key]`, which there is none of.
    pub(crate) fn delete(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open()?;
        self.writable()?;
        if is_index(key) {
            let index = subscript::<PyIndexError>(key)?;
            self.at(py, index)?;
            return Err(PyTypeError::new_err("mmap doesn't support item deletion"));
        }
        slice(slice_key(key)?)?;
        self.open()?;
        Err(PyTypeError::new_err("mmap object doesn't support slice deletion"))
    }
}

fn slice_key<'a, 'py>(key: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PySlice>> {
    // CPython's text, without the s that it has when reading.
    key.cast::<PySlice>().map_err(|_| PyTypeError::new_err("mmap indices must be integer"))
}

fn item_value(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    if !is_index(value) {
        return Err(PyTypeError::new_err("mmap item value must be an int"));
    }
    let number = subscript::<PyTypeError>(value)?;
    u8::try_from(number).map_err(|_| crate::error::value("mmap item value must be in range(0, 256)"))
}

/// The places in the map that a slice means.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    /// The first of them, if there is one.
    pub(crate) start: usize,
    pub(crate) step: isize,
    pub(crate) count: usize,
}

impl Places {
    /// Applies `start`, `stop` and `step` to a sequence of `len`, as `slice.indices` does.
    #[inline]
    pub(crate) fn new((start, stop, step): (isize, isize, isize), len: usize) -> Places {
        let len = len as isize;
        // Where counting ends: behind the last place, or before the first.
        let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let place = |at: isize| if at < 0 { at.saturating_add(len).max(low) } else { at.min(high) };
        let (start, stop) = (place(start), place(stop));
        let distance = if step > 0 { stop - start } else { start - stop };
        let count = match distance {
            ..=0 => 0,
            // Without the division, which would be felt.
            _ if step == 1 => distance as usize,
            _ => (distance as usize - 1) / step.unsigned_abs() + 1,
        };
        Places { start: start.max(0) as usize, step, count }
    }

    /// Bytes of the map from the first place to the last, and some more.
    #[inline]
    pub(crate) fn span(self) -> usize {
        self.count.saturating_mul(self.step.unsigned_abs())
    }
}

impl Mmap {
    /// Translates an index, which may count from the end.
    #[inline]
    fn at(&self, py: Python<'_>, index: isize) -> PyResult<usize> {
        let len = self.length(py)?;
        let at = if index < 0 { len.checked_add_signed(index) } else { Some(index as usize) };
        at.filter(|&at| at < len).ok_or_else(out_of_range)
    }

    fn copy_places<'py>(&self, py: Python<'py>, places: Places) -> PyResult<Bound<'py, PyBytes>> {
        if places.step == 1 {
            return self.copy_out(py, places.start, places.count);
        }
        new_bytes(py, places.count, |room| {
            self.run_sized(py, places.span(), |map| Ok(map.gather(room, places.start, places.step)?.len()))
        })
    }

    /// The places of a slice that `bytes` are assigned to.
    #[inline]
    fn places(&self, py: Python<'_>, range: (isize, isize, isize), bytes: &[u8]) -> PyResult<Places> {
        let places = Places::new(range, self.length(py)?);
        match places.count == bytes.len() {
            true => Ok(places),
            false => Err(PyIndexError::new_err("mmap slice assignment is wrong size")),
        }
    }

    /// Stores `bytes` at `places`, one at each.
    fn scatter(&self, py: Python<'_>, places: Places, bytes: &[u8]) -> PyResult<()> {
        self.run_sized(py, bytes.len(), |map| map.scatter(bytes, places.start, places.step))
    }
}
