//! `madvise`, which only Unix has.

use pyo3::{exceptions::PyOverflowError, prelude::*};
use safemap::{Advice, page_size};

use crate::{
    argument::{OMITTED, Optional, int, optional_ssize},
    constants::ACCESS_READ,
    error::{Hint, errno, value_error},
    memory::ensure_page_aligned,
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
        let (start, end) = advice_range(start, length, self.length(py)?)?;
        ensure_page_aligned(py, start, Hint::ChangedPages(start))?;
        match Advice::from_raw(option) {
            // The core makes no system call for an empty range, which would reject the option.
            Advice::Other(_) if start == end => Err(errno(INVALID)),
            Advice::Remove if self.access == ACCESS_READ => Err(errno(ACCESS_DENIED)),
            advice => self.run_detached(py, |map| map.advise(advice, start..end.min(map.len()))),
        }
    }
}

/// Returns the range for the advice. Its end is rounded up to a page, as the system does.
fn advice_range(start: isize, length: Option<isize>, len: usize) -> PyResult<(usize, usize)> {
    let start = usize::try_from(start).ok().filter(|&start| start < len);
    let start = start.ok_or_else(|| value_error("madvise start out of bounds"))?;
    let Some(length) = length else { return Ok((start, len)) };
    let length = usize::try_from(length).map_err(|_| value_error("madvise length invalid"))?;
    let end = start.checked_add(length).filter(|&end| end <= isize::MAX as usize);
    let end = end.ok_or_else(|| PyOverflowError::new_err("madvise length too large"))?.min(len);
    Ok((start, end.next_multiple_of(page_size()).min(len)))
}
