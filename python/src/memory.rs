//! Methods for the memory itself: flush, move, resize, protect, lock, name, repair.

use std::{ffi::CStr, ops::Range};

use pyo3::{
    exceptions::{PyNotImplementedError, PyTypeError},
    prelude::*,
    types::PyString,
};
use safemap::{Error, Map, Protection, page_size};

use crate::{
    argument::{OMITTED, Optional, int, optional_ssize, try_small_ints},
    constants::{ACCESS_COPY, ACCESS_READ, CAN_NAME_MEMORY},
    error::{Hint, buffers_exist, errno, to_exception, value_error},
    ffi::{Method, ReturnValue, class_name, ssize},
    mmap::{DETACH_THRESHOLD, Mmap},
    os::{FLUSH_NEEDS_PAGE_ALIGNMENT, INVALID, MAP_ANONYMOUS, MAP_PRIVATE, MS_SYNC},
};

/// What CPython prepends to a name, and the maximum length of both together.
const NAME_PREFIX: &str = "cpython:mmap:";
const MAX_NAME_LENGTH: usize = 79;

/// `mmap.move(dest, src, count, /)`
pub(crate) struct Move;

impl Method for Move {
    const NAME: &'static CStr = c"move";
    const DOC: &'static CStr = c"move($self, dest, src, count, /)\n--\n\n\
        Copies `count` bytes from the offset `src` to the offset `dest`. The ranges may overlap.";
    const ARITY: (usize, usize) = (3, 3);

    #[inline]
    fn fast(mmap: &Mmap, py: Python<'_>, arguments: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        let [dest, src, count] =
            try_small_ints(arguments)?.map(|number| usize::try_from(number).ok());
        let (dest, src, count) = (dest?, src?, count.filter(|&count| count < DETACH_THRESHOLD)?);
        let result =
            mmap.map.try_with(py, |map| match map.copy_within(src..src + count, dest) {
                // Some bytes were copied, perhaps over bytes of the source: the slow path cannot
                // repeat it.
                Err(error @ Error::Fault { .. }) => Some(Err(error)),
                result => result.ok().map(Ok),
            })?;
        Some(match result {
            Ok(()) => ReturnValue::none(py),
            Err(error) => ReturnValue::raise(py, to_exception(error)),
        })
    }

    fn slow<'py>(
        mmap: &Mmap,
        py: Python<'py>,
        arguments: &[Bound<'py, PyAny>],
    ) -> PyResult<ReturnValue> {
        let (dest, src, count) =
            (ssize(&arguments[0])?, ssize(&arguments[1])?, ssize(&arguments[2])?);
        mmap.ensure_writable()?;
        let len = mmap.length(py)?;
        let (Some(from), Some(to)) =
            (range_within(src, count, len), range_within(dest, count, len))
        else {
            return Err(value_error("source, destination, or count out of range"));
        };
        mmap.copy_within(py, from, to.start)?;
        Ok(ReturnValue::none(py))
    }
}

#[pymethods]
impl Mmap {
    /// Writes changed bytes back to the file.
    ///
    /// Flushes `size` bytes, or all up to the end, starting at `offset`, which must be a multiple
    /// of PAGESIZE. `flags` is MS_SYNC (the default: waits until the bytes are on the device) or
    /// MS_ASYNC, optionally with MS_INVALIDATE. Does nothing for maps that do not change a file.
    #[pyo3(
        signature = (offset = OMITTED, size = OMITTED, /, *, flags = OMITTED),
        text_signature = "($self, offset=0, size=-1, /, *, flags=0)"
    )]
    fn flush(
        &self,
        py: Python<'_>,
        offset: Optional<'_, '_>,
        size: Optional<'_, '_>,
        flags: Optional<'_, '_>,
    ) -> PyResult<()> {
        let (offset, size, flags) = (offset.ssize_or(0)?, size.ssize_or(-1)?, flags.int_or(0)?);
        let range = flush_range(offset, size, self.length(py)?)
            .ok_or_else(|| value_error("flush values out of range"))?;
        if matches!(self.access, ACCESS_READ | ACCESS_COPY) {
            return Ok(());
        }
        if self.transactional {
            return self.flush_transaction(py, offset == 0 && size == -1, flags);
        }
        if FLUSH_NEEDS_PAGE_ALIGNMENT {
            let hint = Hint::FlushedPages(range.start, range.len());
            self.ensure_page_aligned(py, range.start, hint)?;
        }
        let flags = if flags == 0 { MS_SYNC } else { flags };
        self.run_detached(py, |map| map.flush_with(flags, range))
    }

    /// Does what flush() does, and then what os.fsync() does for the file; on macOS it also flushes
    /// the cache of the drive. Afterwards all written bytes survive a power failure. Does nothing
    /// for maps that do not change a file.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.ensure_open()?;
        match self.commits() {
            true => self.commit(py, Map::commit),
            false => self.run_detached(py, |map| map.sync_all()),
        }
    }

    /// Changes the length of the map and of its file to `newsize` bytes. On failure both are
    /// unchanged.
    ///
    /// Raises BufferError while a buffer of the memory exists, TypeError for a map that must not
    /// change its file.
    #[pyo3(signature = (newsize, /))]
    fn resize(&self, py: Python<'_>, newsize: &Bound<'_, PyAny>) -> PyResult<()> {
        let newsize = ssize(newsize)?;
        self.ensure_open()?;
        self.ensure_resizable()?;
        let fits = self.offset.checked_add(newsize as i64).is_some();
        let newsize = usize::try_from(newsize).ok().filter(|_| fits);
        match newsize.ok_or_else(|| value_error("new size out of range"))? {
            // CPython truncates the file of a map that is private by its flags ...
            _ if self.flags & (MAP_PRIVATE | MAP_ANONYMOUS) == MAP_PRIVATE => Err(not_resizable()),
            // ... and the file of any map, before the system rejects a length of 0.
            0 => Err(errno(INVALID)),
            newsize => self.map.resize(py, |map| self.resize_to(map, newsize), to_exception),
        }
    }

    /// Gives anonymous memory a name, which /proc/PID/maps shows after the prefix `cpython:mmap:`.
    ///
    /// Raises NotImplementedError on systems other than Linux.
    #[pyo3(signature = (name, /))]
    fn set_name(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = str_argument(name)?;
        if name.contains('\0') {
            return Err(value_error("embedded null character"));
        }
        self.ensure_open()?;
        if self.flags & MAP_ANONYMOUS == 0 {
            return Err(value_error("Cannot set annotation on non-anonymous mappings"));
        }
        if !CAN_NAME_MEMORY {
            return Err(PyNotImplementedError::new_err(
                "Annotation of mmap is not supported on this platform",
            ));
        }
        let name = format!("{NAME_PREFIX}{name}");
        if name.len() > MAX_NAME_LENGTH {
            return Err(value_error("name is too long"));
        }
        // A kernel may be built without CONFIG_ANON_VMA_NAME; CPython ignores the error as well.
        self.run(py, |map| match map.set_name(&name) {
            Err(Error::Os { .. }) => Ok(()),
            result => result,
        })
    }

    /// Changes the protection of `length` bytes, starting at `start`, a multiple of PAGESIZE.
    ///
    /// `prot` is PROT_NONE or a combination of PROT_READ, PROT_WRITE and PROT_EXEC. An access that
    /// it forbids raises FaultError. A resize that moves the map restores the original protection.
    #[pyo3(
        signature = (prot, start = OMITTED, length = None, /),
        text_signature = "($self, prot, start=0, length=None, /)"
    )]
    fn protect(
        &self,
        py: Python<'_>,
        prot: &Bound<'_, PyAny>,
        start: Optional<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let prot = Protection::from_bits(int(prot)?);
        let range = self.range(py, &start, length)?;
        self.ensure_page_aligned(py, range.start, Hint::ChangedPages(range.start))?;
        self.run_detached(py, |map| map.protect(prot, range))
    }

    /// Reads `length` bytes, starting at `start`, into memory and locks them there.
    #[pyo3(
        signature = (start = OMITTED, length = None, /),
        text_signature = "($self, start=0, length=None, /)"
    )]
    fn lock(
        &self,
        py: Python<'_>,
        start: Optional<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let range = self.range(py, &start, length)?;
        self.run_detached(py, |map| map.lock(range))
    }

    /// Unlocks `length` bytes, starting at `start`, that lock() has locked.
    #[pyo3(
        signature = (start = OMITTED, length = None, /),
        text_signature = "($self, start=0, length=None, /)"
    )]
    fn unlock(
        &self,
        py: Python<'_>,
        start: Optional<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let range = self.range(py, &start, length)?;
        self.run_detached(py, |map| map.unlock(range))
    }

    /// The lowest offset at which zeros have replaced bytes of the file, or None.
    ///
    /// Always None for a map that was not created with repair=True.
    #[getter]
    fn damage(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        self.run(py, |map| Ok(map.damage()))
    }

    /// Maps the file again where zeros have replaced it, so that the map can be used again. What
    /// was written to the zeros is lost.
    ///
    /// Raises FaultError if the file is still too short.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        self.run_detached(py, |map| map.restore())
    }
}

impl Mmap {
    /// Returns the number of bytes of the first page that lie before the map: 0 in the class
    /// `mmap`.
    pub(crate) fn lead(&self) -> usize {
        self.offset as usize % page_size()
    }

    /// Raises the system's error for an offset that is not a multiple of the page size. A map that
    /// does not start with a page accepts what the core accepts.
    pub(crate) fn ensure_page_aligned(
        &self,
        py: Python<'_>,
        at: usize,
        hint: Hint,
    ) -> PyResult<()> {
        match self.lead() > 0 || at % page_size() == 0 {
            true => Ok(()),
            false => Err(hint.add_to(py, errno(INVALID))),
        }
    }

    /// Raises CPython's exception for a map that cannot be resized.
    fn ensure_resizable(&self) -> PyResult<()> {
        if self.map.is_exported() {
            return Err(buffers_exist());
        }
        if !self.tracked {
            return Err(value_error("mmap can't resize with trackfd=False."));
        }
        if matches!(self.access, ACCESS_READ | ACCESS_COPY) { Err(not_resizable()) } else { Ok(()) }
    }

    /// Converts the arguments `start` and `length` of the methods that CPython does not have.
    fn range(
        &self,
        py: Python<'_>,
        start: &Optional<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Range<usize>> {
        let (start, length) = (start.ssize_or(0)?, optional_ssize(length)?);
        let len = self.length(py)?;
        let start = usize::try_from(start).ok().filter(|&start| start <= len);
        let start = start.ok_or_else(|| value_error("start out of bounds"))?;
        let length = length.map_or(Some(len - start), |length| usize::try_from(length).ok());
        let length = length
            .filter(|&length| length <= len - start)
            .ok_or_else(|| value_error("length out of bounds"))?;
        Ok(start..start + length)
    }

    /// Resizes the map as CPython does: shared anonymous memory never grows, though its last page
    /// has more bytes and it may have been longer before.
    fn resize_to(&self, map: &Map, newsize: usize) -> safemap::Result<()> {
        let shared_memory = self.flags & (MAP_PRIVATE | MAP_ANONYMOUS) == MAP_ANONYMOUS;
        if shared_memory && newsize > map.len() {
            return Err(Error::Unsupported("mmap: can't expand a shared anonymous mapping"));
        }
        map.resize(newsize)
    }
}

/// Returns the range of `count` bytes, starting at `at`, if it is within a map of `len` bytes.
fn range_within(at: isize, count: isize, len: usize) -> Option<Range<usize>> {
    let (start, count) = (usize::try_from(at).ok()?, usize::try_from(count).ok()?);
    let end = start.checked_add(count).filter(|&end| end <= len)?;
    Some(start..end)
}

/// Returns the range to flush. A size of -1 extends to the end.
fn flush_range(offset: isize, size: isize, len: usize) -> Option<Range<usize>> {
    let offset = usize::try_from(offset).ok()?;
    let left = len.checked_sub(offset)?;
    let size = if size == -1 { left } else { usize::try_from(size).ok()? };
    (size <= left).then_some(offset..offset + size)
}

pub(crate) fn not_resizable() -> PyErr {
    PyTypeError::new_err("mmap can't resize a readonly or copy-on-write memory map.")
}

fn str_argument(name: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = name.cast::<PyString>().map_err(|_| {
        PyTypeError::new_err(format!("set_name() argument must be str, not {}", class_name(name)))
    })?;
    Ok(text.to_str()?.to_owned())
}
