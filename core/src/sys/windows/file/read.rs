//! Reading a file by system calls.

use std::{
    fs::File,
    io::{self, Read},
    mem::{ManuallyDrop, MaybeUninit},
    os::windows::{
        fs::FileExt,
        io::{AsRawHandle, BorrowedHandle, FromRawHandle},
    },
    slice,
};

use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_DISK, GetFileType};

/// The most bytes of one call, which are set to zero before.
const MAX_READ: usize = 1 << 20;

/// Reads bytes from `offset` on, as many as there are and fit into one call. Returns their number,
/// 0 at the end of the file. They are initialised then. Moves the file position.
pub(crate) fn read_at(
    file: BorrowedHandle<'_>,
    buffer: &mut [MaybeUninit<u8>],
    from: u64,
) -> io::Result<usize> {
    let buffer = zeroed(buffer);
    retried(|| borrowed(file).seek_read(buffer, from))
}

/// Reads the next bytes of a file that has no offsets, such as a pipe; otherwise as [`read_at`].
pub(crate) fn read_next(
    file: BorrowedHandle<'_>,
    buffer: &mut [MaybeUninit<u8>],
) -> io::Result<usize> {
    let buffer = zeroed(buffer);
    retried(|| (&*borrowed(file)).read(buffer))
}

/// Returns whether the file has offsets. Pipes and consoles have none.
pub(crate) fn has_offsets(file: BorrowedHandle<'_>) -> bool {
    // SAFETY: the call accesses no memory of this process.
    unsafe { GetFileType(file.as_raw_handle()) == FILE_TYPE_DISK }
}

/// The standard library waits for a handle that was opened for overlapped calls, so that nothing is
/// written to the buffer later.
pub(super) fn borrowed(file: BorrowedHandle<'_>) -> ManuallyDrop<File> {
    // SAFETY: the handle is open, and `ManuallyDrop` leaves it open.
    ManuallyDrop::new(unsafe { File::from_raw_handle(file.as_raw_handle()) })
}

/// The standard library reads into initialised memory only.
fn zeroed(buffer: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    let len = buffer.len().min(MAX_READ);
    let buffer = &mut buffer[..len];
    buffer.fill(MaybeUninit::new(0));
    // SAFETY: all bytes were initialised in the line before.
    unsafe { slice::from_raw_parts_mut(buffer.as_mut_ptr().cast(), len) }
}

/// Returns `false`: every file on a disk reports its length.
pub(crate) fn hides_length(_: BorrowedHandle<'_>) -> bool {
    false
}

fn retried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
