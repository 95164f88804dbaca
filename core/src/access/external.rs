//! Copies of memory that code outside the library provides.

#[cfg(feature = "python-internals")]
use std::mem::MaybeUninit;

use crate::{Error, Result, accessor, sys::fault};

/// Copies `bytes` to a new vector. They may lie in memory that was mapped by any code: if its file
/// has become shorter, this is an error and not a SIGBUS.
///
/// # Errors
///
/// [`Error::Buffer`] with the offset of the first byte that cannot be read; [`Error::Os`] if there
/// is not enough memory for the copy.
///
/// # Examples
///
/// ```
/// assert_eq!(safemap::copy_of(b"bytes")?, b"bytes");
/// # Ok::<(), safemap::Error>(())
/// ```
pub fn copy_of(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy: Vec<u8> = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|error| Error::os("copy_of")(error.into()))?;
    fault::ensure_ready();
    // SAFETY: the vector has reserved memory for `bytes.len()` bytes.
    let outcome = unsafe { accessor::copy(copy.as_mut_ptr(), bytes.as_ptr(), bytes.len()) };
    if outcome.fault != 0 {
        fault::note();
        return Err(Error::Buffer { offset: outcome.done });
    }
    // SAFETY: the accessor wrote all of them, as it reported no fault.
    unsafe { copy.set_len(bytes.len()) };
    Ok(copy)
}

/// Copies `bytes` to the start of a buffer that other threads may access, or that may lie in a map.
/// For the Python package.
///
/// # Errors
///
/// [`Error::OutOfBounds`] if the buffer is shorter; [`Error::Buffer`] as [`copy_of`].
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub fn copy_to_buffer(bytes: &[u8], buffer: &mut [MaybeUninit<u8>]) -> Result<()> {
    let (end, len) = (bytes.len(), buffer.len());
    if end > len {
        return Err(Error::OutOfBounds { call: "copy_to_buffer", start: 0, end, len });
    }
    fault::ensure_ready();
    // SAFETY: the buffer has space for the bytes, and is writable.
    let outcome = unsafe { accessor::copy(buffer.as_mut_ptr().cast(), bytes.as_ptr(), end) };
    if outcome.fault == 0 {
        return Ok(());
    }
    fault::note();
    Err(Error::Buffer { offset: outcome.done })
}
