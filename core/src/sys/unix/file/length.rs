//! The length of a file.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::{
    super::{
        check,
        large_file::{ftruncate, off_t},
        retry_interrupted,
    },
    attributes::attributes,
    size_signal::without_signal,
};

/// The largest length of a file, in bytes.
pub(crate) const MAX_LEN: u64 = off_t::MAX as u64;

/// Returns the file's length: 0 for devices.
pub(crate) fn status_len(file: BorrowedFd<'_>) -> io::Result<u64> {
    attributes(file).map(|it| it.len)
}

/// Returns the file's length, or `None` if it is not a regular file.
pub(crate) fn regular_len(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
    let attributes = attributes(file)?;
    Ok(attributes.is_regular().then_some(attributes.len))
}

/// Makes the file at least `len` bytes long.
pub(crate) fn extend(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    // Bytes that another process appends between the two calls are lost. The system has no call
    // that only extends; one extends and allocates, but not on every file system.
    if status_len(file)? < len { set_len(file, len) } else { Ok(()) }
}

/// Makes the file `len` bytes long.
pub(crate) fn set_len(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    let len = offset(len)?;
    // SAFETY: ftruncate accesses no memory of this process. The pages of maps that it removes are
    // accessed by accessors only.
    let truncate = || check(unsafe { ftruncate(file.as_raw_fd(), len) });
    without_signal(|| retry_interrupted(truncate))
}

/// Converts a length; fails with `EFBIG`.
pub(super) fn offset(len: u64) -> io::Result<off_t> {
    off_t::try_from(len).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
}
