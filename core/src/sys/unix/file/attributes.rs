//! What the file system says about a file, but for its times: kind, links, owner, length.

use std::{
    ffi::CStr,
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::super::{
    check,
    large_file::{fstat, fstatat, stat},
    retry_interrupted,
};

/// What the file system says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Device and number.
    pub(crate) identity: [u64; 2],
    pub(super) kind: Kind,
    pub(crate) links: u64,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    /// The permission bits, and the sticky bit of a directory.
    pub(crate) permissions: u32,
    /// 0 for devices.
    pub(crate) len: u64,
    /// Bytes that have space on the device.
    #[allow(dead_code)] // Not read on every system.
    pub(crate) allocated: u64,
    /// The size of a block, or of a page on hugetlbfs.
    pub(super) block_size: usize,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Regular,
    Directory,
    BlockDevice,
    CharacterDevice,
    Other,
}

impl Kind {
    fn of(mode: libc::mode_t) -> Kind {
        match mode & libc::S_IFMT {
            libc::S_IFREG => Kind::Regular,
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFBLK => Kind::BlockDevice,
            libc::S_IFCHR => Kind::CharacterDevice,
            _ => Kind::Other,
        }
    }
}

impl Attributes {
    pub(crate) fn is_regular(&self) -> bool {
        self.kind == Kind::Regular
    }

    #[allow(clippy::unnecessary_cast)] // The types differ between systems.
    fn of(stat: &stat) -> Attributes {
        Attributes {
            identity: [stat.st_dev as u64, stat.st_ino as u64],
            kind: Kind::of(stat.st_mode as libc::mode_t),
            links: stat.st_nlink as u64,
            owner: stat.st_uid,
            group: stat.st_gid,
            permissions: stat.st_mode as u32 & 0o1777,
            len: u64::try_from(stat.st_size).unwrap_or(0),
            // stat(3): units of 512 bytes. A file system in user space may report any number.
            allocated: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
            block_size: usize::try_from(stat.st_blksize).unwrap_or(0),
        }
    }
}

/// Returns what the file system says about an open file.
pub(crate) fn attributes(file: BorrowedFd<'_>) -> io::Result<Attributes> {
    match without_times(file, c"", EMPTY_PATH) {
        Some(found) => Ok(found),
        None => stat_of(file).map(|stat| Attributes::of(&stat)),
    }
}

/// Returns what the file system says about a file of a directory. Does not follow symbolic links.
pub(in super::super) fn attributes_at(
    folder: BorrowedFd<'_>,
    name: &CStr,
) -> io::Result<Attributes> {
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    if let Some(found) = without_times(folder, name, flags) {
        return Ok(found);
    }
    let mut stat = MaybeUninit::<stat>::uninit();
    // SAFETY: the name ends with a zero, and `stat` has the type that the call fills.
    check(unsafe { fstatat(folder.as_raw_fd(), name.as_ptr(), stat.as_mut_ptr(), flags) })?;
    // SAFETY: the call succeeded and so filled it.
    Ok(Attributes::of(unsafe { stat.assume_init_ref() }))
}

/// Calls `fstat`, which reports times too.
pub(super) fn stat_of(file: BorrowedFd<'_>) -> io::Result<stat> {
    let mut stat = MaybeUninit::<stat>::uninit();
    // SAFETY: `stat` has the type that fstat fills.
    check(unsafe { fstat(file.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded and so filled it.
    Ok(unsafe { stat.assume_init() })
}

#[cfg(target_os = "linux")]
const EMPTY_PATH: libc::c_int = libc::AT_EMPTY_PATH;
#[cfg(not(target_os = "linux"))]
const EMPTY_PATH: libc::c_int = 0;

/// Asks for the attributes without times. Returns `None` on any failure: the kernel may not have
/// the call, and a sandbox may refuse it by any error.
#[cfg(target_os = "linux")]
fn without_times(folder: BorrowedFd<'_>, path: &CStr, flags: libc::c_int) -> Option<Attributes> {
    use super::statx::{WITHOUT_TIMES, statx};

    let found = statx(folder, path, flags, WITHOUT_TIMES).ok()?;
    let [major, minor] = found.device;
    Some(Attributes {
        identity: [libc::makedev(major, minor), found.number],
        kind: Kind::of(found.mode.into()),
        links: found.links.into(),
        owner: found.owner,
        group: found.group,
        permissions: u32::from(found.mode) & 0o1777,
        len: found.len,
        allocated: found.blocks.saturating_mul(512),
        block_size: found.block_size as usize,
    })
}

/// Android's sandbox of older versions terminates a process that calls statx(2).
#[cfg(not(target_os = "linux"))]
fn without_times(_: BorrowedFd<'_>, _: &CStr, _: libc::c_int) -> Option<Attributes> {
    None
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

#[cfg(test)]
mod tests {
    use std::os::{fd::AsFd, unix::fs::FileExt};

    use super::*;

    #[test]
    fn attributes_are_those_that_fstat_reports() {
        let folder = tempfile::tempdir().unwrap();
        let file = tempfile::tempfile().unwrap();
        file.set_len(10_000).unwrap();
        for file in [file, std::fs::File::open(folder.path()).unwrap()] {
            let expected = Attributes::of(&stat_of(file.as_fd()).unwrap());
            assert_eq!(attributes(file.as_fd()).unwrap(), expected);
        }
    }

    /// FUSE: the program that serves the file system may send any number.
    #[test]
    fn a_number_of_blocks_that_is_too_large_is_no_panic() {
        let mut stat = stat_of(tempfile::tempfile().unwrap().as_fd()).unwrap();
        stat.st_blocks = 1 << 60;
        assert_eq!(Attributes::of(&stat).allocated, u64::MAX);
    }

    /// Before Linux 6.13 no request does that.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_request_for_attributes_gives_a_file_no_time_that_others_do_not_have() {
        let files = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let write = |file: &std::fs::File| file.write_all_at(b"a", 0).unwrap();
        let has_equal_times = |_| {
            files.iter().for_each(write);
            attributes(files[0].as_fd()).unwrap();
            write(&files[0]);
            let [one, other] = files.each_ref().map(|file| stat_of(file.as_fd()).unwrap());
            (one.st_mtime, one.st_mtime_nsec) == (other.st_mtime, other.st_mtime_nsec)
        };
        assert!((0..100).any(has_equal_times), "the clock ticks between any two writes");
    }
}
