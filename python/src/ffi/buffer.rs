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
    let filled = unsafe { fill(mmap, map, view, flags) };
    if filled != 0 {
        mmap.get().map.withdraw();
    }
    Ok(filled)
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
    if let Err(error) = lend(mmap.get(), map) {
        shared.withdraw();
        return Err(to_exception(error));
    }
    // SAFETY: `map` was just exported; `view` is writable as the caller promises.
    match unsafe { fill(mmap, map, view, flags) } {
        0 => Ok(0),
        _ => {
            let error = PyErr::fetch(mmap.py());
            if mmap.get().commits() {
                map.take_back();
            }
            shared.withdraw();
            Err(error)
        }
    }
}

/// Checks that the memory of a map may be used directly, and counts that for a transactional map.
fn lend(mmap: &Mmap, map: &Map) -> safemap::Result<()> {
    match map.damage() {
        Some(offset) => Err(Error::Damaged { offset }),
        None if mmap.commits() => map.lend(),
        None => Ok(()),
    }
}

/// Fills `view` with the memory of `map`. Returns 0, or sets an exception and returns -1. Then the
/// caller withdraws the export.
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
    // `as_mut_ptr` would say that the pointer may be used after the buffer was released.
    let (start, len) = (map.as_ptr().cast_mut().cast(), map.len() as ffi::Py_ssize_t);
    let read_only = c_int::from(mmap.get().is_read_only());
    // SAFETY: attached (`mmap`). The memory stays mapped until `release`, which the interpreter
    // calls when the view is released; until then `view.obj` keeps `mmap` alive.
    unsafe { ffi::PyBuffer_FillInfo(view, mmap.as_ptr(), start, len, read_only, flags) }
}
