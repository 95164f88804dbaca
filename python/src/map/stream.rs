//! The interface of the classes of the `io` module.

use std::{ffi::CStr, marker::PhantomData};

use pyo3::prelude::*;

use super::{FileMap, base, helpers::STREAM};
use crate::{
    argument::Unsigned,
    ffi::{Method, ReturnValue, with_bytes, with_writable_bytes},
    file::{Seek, seek, unsupported_operation},
    mmap::Mmap,
    search::Find,
};

/// `Map.seek(pos, whence=0, /)`
pub(crate) struct SeekStream;

impl Method for SeekStream {
    const NAME: &'static CStr = Seek::NAME;
    const DOC: &'static CStr = Seek::DOC;
    const ARITY: (usize, usize) = Seek::ARITY;

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        Seek::fast(mmap, py, arguments)
    }

    /// Raises an OSError for a position outside the map, as files do. That of `mmap` is a
    /// ValueError; `io.UnsupportedOperation` is both.
    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        seek(mmap, py, arguments, || unsupported_operation(py, ("seek out of range",)))
    }
}

/// A method that reads forward from the position. It releases pages behind it if the map was opened
/// with `drop_behind`.
pub(crate) struct Forward<M>(PhantomData<M>);

impl<M: Method> Method for Forward<M> {
    const NAME: &'static CStr = M::NAME;
    const DOC: &'static CStr = M::DOC;
    const ARITY: (usize, usize) = M::ARITY;

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let start = mmap.position();
        let value = M::fast(mmap, py, arguments)?;
        mmap.passed(py, start, mmap.position());
        Some(value)
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        let start = mmap.position();
        let value = M::slow(mmap, py, arguments)?;
        mmap.passed(py, start, mmap.position());
        Ok(value)
    }
}

/// `Map.find(view, start=None, end=None, /)`
pub(crate) struct FindForward;

impl Method for FindForward {
    const NAME: &'static CStr = Find::NAME;
    const DOC: &'static CStr = Find::DOC;
    const ARITY: (usize, usize) = Find::ARITY;

    /// Searches too few bytes to release pages.
    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        if mmap.drops_behind { None } else { Find::fast(mmap, py, arguments) }
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        Find::slow(mmap, py, arguments)
    }
}

#[pymethods]
impl FileMap {
    /// True, as for every file object: `zipfile` takes a false one for closed.
    fn __bool__(&self) -> bool {
        true
    }

    /// Returns True. Raises ValueError if the map is closed.
    fn readable(slf: &Bound<'_, Self>) -> PyResult<bool> {
        base(slf).ensure_open().map(|()| true)
    }

    /// Returns whether the map can be written to. Raises ValueError if it is closed.
    fn writable(slf: &Bound<'_, Self>) -> PyResult<bool> {
        base(slf).ensure_open().map(|()| !base(slf).is_read_only())
    }

    /// Raises io.UnsupportedOperation: the position of the map is not that of a descriptor.
    fn fileno(slf: &Bound<'_, Self>) -> PyResult<i32> {
        Err(unsupported_operation(slf.py(), ("fileno",)))
    }

    /// Copies bytes from the position into a writable `buffer`, advances the position and returns
    /// the number of bytes: 0 at the end.
    ///
    /// Returns the bytes before one that cannot be accessed. The next call raises FaultError.
    #[pyo3(signature = (buffer, /))]
    fn readinto(slf: &Bound<'_, Self>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let base = base(slf);
        let at = base.position();
        let read = base.read_into(buffer, at, usize::MAX)?;
        base.set_position(at + read);
        base.passed(slf.py(), at, at + read);
        Ok(read)
    }

    /// Returns a raw stream of the bytes from `start` to `end`, with its own position.
    ///
    /// Without `end` it extends to the end of the map, and writing past that end makes the map
    /// longer if it was opened without a size. Closing a stream does not close the map.
    ///
    /// Raises ValueError for a negative bound and for an end before the start.
    #[pyo3(
        signature = (start = Unsigned(0), end = None),
        text_signature = "($self, start=0, end=None)"
    )]
    fn reader<'py>(
        slf: &Bound<'py, Self>,
        start: Unsigned,
        end: Option<Unsigned>,
    ) -> PyResult<Bound<'py, PyAny>> {
        base(slf).ensure_open()?;
        STREAM.get(slf.py())?.call1((slf, start.0, end.map(|end| end.0)))
    }

    /// Like readinto(), from `at`, and at most up to `end`. Does not use the position.
    fn _read_into(
        slf: &Bound<'_, Self>,
        buffer: &Bound<'_, PyAny>,
        at: usize,
        end: usize,
    ) -> PyResult<usize> {
        let read = base(slf).read_into(buffer, at, end)?;
        base(slf).passed(slf.py(), at, at + read);
        Ok(read)
    }

    /// Like write(), at `at`. Does not use the position.
    fn _write_at(slf: &Bound<'_, Self>, bytes: &Bound<'_, PyAny>, at: usize) -> PyResult<usize> {
        with_bytes(bytes, |bytes| {
            base(slf).ensure_writable()?;
            base(slf).write_bytes(slf.py(), bytes, at).map(|()| bytes.len())
        })
    }
}

impl Mmap {
    /// Copies bytes of `at..end` into a buffer; returns how many.
    fn read_into(&self, buffer: &Bound<'_, PyAny>, at: usize, end: usize) -> PyResult<usize> {
        with_writable_bytes(buffer, |bytes| self.copy_before_fault(buffer.py(), bytes, at, end))
    }
}
