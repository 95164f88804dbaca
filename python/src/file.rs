//! The methods of a file object: the position, and reads and writes there.

use std::{ffi::CStr, mem::MaybeUninit};

use pyo3::{
    PyErrArguments,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyType},
};
use safemap::Error;

use crate::{
    argument::{byte, count, int, try_small_ints},
    error::{to_exception, value_error},
    ffi::{
        Method, ReturnValue, return_bytes, return_int, small_int, ssize, try_short_bytes,
        with_bytes,
    },
    mmap::Mmap,
    os,
    pieces::Direction,
    search::FAST_SEARCH_LENGTH,
};

/// The fast path of `readline` copies lines up to this length in one pass with the search for their
/// end. A search followed by a copy takes a tenth longer than CPython's `readline`.
const FAST_LINE_LENGTH: usize = 256;

/// `mmap.tell()`
pub(crate) struct Tell;

impl Method for Tell {
    const NAME: &'static CStr = c"tell";
    const DOC: &'static CStr = c"tell($self, /)\n--\n\nReturns the current position.";
    const ARITY: (usize, usize) = (0, 0);

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, _: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        (!mmap.map.is_closed()).then(|| return_int(py, mmap.position()))
    }

    fn slow<'py>(mmap: &Mmap, py: Python<'py>, _: &[Bound<'py, PyAny>]) -> PyResult<ReturnValue> {
        mmap.ensure_open()?;
        Ok(return_int(py, mmap.position()))
    }
}

/// `mmap.seek(pos, whence=0, /)`
pub(crate) struct Seek;

impl Method for Seek {
    const NAME: &'static CStr = c"seek";
    const DOC: &'static CStr = c"seek($self, pos, whence=0, /)\n--\n\n\
        Sets the position and returns it.\n\n\
        `pos` is relative to the start (whence 0), the current position (1) or the end (2).";
    const ARITY: (usize, usize) = (1, 2);

    // Always inlined: the class `Map` calls it too.
    #[inline(always)]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let [pos] = try_small_ints(arguments)?;
        let to = usize::try_from(pos)
            .ok()
            .filter(|&to| mmap.try_length(py).is_some_and(|len| to <= len))?;
        mmap.set_position(to);
        Some(return_int(py, to))
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        seek(mmap, py, arguments, || value_error("seek out of range"))
    }
}

/// Sets the position. Raises `out_of_range` if it would be outside the map.
pub(crate) fn seek(
    mmap: &Mmap,
    py: Python<'_>,
    arguments: &[Bound<'_, PyAny>],
    out_of_range: impl FnOnce() -> PyErr,
) -> PyResult<ReturnValue> {
    let (distance, whence) = (ssize(&arguments[0])?, arguments.get(1).map_or(Ok(0), int)?);
    let len = mmap.length(py)?;
    let from = match whence {
        0 => 0,
        1 => mmap.position(),
        2 => len,
        _ => return Err(value_error("unknown seek type")),
    };
    let to = from.checked_add_signed(distance).filter(|&to| to <= len);
    let to = to.ok_or_else(out_of_range)?;
    mmap.set_position(to);
    Ok(return_int(py, to))
}

/// `mmap.read(n=None, /)`
pub(crate) struct Read;

impl Method for Read {
    const NAME: &'static CStr = c"read";
    const DOC: &'static CStr = c"read($self, n=None, /)\n--\n\n\
        Returns the next `n` bytes, or all remaining bytes, and advances the position.";
    const ARITY: (usize, usize) = (0, 1);

    // Always inlined: the class `Map` calls it too.
    #[inline(always)]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let [n] = try_small_ints(arguments)?;
        let at = mmap.position();
        let left = mmap.try_length(py)?.saturating_sub(at);
        mmap.try_consume(py, at, usize::try_from(n).ok()?.min(left))
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        let n = count(arguments.first())?.unwrap_or(usize::MAX);
        let (at, len) = (mmap.position(), mmap.length(py)?);
        mmap.consume(py, at, n.min(len.saturating_sub(at)))
    }
}

/// `mmap.read_byte()`
pub(crate) struct ReadByte;

impl Method for ReadByte {
    const NAME: &'static CStr = c"read_byte";
    const DOC: &'static CStr = c"read_byte($self, /)\n--\n\n\
        Returns the next byte as an int and advances the position.";
    const ARITY: (usize, usize) = (0, 0);

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, _: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let at = mmap.position();
        let byte = mmap.map.try_with(py, |map| map.try_get(at))?;
        mmap.set_position(at + 1);
        Some(small_int(py, byte))
    }

    fn slow<'py>(mmap: &Mmap, py: Python<'py>, _: &[Bound<'py, PyAny>]) -> PyResult<ReturnValue> {
        let at = mmap.position();
        let byte = mmap.map.with(
            py,
            |map| map.get(at),
            |error| beyond_end(error, "read byte out of range"),
        )?;
        mmap.set_position(at + 1);
        Ok(small_int(py, byte))
    }
}

/// `mmap.readline()`
pub(crate) struct Readline;

impl Method for Readline {
    const NAME: &'static CStr = c"readline";
    const DOC: &'static CStr = c"readline($self, /)\n--\n\n\
        Returns the bytes up to and including the next newline, or all remaining bytes, and\n\
        advances the position.";
    const ARITY: (usize, usize) = (0, 0);

    // Always inlined: the class `Map` calls it too.
    #[inline(always)]
    fn fast(mmap: &Mmap, py: Python<'_>, _: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let (at, mut buffer) = (mmap.position(), [MaybeUninit::uninit(); FAST_LINE_LENGTH]);
        if let Some(line) = mmap.map.try_with(py, |map| map.try_until(b'\n', at, &mut buffer)) {
            mmap.set_position(at + line.len());
            return Some(return_bytes(py, line));
        }
        let newline = mmap.map.try_with(py, |map| {
            let end = map.len().min(at.saturating_add(FAST_SEARCH_LENGTH));
            map.find(b"\n", at..end).ok()?
        })?;
        mmap.try_consume(py, at, newline + 1 - at)
    }

    fn slow<'py>(mmap: &Mmap, py: Python<'py>, _: &[Bound<'py, PyAny>]) -> PyResult<ReturnValue> {
        let (at, len) = (mmap.position(), mmap.length(py)?);
        let newline = mmap.search_within(py, b"\n", at.min(len), len, Direction::Forward)?;
        let end = newline.map_or(len, |newline| newline + 1);
        mmap.consume(py, at, end.saturating_sub(at))
    }
}

/// `mmap.write(bytes, /)`
pub(crate) struct Write;

impl Method for Write {
    const NAME: &'static CStr = c"write";
    const DOC: &'static CStr = c"write($self, bytes, /)\n--\n\n\
        Writes `bytes` at the position, advances the position and returns the number of bytes.\n\n\
        Raises ValueError, and writes nothing, if they do not fit.";
    const ARITY: (usize, usize) = (1, 1);

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let [bytes] = arguments else { return None };
        let bytes = try_short_bytes(bytes)?;
        let at = mmap.position();
        mmap.map.try_with(py, |map| map.write_at(bytes, at).ok())?;
        mmap.set_position(at + bytes.len());
        Some(return_int(py, bytes.len()))
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        with_bytes(&arguments[0], |bytes| {
            mmap.ensure_writable()?;
            let at = mmap.position();
            mmap.write_bytes(py, bytes, at)?;
            mmap.set_position(at + bytes.len());
            Ok(return_int(py, bytes.len()))
        })
    }
}

/// `mmap.write_byte(byte, /)`
pub(crate) struct WriteByte;

impl Method for WriteByte {
    const NAME: &'static CStr = c"write_byte";
    const DOC: &'static CStr = c"write_byte($self, byte, /)\n--\n\n\
        Writes the int `byte` at the position and advances the position.";
    const ARITY: (usize, usize) = (1, 1);

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let [byte] = try_small_ints(arguments)?;
        let (at, byte) = (mmap.position(), u8::try_from(byte).ok()?);
        mmap.map.try_with(py, |map| map.try_set(byte, at))?;
        mmap.set_position(at + 1);
        Some(ReturnValue::none(py))
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        let byte = byte(&arguments[0])?;
        mmap.ensure_writable()?;
        let at = mmap.position();
        if mmap.grows && at >= mmap.length(py)? {
            mmap.write_bytes(py, &[byte], at)?;
            mmap.set_position(at + 1);
            return Ok(ReturnValue::none(py));
        }
        mmap.map.with(
            py,
            |map| map.set(byte, at),
            |error| beyond_end(error, "write byte out of range"),
        )?;
        mmap.set_position(at + 1);
        Ok(ReturnValue::none(py))
    }
}

#[pymethods]
impl Mmap {
    /// Returns True: the position can be changed.
    fn seekable(&self) -> bool {
        true
    }

    /// Returns the current length of the file in bytes, or that of the map for anonymous memory.
    fn size(&self, py: Python<'_>) -> PyResult<u64> {
        self.ensure_open()?;
        if !self.tracked {
            return Err(unsupported(py, "can't get size with trackfd=False"));
        }
        self.run(py, |map| map.file_len())
    }

    /// Raises FaultError if the file is shorter than the map, with the end of the file, relative to
    /// the start of the map, as `offset`. Checks this with one fstat(). The file may become shorter
    /// at any time after it.
    ///
    /// Raises io.UnsupportedOperation for a device and for a map created with trackfd=False.
    fn verify(&self, py: Python<'_>) -> PyResult<()> {
        let verified = self.run_detached(py, |map| match map.verify() {
            Err(Error::Unsupported(reason)) => Ok(Err(reason)),
            result => result.map(Ok),
        })?;
        verified.map_err(|reason| unsupported(py, reason))
    }
}

impl Mmap {
    /// Fast path of [`Mmap::consume`].
    #[inline]
    fn try_consume(&self, py: Python<'_>, at: usize, len: usize) -> Option<ReturnValue> {
        let bytes = self.try_copy_out(py, at, len)?;
        self.set_position(at + len);
        Some(bytes)
    }

    /// Returns `len` bytes, starting at `at`, and sets the position to their end.
    fn consume(&self, py: Python<'_>, at: usize, len: usize) -> PyResult<ReturnValue> {
        let bytes: Bound<'_, PyBytes> = self.copy_out(py, at, len)?;
        self.set_position(at + bytes.as_bytes().len());
        Ok(bytes.into())
    }

    /// Writes `bytes` at `at`. Raises ValueError, and writes nothing, if they do not fit.
    pub(crate) fn write_bytes(&self, py: Python<'_>, bytes: &[u8], at: usize) -> PyResult<()> {
        let inside = self.length(py)?.saturating_sub(at).min(bytes.len());
        let (inside, behind) = bytes.split_at(inside);
        match (behind.is_empty(), self.grows) {
            (true, _) => {}
            (false, true) => self.write_behind(py, behind, at.saturating_add(inside.len()))?,
            (false, false) => return Err(value_error("data out of range")),
        }
        if inside.is_empty() { Ok(()) } else { self.copy_in(py, inside, at) }
    }
}

#[cold]
fn beyond_end(error: Error, text: &'static str) -> PyErr {
    match error {
        Error::OutOfBounds { .. } => value_error(text),
        error => to_exception(error),
    }
}

/// `io.UnsupportedOperation`. It is a subclass of OSError, which CPython raises up to 3.14, and of
/// ValueError, which CPython raises from 3.15 on.
static UNSUPPORTED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Imports `io.UnsupportedOperation` early, because imports fail during finalization.
pub(crate) fn import_unsupported(py: Python<'_>) -> PyResult<()> {
    UNSUPPORTED.import(py, "io", "UnsupportedOperation").map(drop)
}

fn unsupported(py: Python<'_>, text: &'static str) -> PyErr {
    unsupported_operation(py, (os::BAD_DESCRIPTOR, text))
}

/// Returns an `io.UnsupportedOperation` with some arguments.
pub(crate) fn unsupported_operation(
    py: Python<'_>,
    arguments: impl PyErrArguments + 'static,
) -> PyErr {
    match UNSUPPORTED.import(py, "io", "UnsupportedOperation") {
        Ok(class) => PyErr::from_type(class.clone(), arguments),
        Err(error) => error,
    }
}
