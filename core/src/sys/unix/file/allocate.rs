//! Growing a file and allocating the new space on the disk.

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly"
))]
use std::os::fd::AsRawFd;
use std::{io, ops::Range, os::fd::BorrowedFd};

#[cfg(target_os = "linux")]
use super::attributes::attributes;
use super::{
    super::large_file::off_t,
    length::{offset, set_len, status_len},
};

/// Makes the file `len` bytes long and allocates disk space for the new bytes. On error its length
/// is unchanged.
pub(crate) fn set_len_allocated(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    let old = status_len(file)?;
    if let Some(new) = len.checked_sub(old).filter(|&new| new > 0) {
        // The space is allocated behind the end first, and the end is moved only on success: other
        // processes never observe a length that is taken back.
        offset(len)?;
        allocate_in_pieces(file, old, new).inspect_err(|_| release(file, old))?;
    }
    set_len(file, len)
}

/// Releases space that was allocated behind the end of the file, if that is still `end`. If another
/// process has appended bytes, the space belongs to them.
pub(crate) fn release(file: BorrowedFd<'_>, end: u64) {
    if status_len(file).is_ok_and(|len| len == end) {
        // A failure is ignored: the caller returns the error of the allocation.
        let _ = set_len(file, end);
    }
}

/// Allocates space for `count` bytes from `from` on, where the system can do that without moving
/// the end of the file.
pub(super) fn reserve_blocks(file: BorrowedFd<'_>, from: off_t, count: off_t) -> io::Result<()> {
    if HAS_KEEP_SIZE { allocate(file, from, count) } else { Ok(()) }
}

/// The most bytes of one call on a file in memory. If a signal interrupts the call, the kernel
/// releases what it has allocated: a timer could make a long call repeat for ever.
///
/// Elsewhere one call allocates all, because it may move the end of the file.
const PIECE: u64 =
    if cfg!(any(target_os = "linux", target_os = "android")) { 4 << 20 } else { u64::MAX };

/// Allocates `count` bytes from `start` on, which have a valid end.
fn allocate_in_pieces(file: BorrowedFd<'_>, start: u64, count: u64) -> io::Result<()> {
    let end = start + count;
    let mut at = start;
    while at < end {
        let count = PIECE.min(end - at);
        allocate(file, offset(at)?, offset(count)?)?;
        at += count;
    }
    Ok(())
}

/// Allocates the bytes in `range` of a file, also behind its end, if the file system can do that
/// without moving the end. Bytes and length are unchanged.
///
/// On macOS only bytes behind the end.
pub(crate) fn allocate_range(file: BorrowedFd<'_>, range: Range<u64>) -> io::Result<()> {
    offset(range.end)?;
    let start = if cfg!(target_vendor = "apple") { status_len(file)? } else { 0 };
    let start = start.max(range.start);
    let done = match range.end.checked_sub(start) {
        Some(count) if HAS_KEEP_SIZE => allocate_in_pieces(file, start, count),
        _ => Ok(()),
    };
    match done {
        Err(error) if is_unknown(&error) => Ok(()),
        done => done,
    }
}

/// Whether the system can allocate space without moving the end of the file.
const HAS_KEEP_SIZE: bool =
    cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));

/// Returns how many bytes of the file have space on its device.
#[cfg(target_os = "linux")]
pub(crate) fn allocated_len(file: BorrowedFd<'_>) -> io::Result<u64> {
    attributes(file).map(|it| it.allocated)
}

/// Returns whether the file system or the kernel cannot allocate space: what fallocate(2) returns.
pub(crate) fn is_unknown(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS))
}

/// Allocates `count` bytes from `from` on. The length is unchanged.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn allocate(file: BorrowedFd<'_>, from: off_t, count: off_t) -> io::Result<()> {
    use super::{
        super::{check, retry_interrupted},
        size_signal::without_signal,
    };
    let allocate = || {
        // SAFETY: fallocate accesses no memory.
        check(unsafe {
            libc::fallocate64(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, from, count)
        })
    };
    without_signal(|| retry_interrupted(allocate))
}

/// fcntl(2) of macOS: the space is counted from the end of what the file has allocated.
#[cfg(target_vendor = "apple")]
fn allocate(file: BorrowedFd<'_>, _: off_t, count: off_t) -> io::Result<()> {
    let mut store = libc::fstore_t {
        fst_flags: libc::F_ALLOCATEALL,
        fst_posmode: libc::F_PEOFPOSMODE,
        fst_offset: 0,
        fst_length: count,
        fst_bytesalloc: 0,
    };
    // SAFETY: the command takes a pointer to such a structure.
    super::super::check(unsafe {
        libc::fcntl(file.as_raw_fd(), libc::F_PREALLOCATE, &raw mut store)
    })
}

/// posix_fallocate(2) moves the end of the file, in steps if the file system cannot do better, and
/// does not move it back when it fails.
#[cfg(any(target_os = "freebsd", target_os = "dragonfly"))]
fn allocate(file: BorrowedFd<'_>, from: off_t, count: off_t) -> io::Result<()> {
    loop {
        // SAFETY: the call accesses no memory. It returns an errno.
        match unsafe { libc::posix_fallocate(file.as_raw_fd(), from, count) } {
            0 => return Ok(()),
            libc::EINTR => {}
            errno => {
                // A failure is ignored: the first error is returned.
                let _ = set_len(file, from as u64);
                return Err(io::Error::from_raw_os_error(errno));
            }
        }
    }
}

/// No call does it on the file systems of this operating system.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly"
)))]
fn allocate(_: BorrowedFd<'_>, _: off_t, _: off_t) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
