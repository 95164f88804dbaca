//! Bytes of a file that have blocks on its disk: growing, overwriting by zeros, flushing.

use std::io;

use crate::{
    Error, Result,
    sys::{self, BorrowedFile},
};

/// The fewest and the most bytes by which [`extend`] lengthens a file, if the disk has space.
const PIECES: (u64, u64) = (1 << 20, 64 << 20);
/// Disks and memory are allocated in such units.
const BLOCK: u64 = 4096;

/// Makes the file at least `needed` bytes long, by zeros that have blocks. Returns its length.
///
/// A file that has this length stays as it is. Otherwise its length is doubled, by at least 1 MiB
/// and at most 64 MiB; if there is no space for that, `needed` bytes are enough. The caller
/// excludes other processes that change the length.
///
/// # Errors
///
/// [`Error::Os`], for example if the disk is full. The file then has its old length.
pub(crate) fn extend(call: &'static str, file: BorrowedFile<'_>, needed: u64) -> Result<u64> {
    let len = sys::file::status_len(file).map_err(Error::os(call))?;
    if len >= needed { Ok(len) } else { grow(file, len, needed).map_err(Error::os(call)) }
}

/// Tries lengths from the greatest to the least.
fn grow(file: BorrowedFile<'_>, len: u64, needed: u64) -> io::Result<u64> {
    let doubled = len.saturating_add(len.clamp(PIECES.0, PIECES.1));
    let whole = needed.checked_next_multiple_of(BLOCK).unwrap_or(needed);
    for new in [doubled.max(whole), whole] {
        match allocate(file, new) {
            Err(error) if is_too_much(&error) => {}
            done => return done.map(|()| new),
        }
    }
    allocate(file, needed).map(|()| needed)
}

/// Whether fewer bytes may succeed: the disk is full, a quota is used up, or files of the process
/// have a limit.
fn is_too_much(error: &io::Error) -> bool {
    let kinds =
        [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
    kinds.contains(&error.kind())
}

/// Makes the file `len` bytes long, by zeros that have blocks. On error its length is the old one.
pub(super) fn allocate(file: BorrowedFile<'_>, len: u64) -> io::Result<()> {
    match sys::file::set_len_allocated(file, len) {
        Err(error) if sys::file::is_unknown(&error) => append_zeros(file, len),
        done => done,
    }
}

/// For file systems that cannot allocate blocks otherwise.
pub(super) fn append_zeros(file: BorrowedFile<'_>, len: u64) -> io::Result<()> {
    let old = sys::file::status_len(file)?;
    // The first error is the one to report.
    put_zeros(file, old, len).inspect_err(|_| drop(sys::file::set_len(file, old)))
}

/// Writes zeros from byte `from` to the end of the file, which must not change.
///
/// They are written in any case: what reads as a zero may be another byte on the disk.
///
/// # Errors
///
/// [`Error::Os`]. A part of the zeros may be written.
pub(crate) fn write_zeros(call: &'static str, file: BorrowedFile<'_>, from: u64) -> Result<()> {
    let end = sys::file::status_len(file).map_err(Error::os(call))?;
    put_zeros(file, from, end).map_err(Error::os(call))
}

fn put_zeros(file: BorrowedFile<'_>, mut at: u64, end: u64) -> io::Result<()> {
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    while at < end {
        let count = (end - at).min(ZEROS.len() as u64);
        sys::file::write_at(file, &ZEROS[..count as usize], at)?;
        at += count;
    }
    Ok(())
}

/// Waits until the bytes and the length of the file are on the disk, and not only in a cache that
/// loses them without power.
///
/// # Errors
///
/// [`Error::Os`]. Linux reports a failed write once, and counts the pages as written from then on.
pub(crate) fn sync_data(call: &'static str, file: BorrowedFile<'_>) -> Result<()> {
    sys::file::sync_data(file).map_err(Error::os(call))
}
