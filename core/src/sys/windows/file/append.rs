//! Writing to a file by system calls, so that its end moves only behind bytes that are there.

use std::{
    io,
    os::windows::{fs::FileExt, io::BorrowedHandle},
};

use super::read::borrowed;

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
pub(crate) fn write_at(file: BorrowedHandle<'_>, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match borrowed(file).seek_write(bytes, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
