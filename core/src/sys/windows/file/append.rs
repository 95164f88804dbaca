//! Writing to a file by system calls, so that its end moves only behind bytes that are there.

use std::{
    io,
    os::windows::{fs::FileExt, io::BorrowedHandle},
};

use super::read::borrowed;
use crate::sys::write::write_all;

/// Returns `false`: a handle that only appends does not allow a writable map.
pub(crate) fn only_appends(_: BorrowedHandle<'_>) -> io::Result<bool> {
    Ok(false)
}

/// Succeeds: processes have no such limit.
pub(crate) fn ensure_size_is_allowed(_: u64) -> io::Result<()> {
    Ok(())
}

/// Does nothing: no call allocates space for all kinds of files.
pub(crate) fn reserve_space(_: BorrowedHandle<'_>, _: u64, _: u64) -> io::Result<()> {
    Ok(())
}

/// Writes all of `bytes` at byte `at` of the file. On failure a part of them may be written. Moves
/// the file position.
pub(crate) fn write_at(file: BorrowedHandle<'_>, bytes: &[u8], at: u64) -> io::Result<()> {
    let file = borrowed(file);
    write_all(bytes, at, |bytes, at| file.seek_write(bytes, at))
}
