//! Locks of byte ranges that belong to an open file description: `F_OFD_SETLK`, fcntl(2).
//!
//! The kernel releases such a lock when the last descriptor and the last mapping of the description
//! are gone. Closing another descriptor of the file has no effect on it.

use std::{
    io,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    thread,
    time::Duration,
};

use super::{fork, private_file::PrivateFile, retry_interrupted};
use crate::mode::LockKind;
pub(crate) use system::{SUPPORTED, conflict};

/// How often a description is opened anew because the process forks at that moment.
pub(super) const ATTEMPTS: u32 = 1000;

/// An open file description for locks, which a forked child does not keep. Dropping it releases
/// them; in a forked child that has no effect on the parent's.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: PrivateFile,
    /// Whether something else keeps the description, and the locks.
    is_kept: bool,
}

impl FileLock {
    /// Opens the file again, with the access that locks of this kind need.
    pub(crate) fn open(file: BorrowedFd<'_>, kind: LockKind) -> io::Result<FileLock> {
        for _ in 1..ATTEMPTS {
            let window = fork::Window::open();
            let lock = FileLock::open_once(file, kind)?;
            if window.was_undisturbed() {
                return Ok(lock);
            }
            drop(lock);
            pause();
        }
        // A child may have the description too. It then delays the release, until it ends.
        FileLock::open_once(file, kind)
    }

    fn open_once(file: BorrowedFd<'_>, kind: LockKind) -> io::Result<FileLock> {
        let file = PrivateFile::new(system::reopen(file, kind)?)?;
        Ok(FileLock { file, is_kept: false })
    }

    /// Locks the range, which is not empty. Returns false if another description excludes that.
    pub(crate) fn try_lock(&self, range: &Range<u64>, kind: LockKind) -> io::Result<bool> {
        match system::lock(self.as_fd(), range, kind) {
            Ok(()) => Ok(true),
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EACCES) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Like [`FileLock::try_lock`], and waits while another description excludes the lock.
    pub(crate) fn lock(&self, range: &Range<u64>, kind: LockKind) -> io::Result<()> {
        retry_interrupted(|| system::lock_and_wait(self.as_fd(), range, kind))
    }

    /// Locks a byte, and waits while another description excludes that.
    ///
    /// Fails with `ResourceBusy` if a lock covers the next byte too, which only a lock of another
    /// program does.
    pub(crate) fn lock_byte(&self, at: u64, kind: LockKind) -> io::Result<()> {
        let byte = at..at + 1;
        if self.try_lock(&byte, kind)? {
            return Ok(());
        }
        // Of several locks of the byte itself the kernel would report any.
        match conflict(self.as_fd(), &(byte.end..byte.end + 1))? {
            Some(_) => Err(io::ErrorKind::ResourceBusy.into()),
            None => self.lock(&byte, kind),
        }
    }

    /// Releases the locks in this range. Has no effect in a forked child.
    pub(crate) fn unlock(&self, range: &Range<u64>) -> io::Result<()> {
        if self.is_intact() { system::unlock(self.as_fd(), range) } else { Ok(()) }
    }

    /// As [`PrivateFile::is_intact`].
    pub(crate) fn is_intact(&self) -> bool {
        self.file.is_intact()
    }

    /// Closes the descriptor without releasing the locks. Something else keeps the description.
    pub(super) fn close(mut self) {
        self.is_kept = true;
    }
}

impl AsFd for FileLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if !self.is_kept {
            // A child that ran no fork handler may still have the description. Length 0 means up to
            // the greatest offset.
            let _ = self.unlock(&(0..0));
        }
    }
}

/// Lets a fork of another thread end.
pub(super) fn pause() {
    thread::sleep(Duration::from_micros(100));
}

/// Linux on 64-bit processors (on others `fcntl` cannot express the offsets of tokens), macOS.
#[cfg(any(
    all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"),
    target_vendor = "apple"
))]
mod system {
    use std::{
        fs::File,
        io,
        ops::Range,
        os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    };

    use super::super::{check, file};
    use crate::mode::LockKind;

    pub(crate) const SUPPORTED: bool = true;

    /// Types of locks. Systems give them different types.
    #[allow(clippy::unnecessary_cast)]
    mod kind {
        use libc::c_short;

        pub(super) const SHARED: c_short = libc::F_RDLCK as c_short;
        pub(super) const EXCLUSIVE: c_short = libc::F_WRLCK as c_short;
        pub(super) const NONE: c_short = libc::F_UNLCK as c_short;
    }

    /// Opens the file of a descriptor again. Its path may lead to another file by now.
    pub(super) fn reopen(file: BorrowedFd<'_>, kind: LockKind) -> io::Result<OwnedFd> {
        let path = path(file).ok_or(io::ErrorKind::Unsupported)?;
        let opened = File::options().read(true).write(kind == LockKind::Exclusive).open(path)?;
        if file::identity(opened.as_fd())? != file::identity(file)? {
            return Err(io::Error::from_raw_os_error(libc::ESTALE));
        }
        Ok(opened.into())
    }

    #[cfg(not(target_vendor = "apple"))]
    fn path(file: BorrowedFd<'_>) -> Option<std::path::PathBuf> {
        Some(std::path::PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())))
    }

    #[cfg(target_vendor = "apple")]
    use file::path;

    pub(super) fn lock(file: BorrowedFd<'_>, range: &Range<u64>, kind: LockKind) -> io::Result<()> {
        call(file, libc::F_OFD_SETLK, &mut request(range, type_of(kind))?)
    }

    pub(super) fn lock_and_wait(
        file: BorrowedFd<'_>,
        range: &Range<u64>,
        kind: LockKind,
    ) -> io::Result<()> {
        call(file, libc::F_OFD_SETLKW, &mut request(range, type_of(kind))?)
    }

    /// Releases the locks of the description in this range.
    pub(super) fn unlock(file: BorrowedFd<'_>, range: &Range<u64>) -> io::Result<()> {
        call(file, libc::F_OFD_SETLK, &mut request(range, kind::NONE)?)
    }

    /// Returns the range of a lock that another description has in `range`.
    pub(crate) fn conflict(
        file: BorrowedFd<'_>,
        range: &Range<u64>,
    ) -> io::Result<Option<Range<u64>>> {
        let mut found = request(range, kind::EXCLUSIVE)?;
        call(file, libc::F_OFD_GETLK, &mut found)?;
        let start = found.l_start as u64;
        let end = if found.l_len == 0 { u64::MAX } else { start + found.l_len as u64 };
        Ok((found.l_type != kind::NONE).then_some(start..end))
    }

    fn type_of(kind: LockKind) -> libc::c_short {
        match kind {
            LockKind::Shared => kind::SHARED,
            LockKind::Exclusive => kind::EXCLUSIVE,
        }
    }

    fn request(range: &Range<u64>, kind: libc::c_short) -> io::Result<libc::flock> {
        let offset = |at: u64| i64::try_from(at).map_err(|_| io::ErrorKind::InvalidInput);
        // SAFETY: a `flock` of zeros is valid: it has only integers.
        let mut request: libc::flock = unsafe { std::mem::zeroed() };
        request.l_type = kind;
        request.l_whence = libc::SEEK_SET as libc::c_short;
        request.l_start = offset(range.start)?;
        request.l_len = offset(range.end - range.start)?;
        Ok(request)
    }

    fn call(file: BorrowedFd<'_>, command: i32, request: &mut libc::flock) -> io::Result<()> {
        // SAFETY: the three commands take a `flock`, which is valid for reads and writes.
        check(unsafe { libc::fcntl(file.as_raw_fd(), command, std::ptr::from_mut(request)) })
    }
}

/// The locks of other systems end when any descriptor of the file is closed.
#[cfg(not(any(
    all(any(target_os = "linux", target_os = "android"), target_pointer_width = "64"),
    target_vendor = "apple"
)))]
mod system {
    use std::{
        io,
        ops::Range,
        os::fd::{BorrowedFd, OwnedFd},
    };

    use crate::mode::LockKind;

    pub(crate) const SUPPORTED: bool = false;

    pub(super) fn reopen(_: BorrowedFd<'_>, _: LockKind) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn lock(_: BorrowedFd<'_>, _: &Range<u64>, _: LockKind) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) use lock as lock_and_wait;

    pub(super) fn unlock(_: BorrowedFd<'_>, _: &Range<u64>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn conflict(_: BorrowedFd<'_>, _: &Range<u64>) -> io::Result<Option<Range<u64>>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
