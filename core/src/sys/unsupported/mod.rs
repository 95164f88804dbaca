//! Targets that are neither Unix nor Windows, such as wasm32. They have no maps: each call that
//! would make one returns `Unsupported`, so types that require one have no values.

pub(crate) mod advice;
pub(crate) mod boot;
pub(crate) mod clock;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod file_lock;
pub(crate) mod flags;
pub(crate) mod fork;
mod pages;
pub(crate) mod random;
pub(crate) mod region;
pub(crate) mod rlimit;
pub(crate) mod segments;
pub(crate) mod token;
pub(crate) mod transfer;
pub(crate) mod wait;

use std::{fs::File, io};

pub(crate) use std::fs::File as OwnedFile;

pub(crate) use crate::sys::{uncounted as in_use, unrepaired as repair};

/// Error codes, with the numbers of Linux. The system returns none of them.
pub(crate) const BAD_ADDRESS: i32 = 14;
pub(crate) const IS_DIRECTORY: i32 = 21;
pub(crate) const INVALID: i32 = 22;
pub(crate) const NO_SPACE: i32 = 28;

/// A file, in place of the traits `AsFd` and `AsHandle` of other systems.
pub trait AsFile {
    /// Borrows the file.
    fn as_file(&self) -> BorrowedFile<'_>;
}

impl AsFile for File {
    fn as_file(&self) -> BorrowedFile<'_> {
        BorrowedFile(self)
    }
}

impl AsFile for BorrowedFile<'_> {
    fn as_file(&self) -> BorrowedFile<'_> {
        *self
    }
}

impl<T: AsFile + ?Sized> AsFile for &T {
    fn as_file(&self) -> BorrowedFile<'_> {
        (**self).as_file()
    }
}

/// A file that exists for `'a`.
#[derive(Clone, Copy, Debug)]
pub struct BorrowedFile<'a>(&'a File);

impl BorrowedFile<'_> {
    /// Duplicates the file, as `BorrowedFd` does.
    ///
    /// # Errors
    ///
    /// That of `File::try_clone`.
    pub fn try_clone_to_owned(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// Borrows `file`.
pub(crate) fn borrow(file: &impl AsFile) -> BorrowedFile<'_> {
    file.as_file()
}

/// Returns 0: files have no numbers.
pub(crate) fn number(_: BorrowedFile<'_>) -> usize {
    0
}

/// Returns the page size of WebAssembly.
#[inline]
pub(crate) fn page_size() -> usize {
    65_536
}

/// Returns the page size.
#[inline]
pub(crate) fn granularity() -> usize {
    page_size()
}

/// What each call returns that needs memory of the system.
fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}
