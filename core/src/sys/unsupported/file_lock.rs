//! Locks of byte ranges, which do not exist.

use std::{io, ops::Range};

use super::{BorrowedFile, unsupported};
use crate::mode::LockKind;

/// Whether the system has such locks.
pub(crate) const SUPPORTED: bool = false;

#[derive(Debug)]
pub(crate) enum FileLock {}

impl FileLock {
    pub(crate) fn open(_: BorrowedFile<'_>, _: LockKind) -> io::Result<FileLock> {
        unsupported()
    }

    pub(crate) fn try_lock(&self, _: &Range<u64>, _: LockKind) -> io::Result<bool> {
        match *self {}
    }

    pub(crate) fn lock(&self, _: &Range<u64>, _: LockKind) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn lock_byte(&self, _: u64, _: LockKind) -> io::Result<()> {
        match *self {}
    }
}

pub(crate) fn is_locked(_: BorrowedFile<'_>, _: &Range<u64>) -> io::Result<bool> {
    unsupported()
}
