//! Handles of files: what they are, how long, and how they are let go.

use std::{
    io,
    os::windows::io::{AsRawHandle, BorrowedHandle, IntoRawHandle, OwnedHandle},
};

use windows_sys::Win32::{
    Foundation::{CloseHandle, ERROR_FILE_TOO_LARGE},
    Storage::FileSystem::{
        FILE_END_OF_FILE_INFO, FILE_TYPE_DISK, FileEndOfFileInfo, FlushFileBuffers, GetFileSizeEx, GetFileType,
        SetFileInformationByHandle,
    },
};

use super::{check, error, section};
use crate::sys::file_state::FileState;

/// The longest a file can be, in bytes.
pub(crate) const MAX_LEN: u64 = i64::MAX as u64;

/// Returns the state of the file.
pub(crate) fn state(file: BorrowedHandle<'_>) -> io::Result<FileState> {
    // SAFETY: touches no memory of ours.
    let has_len = unsafe { GetFileType(file.as_raw_handle()) } == FILE_TYPE_DISK;
    let len = if has_len { Some(status_len(file)?) } else { None };
    Ok(FileState { len, huge_page: None })
}

/// Returns the file's length.
pub(crate) fn status_len(file: BorrowedHandle<'_>) -> io::Result<u64> {
    let mut len = 0;
    // SAFETY: `len` is there to be filled.
    check(unsafe { GetFileSizeEx(file.as_raw_handle(), &raw mut len) })?;
    Ok(u64::try_from(len).unwrap_or(0))
}

/// Makes the file at least `len` bytes long.
pub(crate) fn extend(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    section::extend(file, len)
}

/// Makes the file `len` bytes long. The position, which others may share, stays where it is.
pub(crate) fn set_len(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    let len = i64::try_from(len).map_err(|_| error(ERROR_FILE_TOO_LARGE))?;
    let end = FILE_END_OF_FILE_INFO { EndOfFile: len };
    let size = size_of::<FILE_END_OF_FILE_INFO>() as u32;
    // SAFETY: `end` is of the kind and size that the call is told.
    check(unsafe { SetFileInformationByHandle(file.as_raw_handle(), FileEndOfFileInfo, (&raw const end).cast(), size) })
}

/// Makes the file `len` bytes long, which sets space aside unless the file is sparse or compressed.
pub(crate) fn set_len_allocated(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    set_len(file, len)
}

/// Has the device store all that was written to the file, and its length.
pub(crate) fn sync(file: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: touches no memory of ours.
    check(unsafe { FlushFileBuffers(file.as_raw_handle()) })
}

/// Closes the handle and reports what the system says of it.
pub(crate) fn close(file: OwnedHandle) -> io::Result<()> {
    // SAFETY: `file` was ours alone and is given up here.
    check(unsafe { CloseHandle(file.into_raw_handle()) })
}
