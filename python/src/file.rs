//! The map as a file: a position, reading and writing there.

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyType},
};

use crate::{
    argument::{Given, LEFT_OUT, byte, count},
    buffer::{lend, ssize},
    error::{raise, value},
    mmap::{LONG, Mmap},
    os,
};

#[pymethods]
impl Mmap {
    /// Returns the position.
    fn tell(&self) -> PyResult<usize> {
        self.open()?;
        Ok(self.position())
    }

    /// Returns the next byte as an int and moves the position behind it.
    fn read_byte(&self, py: Python<'_>) -> PyResult<u8> {
        let at = self.position();
        let byte = self.shelf.with(py, |map| map.get(at), |error| beyond(error, "read byte out of range"))?;
        self.set_position(at + 1);
        Ok(byte)
    }

    /// Moves the position and returns it. `pos` counts from the start (whence 0), the position (1) or the end (2).
    #[pyo3(signature = (pos, whence = LEFT_OUT, /), text_signature = "($self, pos, whence=0, /)")]
    fn seek(&self, py: Python<'_>, pos: &Bound<'_, PyAny>, whence: Given<'_, '_>) -> PyResult<usize> {
        self.open()?;
        let (distance, whence) = (ssize(pos)?, whence.int_or(0)?);
        let len = self.length(py)?;
        let from = match whence {
            0 => 0,
            1 => self.position(),
            2 => len,
            _ => return Err(value("unknown seek type")),
        };
        let to = from.checked_add_signed(distance).filter(|&to| to <= len);
        let to = to.ok_or_else(|| value("seek out of range"))?;
        self.set_position(to);
        Ok(to)
    }

    /// Returns True: the position can be moved.
    fn seekable(&self) -> bool {
        true
    }

    /// Returns the next `n` bytes, or all that are left, and moves the position behind them.
    #[pyo3(signature = (n = None, /))]
    fn read<'py>(&self, py: Python<'py>, n: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyBytes>> {
        self.open()?;
        let wanted = count(n)?.unwrap_or(usize::MAX);
        let (at, len) = (self.position(), self.length(py)?);
        self.consume(py, at, wanted.min(len.saturating_sub(at)))
    }

    /// Returns the bytes up to and including the next newline, or all that are left, and moves the position.
    fn readline<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let (at, len) = (self.position(), self.length(py)?);
        let end = self.newline(py, at, len)?.map_or(len, |newline| newline + 1);
        self.consume(py, at, end.saturating_sub(at))
    }

    /// Writes `bytes` at the position, all of them or, if they do not fit, none, moves the position behind them and returns their number.
    #[pyo3(signature = (bytes, /))]
    fn write(&self, py: Python<'_>, bytes: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.open()?;
        lend(bytes, |bytes| {
            self.writable()?;
            let at = self.position();
            let room = self.length(py)?.checked_sub(at).filter(|&room| bytes.len() <= room);
            room.ok_or_else(|| value("data out of range"))?;
            self.copy_in(py, bytes, at)?;
            self.set_position(at + bytes.len());
            Ok(bytes.len())
        })
    }

    /// Writes the int `byte` at the position and moves the position behind it.
    #[pyo3(signature = (byte, /))]
    fn write_byte(&self, py: Python<'_>, byte: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open()?;
        let byte = self::byte(byte)?;
        self.writable()?;
        let at = self.position();
        self.shelf.with(py, |map| map.set(at, byte), |error| beyond(error, "write byte out of range"))?;
        self.set_position(at + 1);
        Ok(())
    }

    /// Returns the length of the file in bytes as it is now; of anonymous memory that of the map.
    fn size(&self, py: Python<'_>) -> PyResult<u64> {
        self.open()?;
        if !self.tracked {
            return Err(unsupported(py, "can't get size with trackfd=False"));
        }
        self.run(py, |map| map.file_len())
    }
}

impl Mmap {
    /// Returns `len` bytes from `at` on and moves the position behind them.
    fn consume<'py>(&self, py: Python<'py>, at: usize, len: usize) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.copy_out(py, at, len)?;
        self.set_position(at + bytes.as_bytes().len());
        Ok(bytes)
    }

    /// Finds the first newline in `start..end`. Most lines are short; only a long one lets other threads run.
    fn newline(&self, py: Python<'_>, start: usize, end: usize) -> PyResult<Option<usize>> {
        let (start, near) = (start.min(end), end.min(start.saturating_add(LONG)));
        match self.run(py, |map| map.find(b"\n", start..near))? {
            None if near < end => self.run_detached(py, |map| map.find(b"\n", near..end)),
            found => Ok(found),
        }
    }
}

#[cold]
fn beyond(error: safemap::Error, text: &'static str) -> PyErr {
    match error {
        safemap::Error::OutOfBounds { .. } => PyValueError::new_err(text),
        error => raise(error),
    }
}

/// `io.UnsupportedOperation`, which is an OSError (what CPython raises up to 3.14) and a ValueError (from 3.15 on).
static UNSUPPORTED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Looks for it while there is still something to be imported.
pub(crate) fn remember_unsupported(py: Python<'_>) -> PyResult<()> {
    UNSUPPORTED.import(py, "io", "UnsupportedOperation").map(drop)
}

fn unsupported(py: Python<'_>, text: &'static str) -> PyErr {
    match UNSUPPORTED.import(py, "io", "UnsupportedOperation") {
        Ok(class) => PyErr::from_type(class.clone(), (os::BAD_DESCRIPTOR, text)),
        Err(failure) => failure,
    }
}
