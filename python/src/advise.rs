//! Advice: what Unix has a call for, with the numbers of its headers.

use pyo3::{exceptions::PyOverflowError, prelude::*};
use safemap::{Advice, page_size};

use crate::{
    argument::{Given, LEFT_OUT, int, optional_ssize},
    error::{errno, value},
    memory::aligned,
    mmap::Mmap,
    os::INVALID,
};

#[pymethods]
impl Mmap {
    /// Tells the system how the memory will be used: `option` is one of the MADV_ constants.
    ///
    /// The range of `length` bytes from `start` on, a multiple of PAGESIZE, ends with the map at the latest.
    #[pyo3(
        signature = (option, start = LEFT_OUT, length = None, /),
        text_signature = "($self, option, start=0, length=None, /)"
    )]
    fn madvise(
        &self,
        py: Python<'_>,
        option: &Bound<'_, PyAny>,
        start: Given<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.open()?;
        let (option, start, length) = (int(option)?, start.ssize_or(0)?, optional_ssize(length)?);
        let (start, end) = advice_range(start, length, self.length(py)?)?;
        aligned(start)?;
        match Advice::from_raw(option) {
            // Without pages there is nothing to ask the system for, which would know.
            Advice::Other(_) if start == end => Err(errno(INVALID)),
            advice => self.run_detached(py, |map| map.advise(advice, start..end.min(map.len()))),
        }
    }
}

/// The range to advise on: whole pages at its end, as the system takes them.
fn advice_range(start: isize, length: Option<isize>, len: usize) -> PyResult<(usize, usize)> {
    let start = usize::try_from(start).ok().filter(|&start| start < len);
    let start = start.ok_or_else(|| value("madvise start out of bounds"))?;
    let Some(length) = length else { return Ok((start, len)) };
    let length = usize::try_from(length).map_err(|_| value("madvise length invalid"))?;
    let end = start.checked_add(length).filter(|&end| end <= isize::MAX as usize);
    let end = end.ok_or_else(|| PyOverflowError::new_err("madvise length too large"))?.min(len);
    Ok((start, end.next_multiple_of(page_size()).min(len)))
}
