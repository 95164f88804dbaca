//! What a new map shows: a file, or memory.

use crate::{
    Error, Result,
    map::Origin,
    sys::{self, BorrowedFile, OwnedFile},
};

/// What a new map shows: a file, or memory.
pub(super) enum Source<'a> {
    /// A file that belongs to the caller.
    Borrowed(BorrowedFile<'a>),
    /// A file that the library opened.
    Owned(OwnedFile),
    /// Memory without a file.
    Memory,
}

impl Source<'_> {
    pub(super) fn file(&self) -> Option<BorrowedFile<'_>> {
        match self {
            Source::Borrowed(file) => Some(*file),
            Source::Owned(file) => Some(sys::borrow(file)),
            Source::Memory => None,
        }
    }

    /// Returns the origin that the map keeps. A borrowed descriptor is duplicated, close-on-exec.
    pub(super) fn into_origin(self, untracked: bool, offset: u64) -> Result<Origin> {
        let file = match self {
            Source::Memory => return Ok(Origin::Memory),
            Source::Borrowed(_) | Source::Owned(_) if untracked => None,
            Source::Borrowed(file) => Some(file.try_clone_to_owned().map_err(Error::os("map"))?),
            Source::Owned(file) => Some(file),
        };
        Ok(Origin::File { file, offset })
    }
}
