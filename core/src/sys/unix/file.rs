//! File descriptors: state, length, writing to the device, closing.

mod allocate;
mod append;
mod attributes;
mod device;
mod handle;
mod holes;
mod id;
mod length;
mod memory;
mod open;
mod path;
mod read;
mod residency;
mod size_signal;
mod stamp;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod statx;

#[cfg(any(target_os = "linux", target_os = "android"))]
use std::mem::MaybeUninit;
use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd},
};

use attributes::Kind;

use super::{check, retry_interrupted};
use crate::sys::file_state::FileState;
#[cfg(target_os = "linux")]
pub(super) use allocate::allocated_len;
pub(crate) use allocate::{allocate_range, is_unknown, release, set_len_allocated};
pub(crate) use append::{
    ensure_len_is_possible, ensure_size_is_allowed, only_appends, reserve_space, write_at,
};
pub(super) use attributes::attributes_at;
pub(crate) use attributes::{Attributes, attributes, set_owner, set_permissions, user};
pub(crate) use handle::{handle, mount, same_mount};
pub(crate) use holes::next_hole;
pub(crate) use id::FileId;
pub(crate) use length::{MAX_LEN, extend, regular_len, set_len, status_len};
pub(crate) use memory::{create_memory_file, seal, seals};
pub(crate) use open::{open_folder, open_plain, open_plain_for_reading};
pub(crate) use path::path;
pub(crate) use read::{has_offsets, hides_length, read_at, read_next};
pub(crate) use size_signal::with_blocked_signal as with_blocked_size_signal;
#[cfg(test)]
pub(crate) use stamp::replace_descriptor;
pub(crate) use stamp::{Stamp, identity, is_still, stamp};

/// Returns the state of the file.
pub(crate) fn state(file: BorrowedFd<'_>) -> io::Result<FileState> {
    let attributes = attributes(file)?;
    let len = match attributes.kind {
        Kind::Regular => Some(attributes.len),
        Kind::BlockDevice => device::block_len(file)?,
        Kind::CharacterDevice => device::character_len(file),
        _ => None,
    };
    let huge_page = huge_page(file, attributes.block_size);
    let is_directory = attributes.kind == Kind::Directory;
    Ok(FileState { len, is_directory, identity: attributes.identity, huge_page })
}

/// Returns whether the system reports which pages of the file are in memory, or `None` if that
/// cannot be determined without its descriptor. `end` is the end of the map in the file.
pub(crate) fn reports_residency(
    file: Option<BorrowedFd<'_>>,
    end: u64,
) -> Option<io::Result<bool>> {
    match file {
        _ if !residency::MAY_BE_HIDDEN => Some(Ok(true)),
        file => file.map(|file| residency::is_reported(file, &state(file)?, end)),
    }
}

/// Returns the page size if the file is on hugetlbfs, whose block size is the page size. Other file
/// systems may have large blocks too, so the type of the file system is checked.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn huge_page(file: BorrowedFd<'_>, block: usize) -> Option<usize> {
    if block <= super::page_size() {
        return None;
    }
    let mut system = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `system` has the type that fstatfs fills.
    check(unsafe { libc::fstatfs(file.as_raw_fd(), system.as_mut_ptr()) }).ok()?;
    // SAFETY: fstatfs succeeded and so filled it.
    let system = unsafe { system.assume_init() };
    #[allow(clippy::unnecessary_cast)] // The types differ between processors.
    let is_huge = system.f_type as i64 == libc::HUGETLBFS_MAGIC as i64;
    is_huge.then_some(block)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn huge_page(_: BorrowedFd<'_>, _: usize) -> Option<usize> {
    None
}

/// Waits until the content and the metadata of the file are on the device, and not only in a cache
/// that loses them without power.
pub(crate) fn sync(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: neither call accesses memory.
    retry_interrupted(|| check(unsafe { sync_call(file.as_raw_fd()) }))
}

/// Like [`sync`], for the content and the length only.
pub(crate) fn sync_data(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: neither call accesses memory.
    retry_interrupted(|| check(unsafe { sync_data_call(file.as_raw_fd()) }))
}

/// fsync(2) of macOS: "the drive may not physically write the data to the platters for quite some
/// time".
#[cfg(target_vendor = "apple")]
unsafe fn sync_call(file: libc::c_int) -> libc::c_int {
    // SAFETY: the command takes no argument.
    unsafe { libc::fcntl(file, libc::F_FULLFSYNC) }
}

#[cfg(not(target_vendor = "apple"))]
use libc::fsync as sync_call;

/// fdatasync(2) flushes the length too: later reads need it.
#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
use libc::fdatasync as sync_data_call;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
use sync_call as sync_data_call;

/// Closes the descriptor and returns the error of `close`.
pub(crate) fn close(file: OwnedFd) -> io::Result<()> {
    // SAFETY: `file` owned the descriptor and gives it up here. After EINTR the descriptor is
    // closed as well on Linux and must not be closed twice.
    match check(unsafe { libc::close(file.into_raw_fd()) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        done => done,
    }
}
