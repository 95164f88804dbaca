//! The buffer protocol, which exports the mapped memory itself.

#![allow(unsafe_code)]

use std::{ffi::c_int, ptr};

use pyo3::{ffi, prelude::*};
use safemap::{Error, Map};

use crate::{error::to_exception, mmap::Mmap};

/// Why [`try_export`] has no result.
pub(super) enum Missed {
    /// The slow path is needed.
    Slow,
    /// The slow path is needed after the export, which was counted, is withdrawn.
    Counted,
}

/// Fast path of [`export`]; returns what the slot returns.
///
/// # Safety
///
/// `view` is writable.
#[inline]
pub(super) unsafe fn try_export(
    mmap: &Bound<'_, Mmap>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> Result<c_int, Missed> {
    let map = mmap.get().map.try_export(mmap.py()).ok_or(Missed::Slow)?;
    if map.damage().is_some() {
        return Err(Missed::Counted);
    }
    // SAFETY: `map` was just exported; `view` is writable as the caller promises.
    Ok(unsafe { fill(mmap, map, view, flags) })
}

/// Exports the memory of `mmap` and fills `view` with its address, length and flags.
///
/// # Errors
///
/// ValueError if the map is closed, FaultError if it was repaired, BufferError if the memory is
/// read-only and `flags` ask for writable memory.
///
/// # Safety
///
/// `view` is writable.
pub(super) unsafe fn export(
    mmap: &Bound<'_, Mmap>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<c_int> {
    // SAFETY: the caller's promise. The protocol requires a null `obj` after a failure.
    unsafe { (*view).obj = ptr::null_mut() };
    let shared = &mmap.get().map;
    let map = shared.export(mmap.py())?;
    if let Some(offset) = map.damage() {
        shared.withdraw();
        return Err(to_exception(Error::Damaged { offset }));
    }
    // SAFETY: `map` was just exported; `view` is writable as the caller promises.
    match unsafe { fill(mmap, map, view, flags) } {
        0 => Ok(0),
        _ => Err(PyErr::fetch(mmap.py())),
    }
}

/// Fills `view` with the memory of `map`. Returns 0, or releases the export, sets an exception and
/// returns -1.
///
/// # Safety
///
/// - `map` is the map of `mmap`, and was exported for this view.
/// - `view` is writable.
#[inline]
unsafe fn fill(
    mmap: &Bound<'_, Mmap>,
    map: &Map,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { (*view).obj = ptr::null_mut() };
    let (start, len) = (map.as_mut_ptr().cast(), map.len() as ffi::Py_ssize_t);
    let read_only = c_int::from(mmap.get().is_read_only());
    // SAFETY: attached (`mmap`). The memory stays mapped until `release`, which the interpreter
    // calls when the view is released; until then `view.obj` keeps `mmap` alive.
    match unsafe { ffi::PyBuffer_FillInfo(view, mmap.as_ptr(), start, len, read_only, flags) } {
        0 => 0,
        _ => {
            mmap.get().map.withdraw();
            -1
        }
    }
}
