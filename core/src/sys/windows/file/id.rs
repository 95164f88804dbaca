//! The number of a file, which is the same for all processes.

use std::{os::windows::io::BorrowedHandle, sync::OnceLock};

use windows_sys::Win32::Storage::FileSystem::{FILE_ID_INFO, FileIdInfo};

use super::stamp::information;

/// The serial number of a volume, and that of a file there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id {
    pub(crate) volume: u64,
    pub(crate) file: u128,
}

/// The identity of a map's file, which is read at most once; `None` inside if it has none.
#[derive(Debug)]
pub(crate) struct FileId(OnceLock<Option<Id>>);

impl FileId {
    /// Reads the identity now if the map does not keep its file.
    pub(crate) fn new(not_kept: Option<BorrowedHandle<'_>>) -> FileId {
        FileId(not_kept.map_or_else(OnceLock::new, |file| id(file).into()))
    }

    /// Returns the identity of the file, which is the file of the map if the map keeps it.
    pub(crate) fn of(&self, file: Option<BorrowedHandle<'_>>) -> Option<Id> {
        *self.0.get_or_init(|| file.and_then(id))
    }
}

/// Returns the identity of the file, if its file system has one.
fn id(file: BorrowedHandle<'_>) -> Option<Id> {
    // SAFETY: the class belongs to the type, whose fields are numbers.
    let info = unsafe { information::<FILE_ID_INFO>(file, FileIdInfo) }.ok()?;
    let file = u128::from_le_bytes(info.FileId.Identifier);
    // A file system that has no number for a file reports 0 or -1 ([MS-FSCC] 2.1.9 and 2.1.10).
    let is_known = file != 0 && file != u128::MAX && file != u128::from(u64::MAX);
    is_known.then_some(Id { volume: info.VolumeSerialNumber, file })
}
