//! Reading a file by calls that may read a part.

use std::{io, mem::MaybeUninit, ptr};

use super::{BorrowedFile, file};

/// Reads bytes at byte `at` of the file until the buffer is full or the file ends. Returns their
/// number.
pub(crate) fn read_full(file: BorrowedFile<'_>, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let rest = ptr::from_mut(&mut buffer[done..]) as *mut [MaybeUninit<u8>];
        // SAFETY: the types have the same layout, and `read_at` makes no byte uninitialised.
        let rest = unsafe { &mut *rest };
        match file::read_at(file, rest, at + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}
