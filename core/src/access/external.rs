//! Copies of memory that code outside the library provides.

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
