//! The class `safemap.ipc.JournalReader`.

use std::{sync::Arc, time::Duration};

use pyo3::{
    exceptions::{PyEOFError, PyTimeoutError, PyValueError},
    prelude::*,
    types::{PyBytes, PyList},
};
use safemap::{
    Error, copy_to_buffer,
    ipc::{self, KeptCursor, Position, ReadFrom},
};

use super::{Journal, closed, exception};
use crate::{
    argument::Unsigned,
    error::{finalized, to_exception},
    ffi::{Lock, bytes_from, new_bytes, with_writable_bytes},
    ipc::{
        pool::{Handle, Pool, close},
        timeout::{Timeout, in_slices},
    },
    mmap::DETACH_THRESHOLD,
};

/// A reader of the core, and memory for a record, which is checked there.
pub(super) struct Reading {
    reader: ipc::JournalReader,
    bytes: Vec<u8>,
}

/// Memory of more bytes is freed after the record.
const KEPT_CAPACITY: usize = 4 << 20;

impl From<ipc::JournalReader> for Reading {
    fn from(reader: ipc::JournalReader) -> Reading {
        Reading { reader, bytes: Vec::new() }
    }
}

impl Handle for Reading {
    type Source = Arc<ipc::Journal>;

    fn new(journal: &Arc<ipc::Journal>) -> safemap::Result<Reading> {
        // Each use moves it.
        journal.reader(ReadFrom::Start).map(Reading::from)
    }

    fn exception(py: Python<'_>, error: Error) -> PyErr {
        exception(py, error)
    }

    fn closed() -> PyErr {
        closed()
    }
}

impl Reading {
    /// Returns the record that was read.
    fn record<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let (bytes, len) = (&self.bytes, self.bytes.len());
        let record = match len < DETACH_THRESHOLD {
            true => bytes_from(py, bytes),
            false => new_bytes(py, len, |buffer| {
                py.detach(|| copy_to_buffer(bytes, buffer)).map_err(to_exception)?;
                Ok(len)
            }),
        };
        if self.bytes.capacity() > KEPT_CAPACITY {
            self.bytes = Vec::new();
        }
        record
    }
}

/// Where the reader is.
#[derive(Clone, Copy)]
struct Place {
    cursor: KeptCursor,
    /// Of the record that was read last.
    position: Option<Position>,
    /// How many records were read. It differs if another thread has moved the reader.
    count: u64,
}

/// Reads the records of a journal, in their order. Journal.reader() returns it.
///
/// Threads may use it at the same time; each record is returned once. At the end, read() waits for
/// the next record, and try_read() returns None. Behind the last record of a finished journal all
/// raise EOFError. They raise OSError if another program has changed or cut the file; ValueError
/// after close(). The reader stays where it is if a call fails.
///
/// Iteration waits for each record, and ends where read() raises EOFError.
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct JournalReader {
    /// The journal.
    #[pyo3(get)]
    journal: Py<Journal>,
    pool: Arc<Pool<Reading>>,
    place: Lock<Place>,
}

#[pymethods]
impl JournalReader {
    /// The position, an int, of the record that was read last; at first that of the argument
    /// `after`, or None.
    #[getter]
    fn position(&self, py: Python<'_>) -> PyResult<Option<u128>> {
        Ok(self.place(py)?.position.map(u128::from))
    }

    /// Returns the next record. Raises TimeoutError if none comes within `timeout` seconds.
    #[pyo3(signature = (timeout = None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<Timeout>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.next(py, timeout, |reading| reading.record(py))
    }

    /// Returns the next record, or None at the end.
    fn try_read<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.next_now(py, |reading| reading.record(py))? {
            Some(record) => Ok(Some(record)),
            None => self.next_within(py, Duration::ZERO, |reading| reading.record(py)),
        }
    }

    /// Reads the next record into `buffer`, a writable bytes-like object. Returns its length.
    ///
    /// Raises ValueError if the record is longer than the buffer; the next call gets it then.
    /// Raises TimeoutError if no record comes within `timeout` seconds.
    #[pyo3(signature = (buffer, timeout = None))]
    fn read_into(&self, buffer: &Bound<'_, PyAny>, timeout: Option<Timeout>) -> PyResult<usize> {
        let py = buffer.py();
        with_writable_bytes(buffer, |buffer| {
            self.next(py, timeout, |reading| {
                let (bytes, len) = (&reading.bytes, reading.bytes.len());
                if len > buffer.len() {
                    return Err(too_long(len, buffer.len()));
                }
                py.detach(|| copy_to_buffer(bytes, buffer)).map_err(to_exception)?;
                Ok(len)
            })
        })
    }

    /// Waits for a record, and returns all that are there, at most `limit`.
    ///
    /// It takes less time than as many calls of read(). Raises TimeoutError if no record comes
    /// within `timeout` seconds.
    #[pyo3(signature = (limit, timeout = None))]
    fn read_many<'py>(
        &self,
        py: Python<'py>,
        limit: Unsigned,
        timeout: Option<Timeout>,
    ) -> PyResult<Bound<'py, PyList>> {
        let Unsigned(limit) = limit;
        let mut records = Vec::new();
        if limit > 0 {
            records.push(self.read(py, timeout)?);
        }
        while records.len() < limit {
            if records.len() % LET_OTHERS_RUN == 0 {
                py.detach(|| ());
            }
            match self.try_read(py) {
                Ok(Some(record)) => records.push(record),
                Ok(None) => break,
                // The next call meets the error too: the reader stays there.
                Err(_) => break,
            }
        }
        PyList::new(py, records)
    }

    /// Closes the reader.
    fn close(&self, py: Python<'_>) {
        close(py, &[&*self.pool]);
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match self.read(py, None) {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.is_instance_of::<PyEOFError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().pool.ensure_open(slf.py())?;
        Ok(slf)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.pool.repr(py, "JournalReader")
    }

    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) {
        let _ = (exc_type, exc_value, traceback);
        self.close(py);
    }
}

/// After so many records a call that reads more lets other threads run.
const LET_OTHERS_RUN: usize = 256;

impl JournalReader {
    pub(super) fn new(
        journal: &Bound<'_, Journal>,
        pool: Arc<Pool<Reading>>,
        cursor: KeptCursor,
        position: Option<Position>,
    ) -> JournalReader {
        let place = Lock::new(Place { cursor, position, count: 0 });
        JournalReader { journal: journal.clone().unbind(), pool, place }
    }

    /// Waits for the next record, and returns what `take` makes of it.
    fn next<R>(
        &self,
        py: Python<'_>,
        timeout: Option<Timeout>,
        mut take: impl FnMut(&mut Reading) -> PyResult<R>,
    ) -> PyResult<R> {
        if let Some(taken) = self.next_now(py, &mut take)? {
            return Ok(taken);
        }
        let taken = in_slices(py, timeout, |slice| self.next_within(py, slice, &mut take))?;
        taken.ok_or_else(|| PyTimeoutError::new_err("no record has come"))
    }

    /// Reads a record without detaching from the interpreter, if one is there that is short.
    fn next_now<R>(
        &self,
        py: Python<'_>,
        take: impl FnMut(&mut Reading) -> PyResult<R>,
    ) -> PyResult<Option<R>> {
        let read = |it: &mut Reading| it.reader.next_now(&mut it.bytes, DETACH_THRESHOLD - 1);
        self.next_with(py, read, take)
    }

    /// Reads a record; returns `None` after `time`.
    fn next_within<R>(
        &self,
        py: Python<'_>,
        time: Duration,
        take: impl FnMut(&mut Reading) -> PyResult<R>,
    ) -> PyResult<Option<R>> {
        let read = |it: &mut Reading| py.detach(|| it.reader.next_timeout(&mut it.bytes, time));
        self.next_with(py, read, take)
    }

    /// Reads a record, and moves the reader when nothing can fail any more. If another thread has
    /// moved it since, that thread has the record, and this one reads the next.
    fn next_with<R>(
        &self,
        py: Python<'_>,
        read: impl Fn(&mut Reading) -> safemap::Result<Option<Position>>,
        mut take: impl FnMut(&mut Reading) -> PyResult<R>,
    ) -> PyResult<Option<R>> {
        self.pool.with(py, |reading| {
            loop {
                let before = self.place(py)?;
                reading.reader.move_to(before.cursor);
                let position = read(reading).map_err(|error| exception(py, error))?;
                let taken = position.map(|_| take(reading)).transpose()?;
                let (cursor, count) =
                    (reading.reader.cursor(), before.count + u64::from(taken.is_some()));
                let place = Place { cursor, position: position.or(before.position), count };
                if self.replace(py, before, place)? || taken.is_none() {
                    return Ok(taken);
                }
            }
        })
    }

    fn place(&self, py: Python<'_>) -> PyResult<Place> {
        self.place.with(py, |place| *place).ok_or_else(finalized)
    }

    /// Returns false if another thread has moved the reader since `before`.
    fn replace(&self, py: Python<'_>, before: Place, place: Place) -> PyResult<bool> {
        let replaced = self.place.with(py, |current| {
            let is_same = current.count == before.count;
            if is_same {
                *current = place;
            }
            is_same
        });
        replaced.ok_or_else(finalized)
    }
}

#[cold]
fn too_long(len: usize, space: usize) -> PyErr {
    PyValueError::new_err(format!("a record of {len} bytes exceeds the buffer of {space} bytes"))
}
