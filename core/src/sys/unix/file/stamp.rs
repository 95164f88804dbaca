//! What identifies the content of a file, as far as the file system records it.

use std::{io, os::fd::BorrowedFd};

use super::attributes::{attributes, stat_of};

/// Device, number, length, number of links, and the times of the last changes of content and of
/// metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp([i128; 8]);

/// Returns the stamp of the file.
pub(crate) fn stamp(file: BorrowedFd<'_>) -> io::Result<Stamp> {
    let stat = stat_of(file)?;
    #[cfg(target_os = "netbsd")]
    let nanoseconds = [stat.st_mtimensec.into(), stat.st_ctimensec.into()];
    #[cfg(not(target_os = "netbsd"))]
    let nanoseconds = [stat.st_mtime_nsec.into(), stat.st_ctime_nsec.into()];
    let [modified, changed] = nanoseconds;
    Ok(Stamp([
        stat.st_dev.into(),
        stat.st_ino.into(),
        stat.st_size.into(),
        // Up to Linux 6.12 a change of the links may leave the times as they are: they count ticks.
        stat.st_nlink.into(),
        stat.st_mtime.into(),
        modified,
        stat.st_ctime.into(),
        changed,
    ]))
}

/// Returns device and number, which other open files do not have.
pub(crate) fn identity(file: BorrowedFd<'_>) -> io::Result<[u64; 2]> {
    attributes(file).map(|it| it.identity)
}

/// Returns whether the descriptor is still one of the file with this identity. A program may close
/// it by its number, and open another file.
pub(crate) fn is_still(file: BorrowedFd<'_>, expected: [u64; 2]) -> bool {
    identity(file).is_ok_and(|found| found == expected)
}

/// Does what a program does that closes a descriptor by its number and opens another file.
#[cfg(test)]
pub(crate) fn replace_descriptor(file: BorrowedFd<'_>, by: BorrowedFd<'_>) {
    use std::os::fd::AsRawFd;

    // SAFETY: the call accesses no memory. The owner of the number is what is tested.
    assert_ne!(unsafe { libc::dup2(by.as_raw_fd(), file.as_raw_fd()) }, -1);
}
