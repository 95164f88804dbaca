//! Locks of byte ranges that belong to a file object (`LockFileEx`). They end with its last handle.

use std::{
    io,
    mem::MaybeUninit,
    ops::Range,
    os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle},
};

use windows_sys::Win32::{
    Foundation::{
        ERROR_IO_PENDING, ERROR_LOCK_VIOLATION, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE,
    },
    Storage::FileSystem::{
        FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, LOCK_FILE_FLAGS,
        LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx, ReOpenFile, UnlockFileEx,
    },
    System::IO::OVERLAPPED,
};

use super::check;
use crate::mode::LockKind;

/// Whether the system has such locks.
pub(crate) const SUPPORTED: bool = true;

/// A file object for locks, whose handle is not inherited. Dropping it releases them.
#[derive(Debug)]
pub(crate) struct FileLock(OwnedHandle);

impl FileLock {
    /// Opens the file again, with the access that locks of this kind need.
    pub(crate) fn open(file: BorrowedHandle<'_>, kind: LockKind) -> io::Result<FileLock> {
        let access = match kind {
            LockKind::Shared => GENERIC_READ,
            LockKind::Exclusive => GENERIC_READ | GENERIC_WRITE,
        };
        let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
        // SAFETY: the call accesses no memory of this process.
        let handle = unsafe { ReOpenFile(file.as_raw_handle(), access, share, 0) };
        if handle == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is new.
        Ok(FileLock(unsafe { OwnedHandle::from_raw_handle(handle) }))
    }

    /// Locks the range, which is not empty. Returns false if another file object excludes that.
    pub(crate) fn try_lock(&self, range: &Range<u64>, kind: LockKind) -> io::Result<bool> {
        was_granted(lock(self.0.as_handle(), range, flags(kind) | LOCKFILE_FAIL_IMMEDIATELY))
    }

    /// Like [`FileLock::try_lock`], and waits while another file object excludes the lock.
    pub(crate) fn lock(&self, range: &Range<u64>, kind: LockKind) -> io::Result<()> {
        lock(self.0.as_handle(), range, flags(kind))
    }

    /// Locks a byte, and waits while another file object excludes that.
    ///
    /// Fails with `ResourceBusy` if an exclusive lock covers the next byte too, which only a lock
    /// of another program does.
    pub(crate) fn lock_byte(&self, at: u64, kind: LockKind) -> io::Result<()> {
        let byte = at..at + 1;
        if self.try_lock(&byte, kind)? {
            return Ok(());
        }
        // Asked by a shared lock, so two threads that ask at once do not refuse each other.
        match is_locked(self.0.as_handle(), &(byte.end..byte.end + 1))? {
            true => Err(io::ErrorKind::ResourceBusy.into()),
            false => self.lock(&byte, kind),
        }
    }
}

fn flags(kind: LockKind) -> LOCK_FILE_FLAGS {
    match kind {
        LockKind::Shared => 0,
        LockKind::Exclusive => LOCKFILE_EXCLUSIVE_LOCK,
    }
}

/// Whether another file object has an exclusive lock in the range.
///
/// Asks by a shared lock, so that two questions at once do not answer each other.
pub(crate) fn is_locked(file: BorrowedHandle<'_>, range: &Range<u64>) -> io::Result<bool> {
    if !was_granted(lock(file, range, LOCKFILE_FAIL_IMMEDIATELY))? {
        return Ok(true);
    }
    unlock(file, range).map(|()| false)
}

fn was_granted(done: io::Result<()>) -> io::Result<bool> {
    const REFUSED: [i32; 2] = [ERROR_LOCK_VIOLATION as i32, ERROR_IO_PENDING as i32];
    match done {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error().is_some_and(|code| REFUSED.contains(&code)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn lock(file: BorrowedHandle<'_>, range: &Range<u64>, flags: LOCK_FILE_FLAGS) -> io::Result<()> {
    let (low, high) = halves(range.end - range.start);
    let mut at = position(range.start);
    // SAFETY: the handle is synchronous, so the call has ended with `at` when it returns.
    check(unsafe { LockFileEx(file.as_raw_handle(), flags, 0, low, high, &raw mut at) })
}

fn unlock(file: BorrowedHandle<'_>, range: &Range<u64>) -> io::Result<()> {
    let (low, high) = halves(range.end - range.start);
    let mut at = position(range.start);
    // SAFETY: the handle is synchronous, so the call has ended with `at` when it returns.
    check(unsafe { UnlockFileEx(file.as_raw_handle(), 0, low, high, &raw mut at) })
}

fn position(start: u64) -> OVERLAPPED {
    // SAFETY: zeros are valid: the structure has numbers and a handle, which may be null.
    let mut position: OVERLAPPED = unsafe { MaybeUninit::zeroed().assume_init() };
    (position.Anonymous.Anonymous.Offset, position.Anonymous.Anonymous.OffsetHigh) = halves(start);
    position
}

fn halves(number: u64) -> (u32, u32) {
    (number as u32, (number >> 32) as u32)
}
