//! Writing to a file by system calls, so that its end moves only behind bytes that are there.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::{
    super::{check, large_file::pwrite, page_size},
    allocate::{is_unknown, reserve_blocks},
    holes::seek,
    length::{MAX_LEN, offset},
    size_signal::without_signal,
};
use crate::sys::write::write_all;

/// The most bytes of one call: macOS refuses more than `INT_MAX`.
const MAX_WRITE: usize = 1 << 30;

/// Returns whether every write to the descriptor goes to the end of the file. pwrite(2): Linux then
/// ignores the offset.
pub(crate) fn only_appends(file: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: the command takes no argument.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    check(flags).map(|()| flags & libc::O_APPEND != 0)
}

/// Fails if the process may not write files of `end` bytes. A write would stop at the limit, with a
/// part of the bytes.
pub(crate) fn ensure_size_is_allowed(end: u64) -> io::Result<()> {
    if end > size_limit() { Err(io::Error::from_raw_os_error(libc::EFBIG)) } else { Ok(()) }
}

/// Fails if the file system cannot have a file of `len` bytes, as far as it is known before the
/// file gets this length. lseek(2): Linux refuses an offset behind the greatest length.
///
/// Moves the position of the descriptor.
pub(crate) fn ensure_len_is_possible(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    match seek(file, offset(len)?, libc::SEEK_SET) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            Err(io::Error::from_raw_os_error(libc::EFBIG))
        }
        done => done.map(drop),
    }
}

fn size_limit() -> u64 {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: `limit` has the type that getrlimit fills.
    if check(unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, limit.as_mut_ptr()) }).is_err() {
        return MAX_LEN;
    }
    // SAFETY: getrlimit succeeded and so filled it.
    let limit = unsafe { limit.assume_init() }.rlim_cur;
    #[allow(clippy::useless_conversion)] // The types differ between systems.
    let bytes = u64::try_from(limit).unwrap_or(MAX_LEN);
    if limit == libc::RLIM_INFINITY { MAX_LEN } else { bytes }
}

/// Allocates disk space for the bytes `start..end` of the file, where the file system can do that
/// without moving the file's end. A write within one page needs none: it cannot fail with a part of
/// its bytes.
pub(crate) fn reserve_space(file: BorrowedFd<'_>, start: u64, end: u64) -> io::Result<()> {
    let page = page_size() as u64;
    if start / page == (end - 1) / page {
        return Ok(());
    }
    let done = reserve_blocks(file, offset(start)?, offset(end - start)?);
    match done {
        Err(error) if is_unknown(&error) => Ok(()),
        done => done,
    }
}

/// Writes all of `bytes` at byte `at` of the file. On failure a part of them may be written.
pub(crate) fn write_at(file: BorrowedFd<'_>, bytes: &[u8], at: u64) -> io::Result<()> {
    write_all(bytes, at, |bytes, at| write_some(file, bytes, at))
}

fn write_some(file: BorrowedFd<'_>, bytes: &[u8], at: u64) -> io::Result<usize> {
    let (from, len, at) = (bytes.as_ptr().cast(), bytes.len().min(MAX_WRITE), offset(at)?);
    let mut written = 0;
    without_signal(|| {
        // SAFETY: the kernel reads `len` bytes of `bytes`.
        let count = unsafe { pwrite(file.as_raw_fd(), from, len, at) };
        written = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(())
    })?;
    Ok(written)
}
