//! Waiting for a word.

use pyo3::prelude::*;
use safemap::ipc::Waited;

use super::{
    timeout::{Timeout, in_slices},
    words::word_error,
};
use crate::{
    argument::Unsigned,
    map::{FileMap, base},
};

#[pymethods]
impl FileMap {
    /// Waits while the unsigned 32-bit word at `offset` is `expected`, until notify() is called for
    /// it. Returns False if `timeout` seconds have passed, else True.
    ///
    /// May return True without a reason, so check the word again. The comparison and the start of
    /// the wait are one step: a notify() that follows a change of the word is not missed.
    ///
    /// Raises IndexError for an offset outside the map, ValueError for a misaligned one and for a
    /// private map.
    #[pyo3(signature = (offset, expected, timeout = None))]
    fn wait(
        slf: &Bound<'_, Self>,
        offset: Unsigned,
        expected: u32,
        timeout: Option<Timeout>,
    ) -> PyResult<bool> {
        let (py, Unsigned(offset)) = (slf.py(), offset);
        let woken = in_slices(py, timeout, |slice| {
            let wait = |map: &safemap::Map| Ok(map.wait(offset, expected, Some(slice)));
            let waited = base(slf).run_detached(py, wait)?.map_err(word_error)?;
            Ok((waited != Waited::TimedOut).then_some(()))
        })?;
        Ok(woken.is_some())
    }

    /// Wakes up to `count` threads, of any process, that wait() for the word at `offset`; without
    /// `count` all of them.
    #[pyo3(signature = (offset, count = None))]
    fn notify(
        slf: &Bound<'_, Self>,
        offset: Unsigned,
        count: Option<Unsigned<u32>>,
    ) -> PyResult<()> {
        let (Unsigned(offset), Unsigned(count)) = (offset, count.unwrap_or(Unsigned(u32::MAX)));
        base(slf).map.with(slf.py(), |map| map.notify(offset, count), word_error)
    }
}
