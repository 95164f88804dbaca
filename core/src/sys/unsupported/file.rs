//! Files: each call on one fails.

use std::{ffi::CStr, fs::File, io, mem::MaybeUninit, path::Path};

use super::{BorrowedFile, OwnedFile, unsupported};
use crate::sys::{file_state::FileState, seals::Seals, segment::Creation};

pub(crate) const MAX_LEN: u64 = i64::MAX as u64;

/// What identifies the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {}

/// The identity of a mapped file.
#[derive(Debug)]
pub(crate) struct FileId;

impl FileId {
    pub(crate) fn new(_: Option<BorrowedFile<'_>>) -> FileId {
        FileId
    }
}

pub(crate) fn stamp(_: BorrowedFile<'_>) -> io::Result<Stamp> {
    unsupported()
}

pub(crate) fn is_still(_: BorrowedFile<'_>, _: [u64; 2]) -> bool {
    true
}

pub(crate) fn state(_: BorrowedFile<'_>) -> io::Result<FileState> {
    unsupported()
}

pub(crate) fn path(_: BorrowedFile<'_>) -> Option<std::path::PathBuf> {
    None
}

pub(crate) fn regular_len(_: BorrowedFile<'_>) -> io::Result<Option<u64>> {
    unsupported()
}

pub(crate) fn status_len(_: BorrowedFile<'_>) -> io::Result<u64> {
    unsupported()
}

pub(crate) fn reports_residency(_: Option<BorrowedFile<'_>>, _: u64) -> Option<io::Result<bool>> {
    Some(unsupported())
}

pub(crate) fn extend(_: BorrowedFile<'_>, _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_len(_: BorrowedFile<'_>, _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_len_allocated(_: BorrowedFile<'_>, _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn is_unknown(_: &io::Error) -> bool {
    false
}

pub(crate) fn sync(_: BorrowedFile<'_>) -> io::Result<()> {
    unsupported()
}

pub(crate) fn sync_data(_: BorrowedFile<'_>) -> io::Result<()> {
    unsupported()
}

pub(crate) fn close(_: OwnedFile) -> io::Result<()> {
    Ok(())
}

pub(crate) fn only_appends(_: BorrowedFile<'_>) -> io::Result<bool> {
    unsupported()
}

pub(crate) fn ensure_size_is_allowed(_: u64) -> io::Result<()> {
    Ok(())
}

pub(crate) fn reserve_space(_: BorrowedFile<'_>, _: u64, _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn write_at(_: BorrowedFile<'_>, _: &[u8], _: u64) -> io::Result<()> {
    unsupported()
}

pub(crate) fn create_memory_file(_: &CStr) -> io::Result<OwnedFile> {
    unsupported()
}

pub(crate) fn seal(_: BorrowedFile<'_>) -> io::Result<()> {
    unsupported()
}

pub(crate) fn seals(_: BorrowedFile<'_>) -> Seals {
    Seals::Impossible
}

pub(crate) fn open_plain(_: &Path, _: Creation, _: u32) -> io::Result<File> {
    unsupported()
}

pub(crate) fn open_plain_for_reading(_: &Path) -> io::Result<File> {
    unsupported()
}

pub(crate) fn open_folder(_: &Path) -> Option<File> {
    None
}

pub(crate) fn read_at(_: BorrowedFile<'_>, _: &mut [MaybeUninit<u8>], _: u64) -> io::Result<usize> {
    unsupported()
}

pub(crate) fn read_next(_: BorrowedFile<'_>, _: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    unsupported()
}

pub(crate) fn has_offsets(_: BorrowedFile<'_>) -> bool {
    false
}

pub(crate) fn hides_length(_: BorrowedFile<'_>) -> bool {
    false
}
