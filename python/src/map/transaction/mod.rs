//! Transactional maps: blocks of changes, commits, and reading between two commits.

mod block;
mod open;
mod process;
mod reading;

use std::time::Duration;

use pyo3::prelude::*;
use safemap::Map;

use super::{FileMap, base};
use crate::{
    error::{finalized, value_error},
    ffi::Lock,
    file::unsupported_operation,
    ipc::timeout::in_slices,
    mmap::Mmap,
    os::MS_SYNC,
};
pub(crate) use block::Transaction;
pub(super) use open::open;
pub(crate) use process::{checkpoint_all, close_in_child};
pub(crate) use reading::Reading;

#[pymethods]
impl FileMap {
    /// Whether changes reach the file by transactions.
    #[getter]
    fn transactional(slf: &Bound<'_, Self>) -> bool {
        base(slf).transactional
    }

    /// Returns a context manager for a block of changes, which are committed at its end. An
    /// exception rolls them back, as does a failure of the commit.
    ///
    /// The threads that share the map share its block. The `with` statement raises ValueError in
    /// another block of the map, and if the map has changes that are not committed.
    ///
    /// Example::
    ///
    ///     m = safemap.open("table", "r+", transactional=True)
    ///     with m.transaction():
    ///         m[0:8] = header
    ///         m.append(record)  # both are in the file, or none
    fn transaction(slf: &Bound<'_, Self>) -> PyResult<Transaction> {
        ensure_transactional(slf)?;
        Ok(Transaction { map: slf.clone().unbind() })
    }

    /// Makes all changes since the last commit durable, and visible to other maps of the file.
    ///
    /// Waits for readers that are in reading(). If the call fails, the changes stay pending.
    ///
    /// Raises ValueError in a block, RuntimeError if this thread is in reading() of the file,
    /// FaultError if another program has shortened the file and changes were lost by that (nothing
    /// is written), OSError from the system, InDoubtError if it is not known whether the changes
    /// are durable.
    fn commit(slf: &Bound<'_, Self>) -> PyResult<()> {
        ensure_transactional(slf)?;
        base(slf).commit(slf.py(), Map::commit)
    }

    /// Undoes all changes since the last commit: the map shows the file again, and has its length.
    /// Buffers of the memory show the file, too.
    ///
    /// Raises ValueError in a block.
    fn rollback(slf: &Bound<'_, Self>) -> PyResult<()> {
        ensure_transactional(slf)?;
        base(slf).run_detached(slf.py(), Map::rollback)
    }

    /// Returns the parts that a commit would write, as a list of (start, end), in ascending order:
    /// the bytes that differ from the file, and short gaps between them.
    fn changed(slf: &Bound<'_, Self>) -> PyResult<Vec<(usize, usize)>> {
        ensure_transactional(slf)?;
        let changed = base(slf).run_detached(slf.py(), Map::changed)?;
        Ok(changed.into_iter().map(|range| (range.start, range.end)).collect())
    }

    /// Writes all committed bytes to their place in the file durably, and empties the journal.
    ///
    /// If it fails, the map is in doubt: later calls raise InDoubtError. No committed byte is lost.
    fn checkpoint(slf: &Bound<'_, Self>) -> PyResult<()> {
        ensure_transactional(slf)?;
        base(slf).run_detached(slf.py(), Map::checkpoint)
    }

    /// Returns a context manager for a block in which no commit is applied to the file.
    ///
    /// The `with` statement waits for a commit that is being applied, and completes one whose
    /// writer has crashed. A map in the mode r gets the length that the last commit gave the file,
    /// unless it was opened with a size. Buffers keep their length. They show the file, also if the
    /// map moves. Blocks of a thread may be nested.
    ///
    /// It raises TimeoutError if the writer of an incomplete commit stays open for longer than the
    /// `timeout` of open(), PermissionError if the commit has to be completed and the process may
    /// not write to the file, ValueError if the journal is damaged, RuntimeError if it would wait
    /// for its own thread.
    fn reading(slf: &Bound<'_, Self>) -> PyResult<Reading> {
        ensure_transactional(slf)?;
        Ok(Reading { map: slf.clone().unbind(), held: Lock::new(Vec::new()) })
    }
}

/// Raises io.UnsupportedOperation for other maps, ValueError for a closed one.
fn ensure_transactional(map: &Bound<'_, FileMap>) -> PyResult<()> {
    base(map).ensure_open()?;
    match base(map).transactional {
        true => Ok(()),
        false => {
            Err(unsupported_operation(map.py(), ("the map was opened without transactional=True",)))
        }
    }
}

impl Mmap {
    /// Waits for readers, and runs a call that changes the file.
    ///
    /// The main thread runs the handlers of signals while it waits. The map has at most a place
    /// in the queue then, so that a handler may use or close it.
    pub(crate) fn commit<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        let mut call = Some(call);
        let done = in_slices(py, None, |slice| {
            self.run_detached(py, |map| run_locked(map, slice, &mut call))
        });
        if call.is_some() {
            // Gives back the place. The exception says why.
            let _ = self.run_detached(py, |map| {
                map.unlock_for_commit();
                Ok(())
            });
        }
        // Without a timeout, the wait ends with a value or an exception.
        done?.ok_or_else(finalized)
    }

    /// `flush` of a transactional map is a commit.
    pub(crate) fn flush_transaction(
        &self,
        py: Python<'_>,
        is_whole: bool,
        flags: i32,
    ) -> PyResult<()> {
        if !is_whole {
            return Err(unsupported_operation(
                py,
                ("flush of a range is not supported: a commit has all changes",),
            ));
        }
        if flags != 0 && flags != MS_SYNC {
            return Err(value_error("a commit waits for the device: flags must be MS_SYNC"));
        }
        self.commit(py, Map::flush)
    }
}

/// Runs `call` if the locks that it needs can be taken within `slice`.
fn run_locked<R>(
    map: &Map,
    slice: Duration,
    call: &mut Option<impl FnOnce(&Map) -> safemap::Result<R>>,
) -> safemap::Result<Option<R>> {
    if !map.lock_for_commit(slice)? {
        return Ok(None);
    }
    let result = call.take().map(|call| call(map)).transpose();
    // A call that fails early has not used them.
    map.unlock_for_commit();
    result
}
