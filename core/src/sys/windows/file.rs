//! File handles: state, length, writing to the device, closing.

mod append;
mod id;
mod memory;
mod open;
mod read;
mod stamp;

use std::{
    io,
    os::windows::io::{AsRawHandle, BorrowedHandle, IntoRawHandle, OwnedHandle},
};

use windows_sys::Win32::{
    Foundation::{CloseHandle, ERROR_FILE_TOO_LARGE},
    Storage::FileSystem::{
        FILE_END_OF_FILE_INFO, FILE_TYPE_DISK, FileEndOfFileInfo, FlushFileBuffers, GetFileSizeEx,
        GetFileType, SetFileInformationByHandle,
    },
};

use super::{check, error, section};
use crate::sys::file_state::FileState;
pub(crate) use append::{ensure_size_is_allowed, only_appends, reserve_space, write_at};
pub(crate) use id::{FileId, Id};
pub(crate) use memory::{create_memory_file, seal, seals};
pub(crate) use open::{open_folder, open_plain, open_plain_for_reading};
pub(crate) use read::{has_offsets, hides_length, read_at, read_next};
pub(crate) use stamp::{Stamp, stamp};

/// Returns whether the handle is still one of the file of a map. Programs close no handles of
/// others.
pub(crate) fn is_still(_: BorrowedHandle<'_>, _: [u64; 2]) -> bool {
    true
}

/// The largest length of a file, in bytes.
pub(crate) const MAX_LEN: u64 = i64::MAX as u64;

/// Returns the state of the file.
pub(crate) fn state(file: BorrowedHandle<'_>) -> io::Result<FileState> {
    // SAFETY: the call accesses no memory of this process.
    let has_len = unsafe { GetFileType(file.as_raw_handle()) } == FILE_TYPE_DISK;
    let len = if has_len { Some(status_len(file)?) } else { None };
    Ok(FileState { len, is_directory: false, identity: [0; 2], huge_page: None })
}

/// Returns `None`: only reports of repairs name a path.
pub(crate) fn path(_: BorrowedHandle<'_>) -> Option<std::path::PathBuf> {
    None
}

/// Returns the file's length, or `None` if it is not a file on a disk.
pub(crate) fn regular_len(file: BorrowedHandle<'_>) -> io::Result<Option<u64>> {
    Ok(state(file)?.len)
}

/// Returns the file's length.
pub(crate) fn status_len(file: BorrowedHandle<'_>) -> io::Result<u64> {
    let mut len = 0;
    // SAFETY: `len` is a local variable of the type that the call fills.
    check(unsafe { GetFileSizeEx(file.as_raw_handle(), &raw mut len) })?;
    Ok(u64::try_from(len).unwrap_or(0))
}

/// Returns whether the system reports which pages of the file are in memory.
pub(crate) fn reports_residency(_: Option<BorrowedHandle<'_>>, _: u64) -> Option<io::Result<bool>> {
    Some(Ok(true))
}

/// Makes the file at least `len` bytes long.
pub(crate) fn extend(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    section::extend(file, len)
}

/// Makes the file `len` bytes long. The file position, which other handles may share, is unchanged.
pub(crate) fn set_len(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    let len = i64::try_from(len).map_err(|_| error(ERROR_FILE_TOO_LARGE))?;
    let end = FILE_END_OF_FILE_INFO { EndOfFile: len };
    let size = size_of::<FILE_END_OF_FILE_INFO>() as u32;
    // SAFETY: `end` has the type and the size that the arguments say.
    check(unsafe {
        SetFileInformationByHandle(
            file.as_raw_handle(),
            FileEndOfFileInfo,
            (&raw const end).cast(),
            size,
        )
    })
}

/// Makes the file `len` bytes long. That allocates disk space unless the file is sparse or
/// compressed.
pub(crate) fn set_len_allocated(file: BorrowedHandle<'_>, len: u64) -> io::Result<()> {
    set_len(file, len)
}

/// Returns `false`: files are allocated when they become longer.
pub(crate) fn is_unknown(_: &io::Error) -> bool {
    false
}

/// Waits until the content and the length of the file are on the device.
pub(crate) fn sync(file: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: the call accesses no memory of this process.
    check(unsafe { FlushFileBuffers(file.as_raw_handle()) })
}

/// The same: the system has no documented call that flushes less.
pub(crate) use sync as sync_data;

/// Closes the handle and returns the error of `CloseHandle`.
pub(crate) fn close(file: OwnedHandle) -> io::Result<()> {
    // SAFETY: `file` owned the handle and gives it up here.
    check(unsafe { CloseHandle(file.into_raw_handle()) })
}
