//! Reading a file by system calls.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::{
    super::large_file::pread,
    length::{offset, status_len},
};

/// The most bytes of one call: macOS refuses more than `INT_MAX`.
const MAX_READ: usize = 1 << 30;

/// Reads bytes from `offset` on, as many as there are and fit into one call. Returns their number,
/// 0 at the end of the file. They are initialised then.
pub(crate) fn read_at(
    file: BorrowedFd<'_>,
    buffer: &mut [MaybeUninit<u8>],
    from: u64,
) -> io::Result<usize> {
    let (to, len, from) = (buffer.as_mut_ptr().cast(), buffer.len().min(MAX_READ), offset(from)?);
    // SAFETY: the kernel writes at most `len` bytes to `buffer`.
    retried(|| unsafe { pread(file.as_raw_fd(), to, len, from) })
}

/// Reads the next bytes of a file that has no offsets, such as a pipe; otherwise as [`read_at`].
pub(crate) fn read_next(file: BorrowedFd<'_>, buffer: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let (to, len) = (buffer.as_mut_ptr().cast(), buffer.len().min(MAX_READ));
    // SAFETY: the kernel writes at most `len` bytes to `buffer`.
    retried(|| unsafe { libc::read(file.as_raw_fd(), to, len) })
}

/// Returns whether the file has offsets. Pipes, sockets and terminals have none.
pub(crate) fn has_offsets(file: BorrowedFd<'_>) -> bool {
    // SAFETY: the call accesses no memory, and does not move the position.
    unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_CUR) != -1 }
}

/// Returns whether a file that reports the length 0 has bytes, as those of `/proc` and of some FUSE
/// file systems do. A list of file systems would not be complete, so it reads one byte. Then it
/// asks for the length again, because another process may have extended an ordinary file. It does
/// so several times: the process may truncate the file again before it is asked.
pub(crate) fn hides_length(file: BorrowedFd<'_>) -> bool {
    (0..ATTEMPTS).all(|_| has_bytes(file) && status_len(file).is_ok_and(|len| len == 0))
}

const ATTEMPTS: usize = 32;

fn has_bytes(file: BorrowedFd<'_>) -> bool {
    read_at(file, &mut [MaybeUninit::uninit()], 0).is_ok_and(|count| count > 0)
}

fn retried(call: impl Fn() -> libc::ssize_t) -> io::Result<usize> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_) => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}
