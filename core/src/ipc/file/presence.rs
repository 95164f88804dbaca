//! What the system knows: which start of it this is, and whether a process uses a file.

use crate::{
    Error, Result,
    sys::{BorrowedFile, boot::boot_id, token},
};

/// Returns the number of this start of the system, or zeros if it is not known.
///
/// Containers may have other numbers, so one that differs proves nothing while [`is_in_use`].
pub(crate) fn boot() -> [u64; 2] {
    let id = boot_id();
    [0, 8].map(|at| u64::from_ne_bytes(std::array::from_fn(|index| id[at + index])))
}

/// Returns whether a process takes part: whether a liveness token of the file exists.
///
/// The file may be open for reading only. On Windows the question is a lock for a moment, which
/// would make another process fail to join: ask under the creation lock there.
///
/// # Errors
///
/// [`Error::Os`].
pub(crate) fn is_in_use(call: &'static str, file: BorrowedFile<'_>) -> Result<bool> {
    token::is_any_alive(file).map_err(Error::os(call))
}
