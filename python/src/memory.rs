//! The map as memory: flush, advise, move, resize, protect, lock, name.

use std::ops::Range;

use pyo3::{
    exceptions::{PyNotImplementedError, PyTypeError},
    prelude::*,
    types::PyString,
};
use safemap::{Error, Map, Protection, page_size};

use crate::{
    argument::{Given, LEFT_OUT, int, optional_ssize},
    buffer::{class_name, ssize},
    constants::{ACCESS_COPY, ACCESS_READ, NAMES_MEMORY},
    error::{errno, exported, raise, value},
    mmap::Mmap,
    os::{FLUSHES_WHOLE_PAGES, INVALID, MAP_ANONYMOUS, MAP_PRIVATE, MS_SYNC},
};

/// What CPython puts before a name, and how long the two may be together.
const NAME_PREFIX: &str = "cpython:mmap:";
const NAME_LIMIT: usize = 79;

#[pymethods]
impl Mmap {
    /// Writes changed bytes back to the file: all, or `size` from `offset` on, which must be a multiple of PAGESIZE.
    ///
    /// `flags` is MS_SYNC (the default: wait until they are on the device) or MS_ASYNC, and MS_INVALIDATE. Maps that
    /// change no file do nothing.
    #[pyo3(
        signature = (offset = LEFT_OUT, size = LEFT_OUT, /, *, flags = LEFT_OUT),
        text_signature = "($self, offset=0, size=-1, /, *, flags=0)"
    )]
    fn flush(&self, py: Python<'_>, offset: Given<'_, '_>, size: Given<'_, '_>, flags: Given<'_, '_>) -> PyResult<()> {
        self.open()?;
        let (offset, size, flags) = (offset.ssize_or(0)?, size.ssize_or(-1)?, flags.int_or(0)?);
        let range = flush_range(offset, size, self.length(py)?).ok_or_else(|| value("flush values out of range"))?;
        if matches!(self.access, ACCESS_READ | ACCESS_COPY) {
            return Ok(());
        }
        if FLUSHES_WHOLE_PAGES {
            aligned(range.start)?;
        }
        let flags = if flags == 0 { MS_SYNC } else { flags };
        self.run_detached(py, |map| map.flush_with(range, flags))
    }

    /// Does what `flush` does, and then what `os.fsync` does for the file, on macOS with the drive's own cache: afterwards all that was
    /// written survives a power failure. Maps that change no file do nothing.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        self.open()?;
        self.run_detached(py, |map| map.sync_all())
    }

    /// Copies `count` bytes from `src` to `dest`; the two ranges may overlap.
    #[pyo3(name = "move", signature = (dest, src, count, /))]
    fn move_bytes(
        &self,
        py: Python<'_>,
        dest: &Bound<'_, PyAny>,
        src: &Bound<'_, PyAny>,
        count: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.open()?;
        let (dest, src, count) = (ssize(dest)?, ssize(src)?, ssize(count)?);
        self.writable()?;
        let len = self.length(py)?;
        let (Some(from), Some(to)) = (stretch(src, count, len), stretch(dest, count, len)) else {
            return Err(value("source, destination, or count out of range"));
        };
        self.run_sized(py, from.len(), |map| map.copy_within(from, to.start))
    }

    /// Changes the length of the map, and of its file, to `newsize` bytes. If that fails, both are as before.
    ///
    /// Raises BufferError while a view of the memory lives; TypeError for maps that must not change their file.
    #[pyo3(signature = (newsize, /))]
    fn resize(&self, py: Python<'_>, newsize: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open()?;
        let newsize = ssize(newsize)?;
        self.open()?;
        self.resizable()?;
        let fits = self.offset.checked_add(newsize as i64).is_some();
        let newsize = usize::try_from(newsize).ok().filter(|_| fits);
        match newsize.ok_or_else(|| value("new size out of range"))? {
            // CPython truncates the real file under a private map that was asked for by flags, ...
            _ if self.flags & (MAP_PRIVATE | MAP_ANONYMOUS) == MAP_PRIVATE => Err(not_resizable()),
            // ... and the file of any map before it finds that it cannot be so short.
            0 => Err(errno(INVALID)),
            newsize => self.shelf.resize(py, |map| self.resize_to(map, newsize), not_resized),
        }
    }

    /// Gives anonymous memory a name, which /proc/PID/maps shows behind the prefix `cpython:mmap:`.
    #[pyo3(signature = (name, /))]
    fn set_name(&self, py: Python<'_>, name: &Bound<'_, PyAny>) -> PyResult<()> {
        self.open()?;
        let name = text(name)?;
        if name.contains('\0') {
            return Err(value("embedded null character"));
        }
        if self.flags & MAP_ANONYMOUS == 0 {
            return Err(value("Cannot set annotation on non-anonymous mappings"));
        }
        if !NAMES_MEMORY {
            return Err(PyNotImplementedError::new_err("Annotation of mmap is not supported on this platform"));
        }
        let name = format!("{NAME_PREFIX}{name}");
        if name.len() > NAME_LIMIT {
            return Err(value("name is too long"));
        }
        // A kernel may be built without names; CPython does not tell either.
        self.run(py, |map| match map.set_name(&name) {
            Err(Error::Os { .. }) => Ok(()),
            done => done,
        })
    }

    /// Changes what may be done with `length` bytes from `start` on, a multiple of PAGESIZE.
    ///
    /// `prot` is made of PROT_READ, PROT_WRITE, PROT_EXEC, or is PROT_NONE. What is forbidden raises FaultError when
    /// tried. A resize that moves the map takes it back.
    #[pyo3(
        signature = (prot, start = LEFT_OUT, length = None, /),
        text_signature = "($self, prot, start=0, length=None, /)"
    )]
    fn protect(
        &self,
        py: Python<'_>,
        prot: &Bound<'_, PyAny>,
        start: Given<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        self.open()?;
        let prot = Protection::from_bits(int(prot)?);
        let range = self.range(py, &start, length)?;
        aligned(range.start)?;
        self.run_detached(py, |map| map.protect(range, prot))
    }

    /// Keeps `length` bytes from `start` on in memory, and reads them in first.
    #[pyo3(signature = (start = LEFT_OUT, length = None, /), text_signature = "($self, start=0, length=None, /)")]
    fn lock(&self, py: Python<'_>, start: Given<'_, '_>, length: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.open()?;
        let range = self.range(py, &start, length)?;
        self.run_detached(py, |map| map.lock(range))
    }

    /// Takes lock() back.
    #[pyo3(signature = (start = LEFT_OUT, length = None, /), text_signature = "($self, start=0, length=None, /)")]
    fn unlock(&self, py: Python<'_>, start: Given<'_, '_>, length: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        self.open()?;
        let range = self.range(py, &start, length)?;
        self.run_detached(py, |map| map.unlock(range))
    }

    /// The lowest offset at which somebody met zeros in the place of bytes that could not be had, or None. Only maps made with
    /// repair=True know.
    #[getter]
    fn damage(&self, py: Python<'_>) -> PyResult<Option<usize>> {
        self.run(py, |map| Ok(map.damage()))
    }

    /// Maps the file again where zeros were put in its place, so that the map can be used again. What was written to the
    /// zeros is lost. Raises FaultError while the file is too short.
    fn restore(&self, py: Python<'_>) -> PyResult<()> {
        self.run_detached(py, |map| map.restore())
    }
}

impl Mmap {
    /// Raises what CPython raises for a map that cannot change its size.
    fn resizable(&self) -> PyResult<()> {
        if self.shelf.is_exported() {
            return Err(exported("mmap can't resize with extant buffers exported."));
        }
        if !self.tracked {
            return Err(value("mmap can't resize with trackfd=False."));
        }
        if matches!(self.access, ACCESS_READ | ACCESS_COPY) { Err(not_resizable()) } else { Ok(()) }
    }

    /// The range that `start` and `length` mean for the methods that CPython does not have.
    fn range(
        &self,
        py: Python<'_>,
        start: &Given<'_, '_>,
        length: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Range<usize>> {
        let (start, length) = (start.ssize_or(0)?, optional_ssize(length)?);
        let len = self.length(py)?;
        let start = usize::try_from(start).ok().filter(|&start| start <= len);
        let start = start.ok_or_else(|| value("start out of bounds"))?;
        let length = length.map_or(Some(len - start), |length| usize::try_from(length).ok());
        let length = length.filter(|&length| length <= len - start).ok_or_else(|| value("length out of bounds"))?;
        Ok(start..start + length)
    }
}

/// The range of `count` bytes from `at` on, if it lies in a map of `len` bytes.
fn stretch(at: isize, count: isize, len: usize) -> Option<Range<usize>> {
    let (start, count) = (usize::try_from(at).ok()?, usize::try_from(count).ok()?);
    let end = start.checked_add(count).filter(|&end| end <= len)?;
    Some(start..end)
}

/// Refuses what does not begin with a page, as the system does.
pub(crate) fn aligned(at: usize) -> PyResult<()> {
    if at.is_multiple_of(page_size()) { Ok(()) } else { Err(errno(INVALID)) }
}

/// The range to flush; a size of -1 reaches to the end.
fn flush_range(offset: isize, size: isize, len: usize) -> Option<Range<usize>> {
    let offset = usize::try_from(offset).ok()?;
    let left = len.checked_sub(offset)?;
    let size = if size == -1 { left } else { usize::try_from(size).ok()? };
    (size <= left).then_some(offset..offset + size)
}

impl Mmap {
    /// Shared anonymous memory has room up to the end of its last page, and up to the length that it had once. CPython uses neither.
    fn resize_to(&self, map: &Map, newsize: usize) -> safemap::Result<()> {
        let shared_memory = self.flags & (MAP_PRIVATE | MAP_ANONYMOUS) == MAP_ANONYMOUS;
        if shared_memory && newsize > map.len() {
            return Err(Error::Unsupported("growing shared anonymous memory"));
        }
        map.resize(newsize)
    }
}

fn not_resizable() -> PyErr {
    PyTypeError::new_err("mmap can't resize a readonly or copy-on-write memory map.")
}

fn not_resized(error: Error) -> PyErr {
    match error {
        Error::Unsupported(_) => value("mmap: can't expand a shared anonymous mapping"),
        error => raise(error),
    }
}

fn text(name: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = name
        .cast::<PyString>()
        .map_err(|_| PyTypeError::new_err(format!("set_name() argument must be str, not {}", class_name(name))))?;
    Ok(text.to_str()?.to_owned())
}
