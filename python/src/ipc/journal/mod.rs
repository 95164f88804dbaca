//! The class `safemap.ipc.Journal`.

mod error;
mod open;
mod position;
mod reader;
mod writer;

use std::sync::Arc;

use pyo3::{
    exceptions::{PyLookupError, PyTypeError},
    prelude::*,
    types::PyString,
};
use safemap::{
    Error,
    ipc::{self, ReadFrom},
};

use super::{
    path::described,
    pool::{Handle, Pool, Pools},
};
use crate::{
    error::{finalized, value_error},
    ffi::Lock,
};
use error::exception;
use position::Saved;
pub(crate) use reader::JournalReader;
pub(crate) use writer::JournalWriter;

/// Records of bytes that are appended to a file, and read by any number of readers.
///
/// Journal(path, mode='a', *, allocate=None, permissions=0o600)
///
/// Modes: 'r' opens the file for reading, for which permission to read is sufficient; 'r+' opens it
/// for reading and appending; 'a' also creates it if it does not exist; 'x' creates it. A new file
/// has `allocate` bytes for records (1 MiB unless said otherwise), and grows.
///
/// Writers and readers may be in any number of processes. Each reader reads every record, in the
/// order in which they were appended. A process may crash at any instruction: no record is there in
/// part, and none is lost whose append() has returned. What was appended before sync() survives a
/// power failure too.
///
/// At the end of a `with` statement the journal is closed, with its writers and readers.
///
/// Example::
///
///     journal = safemap.ipc.Journal("events")
///     journal.writer().append(b"a record")  # in one process
///     for record in journal.reader():  # in another one
///         handle(record)
///
/// Raises ValueError for a file that is not a journal, OSError from the system, and
/// io.UnsupportedOperation on systems and file systems without journals.
#[pyclass(frozen, weakref, module = "safemap.ipc")]
pub(crate) struct Journal {
    open: Lock<Option<Open>>,
    /// The absolute path.
    #[pyo3(get)]
    path: Py<PyString>,
    /// The mode: 'r', 'r+', 'a' or 'x'.
    #[pyo3(get)]
    mode: &'static str,
}

struct Open {
    journal: Arc<ipc::Journal>,
    ends: Pools,
}

#[pymethods]
impl Journal {
    /// Returns a JournalWriter. Raises io.UnsupportedOperation in the mode 'r'.
    fn writer(slf: &Bound<'_, Self>) -> PyResult<JournalWriter> {
        let (py, journal) = (slf.py(), slf.get());
        let pool = Pool::new(py, journal.journal(py)?, Some(&journal.path))?;
        Ok(JournalWriter::new(slf, journal.end(py, pool)?))
    }

    /// Returns a JournalReader that begins with the first record, with the one `at` a position,
    /// with the one behind a position (`after`), or with the next one that is appended (`end`).
    ///
    /// Raises LookupError if there is no record at the position: a power failure has removed it, or
    /// it is not one of this journal. Raises TypeError for more than one of the arguments.
    #[pyo3(signature = (*, at = None, after = None, end = false))]
    fn reader(
        slf: &Bound<'_, Self>,
        at: Option<Saved>,
        after: Option<Saved>,
        end: bool,
    ) -> PyResult<JournalReader> {
        let (py, journal) = (slf.py(), slf.get());
        let (from, position) = match (at, after, end) {
            (None, None, false) => (ReadFrom::Start, None),
            (None, None, true) => (ReadFrom::End, None),
            (Some(Saved(at)), None, false) => (ReadFrom::At(at), None),
            (None, Some(Saved(after)), false) => (ReadFrom::After(after), Some(after)),
            _ => return Err(PyTypeError::new_err("at, after and end exclude each other")),
        };
        let source = journal.journal(py)?;
        let reader = py.detach(|| source.reader(from));
        let reader = reader.map_err(|error| not_there(py, error, from))?;
        let (cursor, path) = (reader.cursor(), Some(journal.path.clone_ref(py)));
        let pool = journal.end(py, Pool::with_handle(source, reader.into(), path))?;
        Ok(JournalReader::new(slf, pool, cursor, position))
    }

    /// Returns the descriptor of the file. It remains the journal's.
    #[cfg(unix)]
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        use std::os::fd::AsRawFd;

        self.journal(py).map(|journal| journal.file().as_raw_fd())
    }

    /// Closes the journal in this process, with its writers and readers. Calls of them that wait
    /// raise ValueError.
    fn close(&self, py: Python<'_>) {
        let Some(Some(open)) = self.open.with(py, Option::take) else { return };
        open.ends.close(py);
        py.detach(|| drop(open));
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().journal(slf.py())?;
        Ok(slf)
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

    /// Returns how another process opens the journal: by its path. It fails if that names another
    /// file then.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().journal(slf.py())?;
        slf.py().import("safemap._journal")?.call_method1("_reduce", (slf,))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (file, mode) = (described(py, Some(&self.path))?, self.mode);
        let closed = if self.journal(py).is_ok() { "" } else { " closed" };
        Ok(format!("<safemap.ipc.Journal {file} mode='{mode}'{closed}>"))
    }
}

/// Converts an error of the search for a record. That of the core has its byte, not the position.
#[cold]
fn not_there(py: Python<'_>, error: Error, from: ReadFrom) -> PyErr {
    match (error, from) {
        (Error::Cut { .. }, ReadFrom::At(position) | ReadFrom::After(position)) => {
            PyLookupError::new_err(format!(
                "no record at position {}: a power failure has removed it, or it is of another \
                 journal",
                u128::from(position)
            ))
        }
        (error, _) => exception(py, error),
    }
}

impl Journal {
    fn new(journal: ipc::Journal, path: Py<PyString>, mode: &'static str) -> Journal {
        let open = Open { journal: Arc::new(journal), ends: Pools::default() };
        Journal { open: Lock::new(Some(open)), path, mode }
    }

    /// Raises ValueError if the journal is closed.
    fn journal(&self, py: Python<'_>) -> PyResult<Arc<ipc::Journal>> {
        let journal = self.open.with(py, |open| open.as_ref().map(|open| open.journal.clone()));
        journal.ok_or_else(finalized)?.ok_or_else(|| value_error("the journal is closed"))
    }

    /// Lets close() close the handles of a writer or a reader.
    fn end<H: Handle + 'static>(&self, py: Python<'_>, pool: Pool<H>) -> PyResult<Arc<Pool<H>>> {
        let pool = Arc::new(pool);
        match self.open.with(py, |open| open.as_mut().map(|open| open.ends.add(&pool))) {
            Some(Some(())) => Ok(pool),
            _ => Err(closed()),
        }
    }
}

#[cold]
fn closed() -> PyErr {
    value_error("the writer or reader is closed, or its journal")
}
