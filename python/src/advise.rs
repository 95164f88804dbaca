//! `madvise`, which only Unix has.

use pyo3::{exceptions::PyOverflowError, prelude::*};
use safemap::{Advice, page_size};

use crate::{
    argument::{OMITTED, Optional, int, optional_ssize},
    constants::ACCESS_READ,
    error::{Hint, errno, value_error},
    mmap::Mmap,
    os::{ACCESS_DENIED, INVALID},
};

#[pymethods]
impl Mmap {
    /// Advises the system how the memory will be used. `option` is one of the MADV_ constants.
    ///
    /// The advice is for `length` bytes, at most up to the end of the map, starting at `start`,
    /// which must be a multiple of PAGESIZE. MADV_REMOVE on a read-only map raises OSError with
    /// EACCES.
    #[pyo3(
        signature = (option, start = OMITTED, length = None, /),
        text_signature = "($self, option, start=0, length=None, /)"
    )]
    fn madvise(
        &self,
        py: Python<'_>,
        option: &Bound<'_, PyAny>,
        start: Optional<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (option, start, length) = (int(option)?, start.ssize_or(0)?, optional_ssize(length)?);
        let len = self.length(py)?;
        let (start, end) = advice_range(start, length, len)?;
        self.ensure_page_aligned(py, start, Hint::ChangedPages(start))?;
        let advice = Advice::from_raw(option);
        // The system rounds the end up to a page. That would remove bytes outside the range.
        let end = if let Advice::Remove = advice { end } else { self.page_end(end).min(len) };
        match advice {
            // The core makes no system call for an empty range, which would reject the option.
            Advice::Other(_) if start == end => Err(errno(INVALID)),
            Advice::Remove if self.access == ACCESS_READ => Err(errno(ACCESS_DENIED)),
            advice => self.run_detached(py, |map| map.advise(advice, start..end.min(map.len()))),
        }
    }
}

impl Mmap {
    /// Returns the end of the page in which a range ends.
    fn page_end(&self, end: usize) -> usize {
        (self.lead() + end).next_multiple_of(page_size()) - self.lead()
    }
}

/// Returns the range for the advice.
fn advice_range(start: isize, length: Option<isize>, len: usize) -> PyResult<(usize, usize)> {
    // Only a `Map` can be empty.
    let start = usize::try_from(start).ok().filter(|&start| start < len || len + start == 0);
    let start = start.ok_or_else(|| value_error("madvise start out of bounds"))?;
    let Some(length) = length else { return Ok((start, len)) };
    let length = usize::try_from(length).map_err(|_| value_error("madvise length invalid"))?;
    let end = start.checked_add(length).filter(|&end| end <= isize::MAX as usize);
    let end = end.ok_or_else(|| PyOverflowError::new_err("madvise length too large"))?.min(len);
    Ok((start, end))
}
