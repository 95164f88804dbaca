//! Views of consecutive parts, and releasing the pages behind a reader.

use pyo3::{exceptions::PyValueError, prelude::*, types::PyIterator};
use safemap::{Advice, Error, page_size};

use super::{FileMap, base, helpers::WINDOWS, settings::Mode};
use crate::{
    argument::{Truth, Unsigned},
    error::errno,
    file::unsupported_operation,
    mmap::Mmap,
    os::INVALID,
};

#[pymethods]
impl FileMap {
    /// Returns an iterator over memoryviews of consecutive parts of `start..end`, each of `size`
    /// bytes but the last.
    ///
    /// If `drop` is true, the iterator releases the pages of the parts before the current one, in
    /// pieces of at least 2 MiB: reading a file that is larger than memory then occupies little of
    /// it. Nothing that was written is lost, and older views read the pages again. On Windows the
    /// system decides. Without `end` the last part ends with the map.
    ///
    /// Raises ValueError for a size that is not positive and for a negative bound. If `drop` is
    /// true: io.UnsupportedOperation in the mode c, which would lose its changes, OSError (EINVAL)
    /// for a locked map.
    #[pyo3(
        signature = (size, start = Unsigned(0), end = None, *, drop = Truth(true)),
        text_signature = "($self, size, start=0, end=None, *, drop=True)"
    )]
    fn windows<'py>(
        slf: &Bound<'py, Self>,
        size: isize,
        start: Unsigned,
        end: Option<Unsigned>,
        drop: Truth,
    ) -> PyResult<Bound<'py, PyIterator>> {
        let (this, py) = (slf.get(), slf.py());
        base(slf).ensure_open()?;
        if size <= 0 {
            return Err(PyValueError::new_err(format!("size must be positive, not {size}")));
        }
        if drop.0 {
            this.ensure_pages_can_be_dropped(py, base(slf).commits())?;
        }
        let windows = WINDOWS.get(py)?;
        windows.call1((slf, size, start.0, end.map(|end| end.0), drop.0))?.try_iter()
    }

    /// Releases the pages of `start..end`, and those in which it begins.
    fn _drop(slf: &Bound<'_, Self>, start: usize, end: usize) -> PyResult<()> {
        base(slf).run(slf.py(), |map| {
            let lead = (map.offset() % page_size() as u64) as usize;
            let start = (lead + start) / page_size() * page_size();
            let range = start.saturating_sub(lead)..end.min(map.len());
            match map.advise(Advice::DontNeed, range) {
                // The map is shorter now, or the system has no such call.
                Err(Error::OutOfBounds { .. } | Error::Unsupported(_)) => Ok(()),
                result => result,
            }
        })
    }

    /// Releases pages behind a reader that has advanced, if the map was opened with `drop_behind`.
    fn _passed(slf: &Bound<'_, Self>, start: usize, end: usize) {
        base(slf).passed(slf.py(), start, end);
    }
}

impl FileMap {
    fn ensure_pages_can_be_dropped(&self, py: Python<'_>, commits: bool) -> PyResult<()> {
        let reason = match self.mode {
            Mode::CopyOnWrite => "pages of a copy-on-write map cannot be dropped: use drop=False",
            _ if commits => "pages of a transactional map cannot be dropped: use drop=False",
            _ if self.is_locked => return Err(errno(INVALID)),
            _ => return Ok(()),
        };
        Err(unsupported_operation(py, (reason,)))
    }
}

impl Mmap {
    /// Releases pages behind a reader that has advanced from `start` to `end`.
    #[inline]
    pub(crate) fn passed(&self, py: Python<'_>, start: usize, end: usize) {
        // A closed map has no pages.
        self.map.try_with(py, |map| {
            map.passed(start, end);
            Some(())
        });
    }
}
