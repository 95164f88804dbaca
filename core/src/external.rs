//! Foreign memory: bytes that somebody else answers for.
//!
//! # Safety
//!
//! The one kernel call copies from a slice into memory that was reserved for as much.

#![allow(unsafe_code)]

use crate::{Error, Result, accessor, sys::fault};

/// Copies `bytes`, which may lie in memory that somebody mapped and lent out: where its file no longer reaches, this is
/// an error and no SIGBUS.
///
/// # Errors
///
/// [`Error::Buffer`] with the offset of the first byte that cannot be read; [`Error::Os`] if there is no memory for a copy.
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
    // SAFETY: room for so many was reserved.
    let outcome = unsafe { accessor::copy(copy.as_mut_ptr(), bytes.as_ptr(), bytes.len()) };
    if outcome.fault != 0 {
        fault::note();
        return Err(Error::Buffer { offset: outcome.done });
    }
    // SAFETY: the kernel has written all of them.
    unsafe { copy.set_len(bytes.len()) };
    Ok(copy)
}
