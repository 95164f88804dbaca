//! What distinguishes a file from all others, also after a restart, and the mount that it is on.

use std::{io, os::fd::BorrowedFd};

pub(crate) use system::{handle, mount, same_mount};

/// The greatest length of a handle in bytes.
pub(crate) const MAX_HANDLE: usize = 136;

/// Linux.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::os::fd::AsRawFd;

    use super::{BorrowedFd, MAX_HANDLE, io};
    use crate::sys::unix::{
        check,
        file::{attributes::attributes, statx::statx},
    };

    /// `<linux/fcntl.h>`: the handle only identifies the file, so that every file system has one.
    /// Linux 6.5; overlay file systems need it.
    const AT_HANDLE_FID: libc::c_int = 0x200;

    /// First bytes of a handle: what follows.
    const HANDLE: [u8; 4] = [1, 0, 0, 0];
    const INODE: [u8; 4] = [2, 0, 0, 0];

    const MAX_FILE_HANDLE: usize = MAX_HANDLE - 8;

    /// `struct file_handle` of open_by_handle_at(2).
    #[repr(C)]
    struct FileHandle {
        len: u32,
        kind: i32,
        bytes: [u8; MAX_FILE_HANDLE],
    }

    /// Returns bytes that no other file has, not even one that gets the same inode later. They do
    /// not change when the system is started again, nor when the file is renamed or copied up.
    pub(crate) fn handle(file: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
        file_handle(file).map_or_else(|| inode(file), |(handle, _)| Ok(handle))
    }

    /// Returns type and bytes of the handle, and the number of the mount, or `None` if the kernel
    /// or the file system has no handles.
    fn file_handle(file: BorrowedFd<'_>) -> Option<(Vec<u8>, i32)> {
        file_handle_by(file, AT_HANDLE_FID).or_else(|| file_handle_by(file, 0))
    }

    fn file_handle_by(file: BorrowedFd<'_>, flags: libc::c_int) -> Option<(Vec<u8>, i32)> {
        let len = MAX_FILE_HANDLE as u32;
        let mut handle = FileHandle { len, kind: 0, bytes: [0; MAX_FILE_HANDLE] };
        let mut mount: libc::c_int = 0;
        // SAFETY: the path is empty and ends with a zero; the kernel writes at most `len` bytes,
        // and the number of the mount.
        let status = unsafe {
            libc::syscall(
                libc::SYS_name_to_handle_at,
                file.as_raw_fd(),
                c"".as_ptr(),
                &raw mut handle,
                &raw mut mount,
                libc::AT_EMPTY_PATH | flags,
            )
        };
        let bytes = handle.bytes.get(..handle.len as usize).filter(|_| status == 0)?;
        Some(([&HANDLE, &handle.kind.to_le_bytes()[..], bytes].concat(), mount))
    }

    /// Returns the numbers of the inode and of the file system.
    #[allow(clippy::useless_conversion)] // The types differ.
    fn inode(file: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
        let mut system = std::mem::MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: `system` has the type that fstatvfs fills.
        check(unsafe { libc::fstatvfs(file.as_raw_fd(), system.as_mut_ptr()) })?;
        // SAFETY: fstatvfs succeeded and so filled it.
        let id = u64::from(unsafe { system.assume_init() }.f_fsid);
        let [_, inode] = attributes(file)?.identity;
        Ok([&INODE, &inode.to_le_bytes()[..], &id.to_le_bytes()].concat())
    }

    /// Returns a number that a mount has alone as long as the system runs (Linux 6.8), or `None`.
    /// The older number is given to the next mount.
    pub(crate) fn mount(file: BorrowedFd<'_>) -> Option<u64> {
        const STATX_MNT_ID_UNIQUE: u32 = 0x4000;
        statx_mount(file, STATX_MNT_ID_UNIQUE)
    }

    /// Returns whether both files are on the same mount; `None` if the kernel does not report it.
    pub(crate) fn same_mount(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> Option<bool> {
        // Linux 5.8.
        const STATX_MNT_ID: u32 = 0x1000;
        let number = |file| {
            statx_mount(file, STATX_MNT_ID)
                .or_else(|| Some(file_handle(file)?.1.unsigned_abs().into()))
        };
        let [one, other] = [one, other].map(number);
        one.zip(other).map(|(one, other)| one == other)
    }

    /// Returns `stx_mnt_id` of statx(2).
    fn statx_mount(file: BorrowedFd<'_>, mask: u32) -> Option<u64> {
        let found = statx(file, c"", libc::AT_EMPTY_PATH, mask).ok()?;
        (found.filled & mask != 0).then_some(found.mount)
    }
}

/// macOS: numbers of volumes are those of devices there, which may change. APFS gives the number of
/// an inode once.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use super::{BorrowedFd, io};
    use crate::sys::unix::file::attributes::stat_of;

    /// Returns bytes that no other file has: the number of the inode, and when it was created.
    #[allow(clippy::unnecessary_cast)] // The types differ between systems.
    pub(crate) fn handle(file: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
        let stat = stat_of(file)?;
        #[cfg(target_vendor = "apple")]
        let born = [stat.st_birthtime as u64, stat.st_birthtime_nsec as u64];
        #[cfg(not(target_vendor = "apple"))]
        let born = [0_u64; 2];
        let words = [2_u64, stat.st_ino as u64, born[0], born[1]];
        Ok(words.map(u64::to_le_bytes).concat())
    }

    /// Returns the number of the mount, which the next mount of the same device may have again.
    #[cfg(target_vendor = "apple")]
    #[allow(clippy::unnecessary_cast)]
    pub(crate) fn mount(file: BorrowedFd<'_>) -> Option<u64> {
        stat_of(file).ok().map(|stat| stat.st_dev as u64)
    }

    #[cfg(not(target_vendor = "apple"))]
    pub(crate) fn mount(_: BorrowedFd<'_>) -> Option<u64> {
        None
    }

    /// There are no mounts of single files.
    pub(crate) fn same_mount(_: BorrowedFd<'_>, _: BorrowedFd<'_>) -> Option<bool> {
        None
    }
}
