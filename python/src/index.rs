//! Indices and slices.

use std::ops::Range;

use pyo3::{
    exceptions::{PyIndexError, PyTypeError},
    prelude::*,
    types::{PyBytes, PySlice},
};
use safemap::{Map, copy_of};

use crate::{
    error::{index_out_of_range, to_exception, value_error},
    ffi::{
        ReturnValue, is_index, new_bytes, single_byte, slice_bounds, small_int, subscript,
        try_new_bytes, try_short_bytes, try_slice_bounds, try_small_int, with_bytes,
    },
    mmap::{DETACH_THRESHOLD, Mmap, offset_in},
    pieces::{Direction, PIECE, Pieces, SignalClock},
};

/// Reading.
impl Mmap {
    /// Fast path of [`Mmap::subscript`] for an index.
    #[inline]
    pub(crate) fn try_item(&self, py: Python<'_>, index: &Bound<'_, PyAny>) -> Option<ReturnValue> {
        let index = try_small_int(index)?;
        let byte = self.map.try_with(py, |map| map.try_get(offset(map, index)))?;
        Some(small_int(py, byte))
    }

    /// Fast path of [`Mmap::subscript`] for a slice.
    #[inline]
    pub(crate) fn try_slice(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> Option<ReturnValue> {
        match try_slice_bounds(key.cast::<PySlice>().ok()?)? {
            bounds @ (_, _, 1) => {
                let range = Stride::new(bounds, self.try_length(py)?);
                self.try_copy_out(py, range.start, range.count)
            }
            bounds => self.try_gather(py, bounds),
        }
    }

    // Not inlined, to keep the code for a step of 1 short.
    #[inline(never)]
    fn try_gather(&self, py: Python<'_>, bounds: (isize, isize, isize)) -> Option<ReturnValue> {
        let stride = Stride::new(bounds, self.try_length(py)?);
        if stride.count == 0 || stride.extent() >= DETACH_THRESHOLD {
            return None;
        }
        try_new_bytes(py, stride.count, |bytes| {
            self.map.try_with(py, |map| map.gather(bytes, stride.start, stride.step).map(drop).ok())
        })
    }

    /// `mmap[key]`: returns an int for an index, bytes for a slice.
    pub(crate) fn subscript(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
    ) -> PyResult<ReturnValue> {
        self.ensure_open()?;
        if is_index(key) {
            let index = subscript::<PyIndexError>(key)?;
            let at = usize::try_from(index).or_else(|_| self.offset_of(py, index))?;
            return Ok(small_int(py, self.byte(py, at)?));
        }
        let Ok(key) = key.cast::<PySlice>() else {
            return Err(PyTypeError::new_err("mmap indices must be integers"));
        };
        let stride = Stride::new(slice_bounds(key)?, self.length(py)?);
        self.gather(py, stride).map(ReturnValue::from)
    }

    fn gather<'py>(&self, py: Python<'py>, stride: Stride) -> PyResult<Bound<'py, PyBytes>> {
        if stride.step == 1 {
            return self.copy_out(py, stride.start, stride.count);
        }
        new_bytes(py, stride.count, |bytes| {
            let mut gather = |map: &Map, piece: Range<usize>| {
                let start = stride.offset(piece.start);
                map.gather(&mut bytes[piece], start, stride.step).map(|_| None::<()>)
            };
            if stride.extent() < DETACH_THRESHOLD {
                self.run(py, |map| gather(map, 0..stride.count))?;
            } else {
                let mut clock = SignalClock::new();
                self.run_pieces(py, &mut clock, &mut stride.pieces(), gather)?;
            }
            Ok(stride.count)
        })
    }

    /// Fast path of [`Mmap::sequence_item`].
    #[inline]
    pub(crate) fn try_sequence_item(&self, py: Python<'_>, index: isize) -> Option<ReturnValue> {
        let byte = self.map.try_with(py, |map| map.try_get(index as usize))?;
        Some(single_byte(py, byte))
    }

    /// The item that iteration and `in` use: a `bytes` object of length 1.
    pub(crate) fn sequence_item(&self, py: Python<'_>, index: isize) -> PyResult<ReturnValue> {
        let at = usize::try_from(index).map_err(|_| index_out_of_range())?;
        Ok(single_byte(py, self.byte(py, at)?))
    }

    /// The same for `Map` and subclasses: an int.
    pub(crate) fn sequence_int(&self, py: Python<'_>, index: isize) -> PyResult<ReturnValue> {
        let at = usize::try_from(index).map_err(|_| index_out_of_range())?;
        Ok(small_int(py, self.byte(py, at)?))
    }
}

/// Writing.
impl Mmap {
    /// Fast path of [`Mmap::assign`] for an index.
    #[inline]
    pub(crate) fn try_assign_item(
        &self,
        py: Python<'_>,
        index: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> Option<()> {
        let (index, byte) = (try_small_int(index)?, u8::try_from(try_small_int(value)?).ok()?);
        self.map.try_with(py, |map| map.try_set(byte, offset(map, index)))
    }

    /// Fast path of [`Mmap::assign`] for a slice.
    #[inline]
    pub(crate) fn try_assign_slice(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> Option<()> {
        let bounds = try_slice_bounds(key.cast::<PySlice>().ok()?)?;
        let bytes = try_short_bytes(value)?;
        let (_, _, 1) = bounds else { return self.try_scatter(py, bounds, bytes) };
        let range = Stride::new(bounds, self.try_length(py)?);
        if range.count != bytes.len() {
            return None;
        }
        self.map.try_with(py, |map| map.write_at(bytes, range.start).ok())
    }

    #[inline(never)]
    fn try_scatter(
        &self,
        py: Python<'_>,
        bounds: (isize, isize, isize),
        bytes: &[u8],
    ) -> Option<()> {
        let stride = Stride::new(bounds, self.try_length(py)?);
        if stride.count != bytes.len() {
            return None;
        }
        self.map.try_with(py, |map| map.scatter(bytes, stride.start, stride.step).ok())
    }

    /// `mmap[key] = value`
    pub(crate) fn assign(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.ensure_open()?;
        self.ensure_writable()?;
        if is_index(key) {
            let index = subscript::<PyIndexError>(key)?;
            let at = self.offset_of(py, index)?;
            let byte = byte_of_int(value)?;
            return self.set_byte(py, at, byte);
        }
        let bounds = slice_bounds(slice_of(key)?)?;
        if bounds.2 == 1 {
            return with_bytes(value, |bytes| {
                let range = self.stride_for(py, bounds, bytes)?;
                self.copy_in(py, bytes, range.start)
            });
        }
        let stable = value.is_exact_instance_of::<PyBytes>();
        with_bytes(value, |bytes| {
            let stride = self.stride_for(py, bounds, bytes)?;
            self.scatter(py, bytes, stable, stride)
        })
    }

    /// Copies `bytes` to the bytes of a slice. Other threads may write to them unless they are
    /// `stable`; then a copy is written.
    fn scatter(&self, py: Python<'_>, bytes: &[u8], stable: bool, stride: Stride) -> PyResult<()> {
        let write =
            |bytes: &[u8]| self.run(py, |map| map.scatter(bytes, stride.start, stride.step));
        match (stride.extent() < DETACH_THRESHOLD, stable) {
            (true, true) => return write(bytes),
            (true, false) => return write(&copy_of(bytes).map_err(to_exception)?),
            // Bytes of the map itself are copied before any of them changes.
            (false, false) if self.run(py, |map| Ok(offset_in(map, bytes)))?.is_some() => {
                return self.scatter(py, &copy_of(bytes).map_err(to_exception)?, true, stride);
            }
            _ => {}
        }
        self.write_pieces(py, stride.pieces(), |map, piece| {
            let (start, bytes) = (stride.offset(piece.start), &bytes[piece]);
            match stable {
                true => map.scatter(bytes, start, stride.step),
                false => map.scatter(&copy_of(bytes)?, start, stride.step),
            }
        })
    }

    /// Returns the stride of a slice to which `bytes` are assigned.
    #[inline]
    fn stride_for(
        &self,
        py: Python<'_>,
        bounds: (isize, isize, isize),
        bytes: &[u8],
    ) -> PyResult<Stride> {
        let stride = Stride::new(bounds, self.length(py)?);
        match stride.count == bytes.len() {
            true => Ok(stride),
            false => Err(PyIndexError::new_err("mmap slice assignment is wrong size")),
        }
    }

    /// The sequence slot for assignments, which only C code calls. `value` is `None` for a
    /// deletion.
    pub(crate) fn assign_sequence_item(
        &self,
        py: Python<'_>,
        index: isize,
        value: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let len = self.length(py)?;
        let at =
            usize::try_from(index).ok().filter(|&at| at < len).ok_or_else(index_out_of_range)?;
        let value = value
            .ok_or_else(|| PyTypeError::new_err("mmap object doesn't support item deletion"))?;
        let byte = byte_of_bytes(value)?;
        self.ensure_writable()?;
        self.set_byte(py, at, byte)
    }

    /// `del mmap[key]`, which always raises.
    pub(crate) fn delete(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.ensure_open()?;
        self.ensure_writable()?;
        if is_index(key) {
            let index = subscript::<PyIndexError>(key)?;
            self.offset_of(py, index)?;
            return Err(PyTypeError::new_err("mmap doesn't support item deletion"));
        }
        slice_bounds(slice_of(key)?)?;
        self.ensure_open()?;
        Err(PyTypeError::new_err("mmap object doesn't support slice deletion"))
    }

    /// Converts an index, which may count from the end, to an offset. Raises IndexError if it is
    /// out of range.
    #[inline]
    fn offset_of(&self, py: Python<'_>, index: isize) -> PyResult<usize> {
        let len = self.length(py)?;
        let at = if index < 0 { len.checked_add_signed(index) } else { Some(index as usize) };
        at.filter(|&at| at < len).ok_or_else(index_out_of_range)
    }
}

fn slice_of<'a, 'py>(key: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PySlice>> {
    // CPython's text for assignments is without the "s" of the one for reads.
    key.cast::<PySlice>().map_err(|_| PyTypeError::new_err("mmap indices must be integer"))
}

fn byte_of_int(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    if !is_index(value) {
        return Err(PyTypeError::new_err("mmap item value must be an int"));
    }
    let number = subscript::<PyTypeError>(value)?;
    u8::try_from(number).map_err(|_| value_error("mmap item value must be in range(0, 256)"))
}

fn byte_of_bytes(value: &Bound<'_, PyAny>) -> PyResult<u8> {
    match value.cast::<PyBytes>().map(|bytes| bytes.as_bytes()) {
        Ok(&[byte]) => Ok(byte),
        _ => Err(PyIndexError::new_err("mmap assignment must be length-1 bytes()")),
    }
}

/// Converts an index to an offset, which is far outside the map if the index is out of range.
#[inline]
fn offset(map: &Map, index: isize) -> usize {
    if index < 0 { map.len().wrapping_add_signed(index) } else { index as usize }
}

/// A slice, adjusted to the length of the map.
#[derive(Clone, Copy)]
struct Stride {
    /// Offset of the first byte. Only meaningful if `count` is not zero.
    start: usize,
    step: isize,
    count: usize,
}

impl Stride {
    /// Adjusts start, stop and step to a sequence of length `len`, as `slice.indices` does.
    #[inline]
    fn new((start, stop, step): (isize, isize, isize), len: usize) -> Stride {
        let len = len as isize;
        let (min, max) = if step > 0 { (0, len) } else { (-1, len - 1) };
        let clamp = |index: isize| {
            if index < 0 { index.saturating_add(len).max(min) } else { index.min(max) }
        };
        let (start, stop) = (clamp(start), clamp(stop));
        let distance = if step > 0 { stop - start } else { start - stop };
        let count = match distance {
            ..=0 => 0,
            // Avoids the division, which is slow.
            _ if step == 1 => distance as usize,
            _ => (distance as usize - 1) / step.unsigned_abs() + 1,
        };
        Stride { start: start.max(0) as usize, step, count }
    }

    /// Offset of the byte with this index.
    fn offset(self, index: usize) -> usize {
        self.start.wrapping_add_signed(self.step.wrapping_mul(index as isize))
    }

    /// Pieces of the indices `0..count`, with a limited distance from the first byte to the last.
    fn pieces(self) -> Pieces {
        let size = (PIECE / self.step.unsigned_abs()).max(1);
        Pieces::new(0..self.count, Direction::Forward).of_size(size)
    }

    /// An upper bound for the number of bytes from the first to the last.
    #[inline]
    fn extent(self) -> usize {
        self.count.saturating_mul(self.step.unsigned_abs())
    }
}
