//! What a directory entry and an open file say about a file: kind, links, owner, permissions.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::{
    super::{check, large_file, retry_interrupted},
    length::status,
    stamp::identity_of,
};

/// What the file system says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Device and number.
    pub(crate) identity: [u64; 2],
    pub(crate) is_regular: bool,
    pub(crate) links: u64,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    /// The permission bits, and the sticky bit of a directory.
    pub(crate) permissions: u32,
    pub(crate) len: u64,
    /// Bytes that have space on the device.
    #[allow(dead_code)] // Read where lseek(2) does not find holes.
    pub(crate) allocated: u64,
}

/// Returns what the file system says about an open file.
pub(crate) fn attributes(file: BorrowedFd<'_>) -> io::Result<Attributes> {
    status(file).map(|stat| Attributes::of(&stat))
}

impl Attributes {
    #[allow(clippy::unnecessary_cast)] // The types differ between systems.
    pub(in super::super) fn of(stat: &large_file::stat) -> Attributes {
        Attributes {
            identity: identity_of(stat),
            is_regular: stat.st_mode & libc::S_IFMT == libc::S_IFREG,
            links: stat.st_nlink as u64,
            owner: stat.st_uid,
            group: stat.st_gid,
            permissions: stat.st_mode as u32 & 0o1777,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            // stat(3): units of 512 bytes.
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0) * 512,
        }
    }
}

/// Returns the user whose permissions the process has.
pub(crate) fn user() -> u32 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::geteuid() }
}

/// Gives the file to a user and a group; `None` leaves the one that it has.
pub(crate) fn set_owner(
    file: BorrowedFd<'_>,
    owner: Option<u32>,
    group: Option<u32>,
) -> io::Result<()> {
    let [owner, group] = [owner, group].map(|id| id.unwrap_or(u32::MAX));
    // SAFETY: the call accesses no memory.
    retry_interrupted(|| check(unsafe { libc::fchown(file.as_raw_fd(), owner, group) }))
}

/// Sets the permissions of the file. The umask has no effect.
#[allow(clippy::cast_possible_truncation)] // The type has 16 bits on some systems.
pub(crate) fn set_permissions(file: BorrowedFd<'_>, permissions: u32) -> io::Result<()> {
    let mode = permissions as libc::mode_t;
    // SAFETY: the call accesses no memory.
    retry_interrupted(|| check(unsafe { libc::fchmod(file.as_raw_fd(), mode) }))
}
