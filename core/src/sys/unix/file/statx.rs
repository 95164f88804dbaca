//! statx(2), which reports only what it is asked for.
//!
//! Since Linux 6.13, a file whose times were asked for gets new ones with its next write, and not
//! only with each tick of the clock (Documentation/filesystems/multigrain-ts.rst). A sync of the
//! file may have to write them: on ext4 without a journal, `fdatasync` writes the block of the
//! inode too after `fstat`, as `perf record -e block:block_rq_issue` shows (Linux 6.18).

use std::{
    ffi::CStr,
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::super::check;

/// `<linux/stat.h>`: kind, permissions, links, owner, group, number, length and blocks.
#[cfg(target_os = "linux")]
pub(super) const WITHOUT_TIMES: u32 = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100 | 0x200 | 0x400;

/// `struct statx`.
#[repr(C)]
#[derive(Debug, Default)]
#[cfg_attr(target_os = "android", allow(dead_code))] // Only the mount is read there.
pub(super) struct Statx {
    /// The fields that the kernel has filled.
    pub(super) filled: u32,
    pub(super) block_size: u32,
    attributes: u64,
    pub(super) links: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
    pub(super) mode: u16,
    pub(super) number: u64,
    pub(super) len: u64,
    /// Units of 512 bytes.
    pub(super) blocks: u64,
    known_attributes: u64,
    times: [u64; 8],
    own_device: [u32; 2],
    pub(super) device: [u32; 2],
    pub(super) mount: u64,
    spare: [u64; 13],
}

/// Returns what the file system says about a file of a directory, or about the directory itself if
/// the path is empty and `flags` has `AT_EMPTY_PATH`. `wanted` names the fields.
///
/// The kernel has the call since Linux 4.11. A sandbox may refuse it.
pub(super) fn statx(
    folder: BorrowedFd<'_>,
    path: &CStr,
    flags: libc::c_int,
    wanted: u32,
) -> io::Result<Statx> {
    const { assert!(size_of::<Statx>() == 256) };
    let mut found = Statx::default();
    let (path, result) = (path.as_ptr(), &raw mut found);
    // SAFETY: the path ends with a zero; the kernel fills the structure, which has its size.
    let done =
        unsafe { libc::syscall(libc::SYS_statx, folder.as_raw_fd(), path, flags, wanted, result) };
    check(if done == 0 { 0 } else { -1 }).map(|()| found)
}
