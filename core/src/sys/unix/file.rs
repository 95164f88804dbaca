//! Descriptors of files: what they are, how long, and how they are let go.

mod allocate;
mod device;

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd},
};

use super::check;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use libc::{fstat, ftruncate, off_t, stat};
#[cfg(any(target_os = "linux", target_os = "android"))]
use libc::{fstat64 as fstat, ftruncate64 as ftruncate, lseek64 as lseek, off64_t as off_t, stat64 as stat};

/// The longest a file can be, in bytes.
pub(crate) const MAX_LEN: u64 = off_t::MAX as u64;

/// What a map needs to know of a file.
pub(crate) struct State {
    /// In bytes; `None` for what has no such thing (character devices, pipes).
    pub(crate) len: Option<u64>,
    /// Size of the pages it is made of, where they are huge.
    pub(crate) huge_page: Option<usize>,
}

/// Returns the state of the file.
pub(crate) fn state(file: BorrowedFd<'_>) -> io::Result<State> {
    let stat = status(file)?;
    let len = match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => Some(u64::try_from(stat.st_size).unwrap_or(0)),
        libc::S_IFBLK => device::block_len(file)?,
        libc::S_IFCHR => device::character_len(file),
        _ => None,
    };
    Ok(State { len, huge_page: huge_page(file, usize::try_from(stat.st_blksize).unwrap_or(0)) })
}

/// Files of hugetlbfs have blocks of a page's size. So has many another file of the size of its own choice, hence the second look.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn huge_page(file: BorrowedFd<'_>, block: usize) -> Option<usize> {
    if block <= super::page_size() {
        return None;
    }
    let mut system = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: `system` is a place of the right type.
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

/// Returns the file's length as `fstat` tells it, which is 0 for devices.
pub(crate) fn status_len(file: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(u64::try_from(status(file)?.st_size).unwrap_or(0))
}

fn status(file: BorrowedFd<'_>) -> io::Result<stat> {
    let mut stat = MaybeUninit::<stat>::uninit();
    // SAFETY: `stat` is a place of the right type.
    check(unsafe { fstat(file.as_raw_fd(), stat.as_mut_ptr()) })?;
    // SAFETY: fstat succeeded and so filled it.
    Ok(unsafe { stat.assume_init() })
}

/// Makes the file at least `len` bytes long.
pub(crate) fn extend(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    // Whoever writes behind the end between the two calls loses that. The system has no call that only extends, but one that
    // allocates as well, and not on every file system.
    if status_len(file)? < len { set_len(file, len) } else { Ok(()) }
}

/// Makes the file `len` bytes long.
pub(crate) fn set_len(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    let len = off_t::try_from(len).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    loop {
        // SAFETY: ftruncate touches no memory of ours; the map's own pages are touched by kernels only.
        match check(unsafe { ftruncate(file.as_raw_fd(), len) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Makes the file `len` bytes long, and has the disk keep room for the bytes that come new. On error its length is as before.
pub(crate) fn set_len_allocated(file: BorrowedFd<'_>, len: u64) -> io::Result<()> {
    let old = status_len(file)?;
    if let Some(new) = len.checked_sub(old).filter(|&new| new > 0) {
        let new = off_t::try_from(new).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
        // Behind the end first, which moves only when there is room for all: others never see a length that is taken back.
        allocate::set_aside(file, old as off_t, new).inspect_err(|_| give_back(file, old))?;
    }
    set_len(file, len)
}

/// Gives back what was set aside behind the end of the file, which stays where it is: at `end`, unless somebody wrote there
/// meanwhile; then it is his.
fn give_back(file: BorrowedFd<'_>, end: u64) {
    if status_len(file).is_ok_and(|len| len == end) {
        // The error to tell is why there was no room.
        let _ = set_len(file, end);
    }
}

/// Waits until all that was written to the file, and what is said about it, is on the device, and there not in a cache that needs power.
pub(crate) fn sync(file: BorrowedFd<'_>) -> io::Result<()> {
    loop {
        // SAFETY: neither call touches memory.
        match check(unsafe { sync_call(file.as_raw_fd()) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// fsync(2) of macOS: "the drive may not physically write the data to the platters for quite some time".
#[cfg(target_vendor = "apple")]
unsafe fn sync_call(file: libc::c_int) -> libc::c_int {
    // SAFETY: the command takes no argument.
    unsafe { libc::fcntl(file, libc::F_FULLFSYNC) }
}

#[cfg(not(target_vendor = "apple"))]
use libc::fsync as sync_call;

/// Closes the descriptor and reports what the system says of it.
pub(crate) fn close(file: OwnedFd) -> io::Result<()> {
    // SAFETY: `file` was ours alone and is given up here. After EINTR it is closed as well on Linux and must not be
    // closed twice.
    match check(unsafe { libc::close(file.into_raw_fd()) }) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        done => done,
    }
}
