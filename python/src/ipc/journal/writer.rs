//! The class `safemap.ipc.JournalWriter`.

use std::{sync::Arc, time::Duration};

use pyo3::{exceptions::PyRuntimeError, prelude::*, types::PyBytes};
use safemap::{Error, copy_of, ipc};

use super::{Journal, closed, exception};
use crate::{
    argument::several,
    error::{created, to_exception},
    ffi::{with_bytes, with_stable_bytes},
    ipc::{
        pool::{Handle, Pool, close},
        timeout::in_slices,
    },
    mmap::DETACH_THRESHOLD,
};

impl Handle for ipc::JournalWriter {
    type Source = Arc<ipc::Journal>;

    fn new(journal: &Arc<ipc::Journal>) -> safemap::Result<ipc::JournalWriter> {
        journal.writer()
    }

    fn exception(py: Python<'_>, error: Error) -> PyErr {
        exception(py, error)
    }

    fn closed() -> PyErr {
        closed()
    }
}

/// Appends records to a journal. Journal.writer() returns it.
///
/// Threads may use it at the same time. Calls wait while another process or thread appends. A call
/// that fails has appended nothing, and later calls work when the cause is gone. All but sync() and
/// close() raise EOFError if the journal is finished. They raise OSError from the system, for
/// example if the disk is full, and if another program has changed the file; ValueError after
/// close().
#[pyclass(frozen, module = "safemap.ipc")]
pub(crate) struct JournalWriter {
    /// The journal.
    #[pyo3(get)]
    journal: Py<Journal>,
    pool: Arc<Pool<ipc::JournalWriter>>,
}

#[pymethods]
impl JournalWriter {
    /// Appends a record: any bytes-like object. Returns its position, an int.
    ///
    /// Readers of all processes can read it when the call returns. sync() makes it survive a power
    /// failure. Raises ValueError for a record of 4 GiB or nearly as much.
    fn append(&self, data: &Bound<'_, PyAny>) -> PyResult<u128> {
        let py = data.py();
        with_stable_bytes(data, |bytes| match self.append_now(py, bytes)? {
            Some(position) => Ok(position.into()),
            None => {
                self.wait(py, |writer, slice| writer.append_timeout(bytes, slice)).map(u128::from)
            }
        })
    }

    /// Appends the items of an iterable as records, which takes less time than as many calls of
    /// append(). Returns their number.
    ///
    /// All items are taken from the iterable first. No records of other writers come in between. An
    /// exception has an attribute `appended`: how many were appended before, for example until the
    /// disk was full. If this process crashes, the first records may be there without the others.
    fn append_many(&self, records: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = records.py();
        let mut appended = 0;
        self.append_all(records, &mut appended).map_err(|error| {
            let error = created(py, error);
            // What refuses the attribute is less useful than the exception.
            let _ = error.value(py).setattr("appended", appended);
            error
        })?;
        Ok(appended)
    }

    /// Waits until all records are on the disk that were appended before, by any process.
    ///
    /// After an OSError only the records are durable that were so before the call, and the next
    /// call, of any process, writes the bytes again.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.wait(py, ipc::JournalWriter::sync_timeout)
    }

    /// Ends the journal: readers learn that no more records come, and no writer can append any.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        self.wait(py, ipc::JournalWriter::finish_timeout)
    }

    /// Closes the writer. It does not call sync() or finish().
    fn close(&self, py: Python<'_>) {
        close(py, &[&*self.pool]);
    }

    fn __enter__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().pool.ensure_open(slf.py())?;
        Ok(slf)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.pool.repr(py, "JournalWriter")
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

impl JournalWriter {
    pub(super) fn new(
        journal: &Bound<'_, Journal>,
        pool: Arc<Pool<ipc::JournalWriter>>,
    ) -> JournalWriter {
        JournalWriter { journal: journal.clone().unbind(), pool }
    }

    /// Tries to append a record without detaching from the interpreter, if it is short. Does not
    /// wait for a lock.
    fn append_now(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<Option<ipc::Position>> {
        if bytes.len() >= DETACH_THRESHOLD {
            return Ok(None);
        }
        self.pool.with(py, |writer| writer.append_now(bytes).map_err(|error| exception(py, error)))
    }

    fn append_all(&self, records: &Bound<'_, PyAny>, appended: &mut usize) -> PyResult<()> {
        let py = records.py();
        let records = several(records)?.map(|record| Record::of(record?));
        let records = records.collect::<PyResult<Vec<_>>>()?;
        let bytes: Vec<_> = records.iter().map(Record::bytes).collect();
        loop {
            // The error of a record comes when it is the first.
            let left = &bytes[*appended..];
            *appended += self.wait(py, |writer, slice| writer.append_many_timeout(left, slice))?;
            if *appended == bytes.len() {
                return Ok(());
            }
        }
    }

    /// Calls a method that waits for a lock, until it does its work. Signals end the wait. None is
    /// handled after that.
    fn wait<R: Send>(
        &self,
        py: Python<'_>,
        call: impl Fn(&mut ipc::JournalWriter, Duration) -> safemap::Result<Option<R>> + Sync,
    ) -> PyResult<R> {
        let done = in_slices(py, None, |slice| {
            self.pool.with(py, |writer| {
                py.detach(|| call(writer, slice)).map_err(|error| exception(py, error))
            })
        })?;
        done.ok_or_else(|| PyRuntimeError::new_err("a wait without a timeout has ended"))
    }
}

/// A record whose bytes no other thread changes: its checksum would be wrong.
enum Record<'py> {
    Bytes(Bound<'py, PyBytes>),
    Copy(Vec<u8>),
}

impl<'py> Record<'py> {
    fn of(object: Bound<'py, PyAny>) -> PyResult<Record<'py>> {
        match object.cast_exact::<PyBytes>() {
            Ok(bytes) => Ok(Record::Bytes(bytes.clone())),
            Err(_) => {
                with_bytes(&object, |bytes| copy_of(bytes).map_err(to_exception)).map(Record::Copy)
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Record::Bytes(bytes) => bytes.as_bytes(),
            Record::Copy(bytes) => bytes,
        }
    }
}
