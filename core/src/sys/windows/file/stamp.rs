//! What identifies the content of a file, as far as the file system records it.

use std::{
    io,
    mem::MaybeUninit,
    os::windows::io::{AsRawHandle, BorrowedHandle},
};

use windows_sys::Win32::Storage::FileSystem::{
    FILE_BASIC_INFO, FILE_INFO_BY_HANDLE_CLASS, FILE_STANDARD_INFO, FileBasicInfo,
    FileStandardInfo, GetFileInformationByHandleEx,
};

use crate::sys::windows::check;

/// The length, and the times of the last changes of content and of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    len: i64,
    modified: i64,
    changed: i64,
}

/// Returns the stamp of the file. A handle always belongs to the same file.
pub(crate) fn stamp(file: BorrowedHandle<'_>) -> io::Result<Stamp> {
    // SAFETY: the class belongs to the type, whose fields are numbers.
    let times = unsafe { information::<FILE_BASIC_INFO>(file, FileBasicInfo) }?;
    // SAFETY: as above.
    let standard = unsafe { information::<FILE_STANDARD_INFO>(file, FileStandardInfo) }?;
    Ok(Stamp { len: standard.EndOfFile, modified: times.LastWriteTime, changed: times.ChangeTime })
}

/// Returns information of a class about the file.
///
/// # Safety
///
/// `class` is the class of information that fills a `T`.
pub(super) unsafe fn information<T>(
    file: BorrowedHandle<'_>,
    class: FILE_INFO_BY_HANDLE_CLASS,
) -> io::Result<T> {
    let mut info = MaybeUninit::<T>::uninit();
    let (to, size) = (info.as_mut_ptr().cast(), size_of::<T>() as u32);
    // SAFETY: `info` has the size that is passed, and the type of `class` (the caller).
    check(unsafe { GetFileInformationByHandleEx(file.as_raw_handle(), class, to, size) })?;
    // SAFETY: the call succeeded and so filled it.
    Ok(unsafe { info.assume_init() })
}
