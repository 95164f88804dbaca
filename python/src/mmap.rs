//! The class `mmap`: its fields, and how its methods access the map.

use std::{
    ffi::{CStr, c_int},
    mem::MaybeUninit,
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use pyo3::{prelude::*, types::PyBytes};
use safemap::{Error, Map};

use crate::{
    constants::{ACCESS_COPY, ACCESS_DEFAULT, ACCESS_READ, ACCESS_WRITE},
    error::{buffers_exist, closed, exported, index_or_exception, read_only, to_exception},
    ffi::{Method, ReturnValue, SharedMap, class_name, new_bytes, try_new_bytes},
    file::unsupported_operation,
    ipc::LockedCount,
    pieces::{Direction, Pieces, SignalClock},
};

/// Calls that copy at least this many bytes detach from the interpreter, so that other threads can
/// run Python code. Detaching and attaching costs as much as copying a few KiB, and much more if
/// another thread waits for the GIL. CPython holds the GIL in all copies.
pub(crate) const DETACH_THRESHOLD: usize = 256 * 1024 + 1;

/// The same for calls that search. Some needles take much longer than a copy.
pub(crate) const SEARCH_DETACH_THRESHOLD: usize = 64 * 1024;

/// A memory map that behaves like a bytearray and like a file object.
///
/// mmap(fileno, length, flags=MAP_SHARED, prot=PROT_READ|PROT_WRITE, access=ACCESS_DEFAULT,
///      offset=0, *, trackfd=True, repair=False, allocate=False)
/// On Windows: mmap(fileno, length, tagname=None, access=ACCESS_DEFAULT, offset=0, *,
///      trackfd=True, repair=False, allocate=False)
///
/// Maps `length` bytes of the file with the descriptor `fileno`, starting at `offset`, which must
/// be a multiple of ALLOCATIONGRANULARITY. A length of 0 maps the rest of the file. A fileno of -1
/// maps new anonymous memory.
///
/// `access` is ACCESS_READ, ACCESS_WRITE (writes change the file) or ACCESS_COPY (writes change the
/// memory only). Alternatively `flags` and `prot` are passed to the system's mmap(). The descriptor
/// is duplicated unless `trackfd` is false; then size() and resize() raise ValueError.
///
/// If `repair` is true, code that accesses the memory through a buffer (memoryview, numpy, re)
/// reads zeros where the file has become shorter. Without it, such an access terminates the process
/// by SIGBUS. After a repair, every call raises FaultError until restore() succeeds. If `allocate`
/// is true, resize() allocates disk space, so that a full disk is reported by resize() and not by a
/// later write.
///
/// On Windows a fileno of 0 maps anonymous memory as well. Processes that use the same `tagname`
/// share the memory. A file that is too short is extended. `repair` raises NotImplementedError.
///
/// Reading or writing a page of the map that the file no longer contains raises FaultError, a
/// subclass of OSError. The rest of the file's last page reads as zeros, and bytes written there
/// are lost; verify() raises FaultError then.
#[pyclass(frozen, subclass, weakref, immutable_type, mapping, name = "mmap", module = "mmap")]
pub(crate) struct Mmap {
    pub(crate) map: SharedMap,
    position: AtomicUsize,
    pub(crate) access: c_int,
    /// The flags passed to the constructor, and those it added.
    pub(crate) flags: c_int,
    pub(crate) offset: i64,
    pub(crate) tracked: bool,
    /// Whether a write past the end makes the map longer, as that of a file does.
    pub(crate) grows: bool,
    /// Whether changes reach the file by transactions.
    pub(crate) transactional: bool,
    /// Whether forward reads release pages behind them.
    pub(crate) drops_behind: bool,
    /// The mutexes of the map that this process has locked.
    pub(crate) mutexes: LockedCount,
    /// Address space into which the map grows while buffers exist, in bytes.
    pub(crate) reserve: usize,
}

impl Mmap {
    /// Wraps a new map. The position is 0.
    // Inlined: to move a map takes dozens of instructions.
    #[inline(always)]
    pub(crate) fn new(map: Map, access: c_int, flags: c_int, offset: i64, tracked: bool) -> Mmap {
        Mmap {
            map: SharedMap::new(map),
            position: AtomicUsize::new(0),
            access,
            flags,
            offset,
            tracked,
            grows: false,
            transactional: false,
            drops_behind: false,
            mutexes: LockedCount::new(),
            reserve: 0,
        }
    }

    /// Raises ValueError if the map is closed.
    #[inline]
    pub(crate) fn ensure_open(&self) -> PyResult<()> {
        if self.map.is_closed() { Err(closed()) } else { Ok(()) }
    }

    /// Raises BufferError if this process has locked a mutex of the map, or waits for one.
    pub(crate) fn ensure_unlocked(&self) -> PyResult<()> {
        match self.mutexes.is_zero() {
            true => Ok(()),
            false => {
                Err(exported("cannot close a map while a mutex of it is locked or waited for"))
            }
        }
    }

    /// Whether the map is changed by transactions. Then the core counts its buffers.
    #[inline]
    pub(crate) fn commits(&self) -> bool {
        self.transactional && !self.is_read_only()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.access == ACCESS_READ
    }

    /// Raises TypeError if the map is read-only; ValueError if it is closed as well.
    #[inline]
    pub(crate) fn ensure_writable(&self) -> PyResult<()> {
        if self.is_read_only() { self.ensure_open().and(Err(read_only())) } else { Ok(()) }
    }

    // Atomic to exclude torn reads. Threads that share a position must synchronize, as with a file.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.position.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set_position(&self, position: usize) {
        self.position.store(position, Relaxed);
    }

    /// Runs a short call on the map.
    #[inline]
    pub(crate) fn run<R>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        self.map.with(py, call, to_exception)
    }

    /// Runs a long call on the map, detached from the interpreter.
    pub(crate) fn run_detached<R: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&Map) -> safemap::Result<R> + Send,
    ) -> PyResult<R> {
        self.map.with_detached(py, call, |error| match error {
            Error::Unsupported(reason) if self.transactional => {
                unsupported_operation(py, (reason,))
            }
            Error::InUse { .. } if self.transactional => buffers_exist(),
            error => to_exception(error),
        })
    }

    /// Fast path of [`Mmap::length`].
    #[inline]
    pub(crate) fn try_length(&self, py: Python<'_>) -> Option<usize> {
        self.map.try_with(py, |map| Some(map.len()))
    }

    /// `len(mmap)`
    #[inline]
    pub(crate) fn length(&self, py: Python<'_>) -> PyResult<usize> {
        self.run(py, |map| Ok(map.len()))
    }

    /// Returns the byte at `at`, or raises IndexError.
    #[inline]
    pub(crate) fn byte(&self, py: Python<'_>, at: usize) -> PyResult<u8> {
        self.map.with(py, |map| map.get(at), index_or_exception)
    }

    /// Stores `byte` at `at`, or raises IndexError.
    #[inline]
    pub(crate) fn set_byte(&self, py: Python<'_>, at: usize, byte: u8) -> PyResult<()> {
        self.map.with(py, |map| map.set(byte, at), index_or_exception)
    }

    /// Fast path of [`Mmap::copy_out`], for at least one byte and less than [`DETACH_THRESHOLD`].
    #[inline]
    pub(crate) fn try_copy_out(
        &self,
        py: Python<'_>,
        at: usize,
        len: usize,
    ) -> Option<ReturnValue> {
        if len == 0 || len >= DETACH_THRESHOLD {
            return None;
        }
        try_new_bytes(py, len, |bytes| {
            self.map.try_with(py, |map| map.read_uninit_at(bytes, at).map(drop).ok())
        })
    }

    /// Copies `len` bytes, starting at `at`, into a new `bytes` object. Copies fewer if another
    /// thread has shortened the map since the caller read its length.
    pub(crate) fn copy_out<'py>(
        &self,
        py: Python<'py>,
        at: usize,
        len: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.copy_out_timed(py, at, len, &mut SignalClock::new())
    }

    /// [`Mmap::copy_out`] with a clock, which knows afterwards whether a handler raised.
    pub(crate) fn copy_out_timed<'py>(
        &self,
        py: Python<'py>,
        at: usize,
        len: usize,
        clock: &mut SignalClock,
    ) -> PyResult<Bound<'py, PyBytes>> {
        new_bytes(py, len, |bytes| {
            let read = |map: &Map, piece: &mut [_], at| Ok(map.read_uninit_at(piece, at)?.len());
            self.fill(py, bytes, at, clock, read)
        })
    }

    /// Copies bytes of `at..end` to `target`, at most those before one that cannot be accessed.
    /// Returns how many; fails if there are none for this reason.
    pub(crate) fn copy_before_fault(
        &self,
        py: Python<'_>,
        target: &mut [MaybeUninit<u8>],
        at: usize,
        end: usize,
    ) -> PyResult<usize> {
        let len = target.len().min(end.saturating_sub(at));
        let read = |map: &Map, piece: &mut [_], start| match map.read_uninit_at(piece, start) {
            Err(Error::Fault { offset }) if offset > at => Ok(offset - start),
            result => result.map(|bytes| bytes.len()),
        };
        self.fill(py, &mut target[..len], at, &mut SignalClock::new(), read)
    }

    /// Fills `target` with bytes of the map, starting at `at`, until `read` copies less than it is
    /// asked for or the map ends. Returns the number of bytes.
    fn fill(
        &self,
        py: Python<'_>,
        target: &mut [MaybeUninit<u8>],
        at: usize,
        clock: &mut SignalClock,
        read: impl Fn(&Map, &mut [MaybeUninit<u8>], usize) -> safemap::Result<usize> + Send + Sync,
    ) -> PyResult<usize> {
        let len = target.len();
        let mut copy = |map: &Map, piece: Range<usize>| {
            clamped(map, at.saturating_add(piece.start)..at.saturating_add(piece.end), |range| {
                read(map, &mut target[piece.start..][..range.len()], range.start)
            })
        };
        if len < DETACH_THRESHOLD {
            return self.run(py, |map| copy(map, 0..len));
        }
        let mut pieces = Pieces::new(0..len, Direction::Forward);
        let end = self.run_pieces(py, clock, &mut pieces, |map, piece| {
            let copied = copy(map, piece.clone())?;
            // Not beyond the end that the map has now.
            let end = map.len().saturating_sub(at).min(piece.start + copied);
            Ok((copied < piece.len()).then_some(end))
        })?;
        Ok(end.unwrap_or(len))
    }

    /// Copies `bytes` into the map, starting at `at`.
    pub(crate) fn copy_in(&self, py: Python<'_>, bytes: &[u8], at: usize) -> PyResult<()> {
        let len = bytes.len();
        if len < DETACH_THRESHOLD {
            return self.run(py, |map| match offset_in(map, bytes) {
                Some(from) => map.copy_within(from..from + len, at),
                None => map.write_at(bytes, at),
            });
        }
        match self.run(py, |map| Ok(offset_in(map, bytes)))? {
            Some(from) => self.copy_within(py, from..from + len, at),
            None => {
                let pieces = Pieces::new(0..len, Direction::Forward);
                self.write_pieces(py, pieces, |map, piece| {
                    map.write_at(&bytes[piece.clone()], at + piece.start)
                })
            }
        }
    }

    /// Copies the bytes of `range` to `to`, which may overlap.
    pub(crate) fn copy_within(
        &self,
        py: Python<'_>,
        range: Range<usize>,
        to: usize,
    ) -> PyResult<()> {
        if range.len() < DETACH_THRESHOLD {
            return self.run(py, |map| map.copy_within(range, to));
        }
        // The direction in which no byte is overwritten before it is read.
        let direction = if to > range.start { Direction::Backward } else { Direction::Forward };
        let pieces = Pieces::new(0..range.len(), direction);
        self.write_pieces(py, pieces, |map, piece| {
            map.copy_within(range.start + piece.start..range.start + piece.end, to + piece.start)
        })
    }
}

/// Calls `call` with the part of `range` that is in the map. Another thread may have shortened the
/// map since the caller read its length, and may do so before the call, which is then repeated.
#[inline]
pub(crate) fn clamped<R>(
    map: &Map,
    range: Range<usize>,
    mut call: impl FnMut(Range<usize>) -> safemap::Result<R>,
) -> safemap::Result<R> {
    loop {
        let end = range.end.min(map.len());
        match call(range.start.min(end)..end) {
            Err(Error::OutOfBounds { .. }) => {}
            result => return result,
        }
    }
}

/// Returns the offset of `bytes` in the map if they are part of it. Source and target of a copy may
/// then overlap.
pub(crate) fn offset_in(map: &Map, bytes: &[u8]) -> Option<usize> {
    // Length before address: only in this order do the two fit together while the map moves.
    let len = map.len();
    let from = bytes.as_ptr().addr().checked_sub(map.as_ptr().addr())?;
    (from.checked_add(bytes.len())? <= len).then_some(from)
}

/// `mmap.close()`
pub(crate) struct Close;

impl Method for Close {
    const NAME: &'static CStr = c"close";
    const DOC: &'static CStr = c"close($self, /)\n--\n\n\
        Unmaps the memory and closes the duplicated descriptor. Later calls raise ValueError.\n\
        Does nothing if the map is closed already.\n\n\
        Raises BufferError while a buffer of the memory (memoryview, array) exists.";
    const ARITY: (usize, usize) = (0, 0);

    /// Unmapping may take long, and always takes the slow path.
    #[inline]
    fn fast(_: &Mmap, _: Python<'_>, _: &[Bound<'_, PyAny>]) -> Option<ReturnValue> {
        None
    }

    fn slow<'py>(mmap: &Mmap, py: Python<'py>, _: &[Bound<'py, PyAny>]) -> PyResult<ReturnValue> {
        mmap.ensure_unlocked()?;
        mmap.map.close(py)?;
        Ok(ReturnValue::none(py))
    }
}

#[pymethods]
impl Mmap {
    /// Whether the map is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.map.is_closed()
    }

    /// Returns the map itself, which is closed at the end of the with statement.
    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        slf.get().ensure_open()?;
        Ok(slf)
    }

    /// Closes the map.
    #[pyo3(signature = (exc_type, exc_value, traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exc_type: &Bound<'_, PyAny>,
        exc_value: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let _ = (exc_type, exc_value, traceback);
        self.ensure_unlocked()?;
        self.map.close(py)
    }

    /// Returns a copy of all bytes. The position is neither used nor changed.
    // Without this method, `bytes` copies the exported buffer, where a fault ends the process.
    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.copy_out(py, 0, self.length(py)?)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let (this, py) = (slf.get(), slf.py());
        let name = class_name(slf);
        let Ok(length) = this.length(py) else { return format!("<{name} closed=True>") };
        let access = access_name(this.access);
        let (position, offset) = (this.position(), this.offset);
        format!(
            "<{name} closed=False, access={access}, length={length}, pos={position}, \
             offset={offset}>"
        )
    }
}

fn access_name(access: c_int) -> &'static str {
    match access {
        ACCESS_DEFAULT => "ACCESS_DEFAULT",
        ACCESS_READ => "ACCESS_READ",
        ACCESS_WRITE => "ACCESS_WRITE",
        ACCESS_COPY => "ACCESS_COPY",
        _ => "UNKNOWN",
    }
}
