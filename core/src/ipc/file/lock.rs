//! The lock of creation.

use std::io;

use super::refusal::Refusal;
use crate::{
    Result,
    mode::LockKind,
    sys::{BorrowedFile, file_lock::FileLock, token_id::CREATION_BYTE},
};

/// The lock with which processes create a file, open it, and join in turn.
///
/// Dropping it releases it, and so does a crash of its process. In a forked child, dropping it has
/// no effect.
#[derive(Debug)]
#[must_use = "dropping it releases the lock"]
pub(crate) struct CreationLock {
    _lock: FileLock,
}

impl CreationLock {
    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another program has locked the whole file. [`Error::Os`] if the process
    /// may not open the file again.
    pub(crate) fn take(call: &'static str, file: BorrowedFile<'_>) -> Result<CreationLock> {
        CreationLock::wait(file, LockKind::Exclusive)
            .map_err(|error| Refusal::from(error).into_error(call))
    }

    /// Takes the lock, or returns `None` if another process has it.
    ///
    /// # Errors
    ///
    /// [`Error::Os`].
    pub(crate) fn try_take(
        call: &'static str,
        file: BorrowedFile<'_>,
    ) -> Result<Option<CreationLock>> {
        let failed = |error| Refusal::from(error).into_error(call);
        let lock = FileLock::open(file, LockKind::Exclusive).map_err(failed)?;
        let byte = CREATION_BYTE..CREATION_BYTE + 1;
        let is_locked = lock.try_lock(&byte, LockKind::Exclusive).map_err(failed)?;
        Ok(is_locked.then_some(CreationLock { _lock: lock }))
    }

    /// Waits for a lock of this kind. A shared one excludes creators only.
    pub(super) fn wait(file: BorrowedFile<'_>, kind: LockKind) -> io::Result<CreationLock> {
        let lock = FileLock::open(file, kind)?;
        lock.lock_byte(CREATION_BYTE, kind)?;
        Ok(CreationLock { _lock: lock })
    }
}
