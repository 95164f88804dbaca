//! Liveness tokens, which do not exist.

use std::io;

use super::{BorrowedFile, unsupported};

#[derive(Debug)]
pub(crate) enum Token {}

impl Token {
    pub(crate) fn new(_: BorrowedFile<'_>) -> io::Result<Token> {
        unsupported()
    }

    pub(crate) fn id(&self) -> Option<u64> {
        match *self {}
    }
}

pub(crate) fn is_alive(_: BorrowedFile<'_>, _: u64) -> io::Result<bool> {
    unsupported()
}

pub(crate) fn is_any_alive(_: BorrowedFile<'_>) -> io::Result<bool> {
    unsupported()
}

pub(crate) fn ensure_reliable(_: BorrowedFile<'_>) -> io::Result<()> {
    unsupported()
}

pub(crate) fn is_overlay(_: BorrowedFile<'_>) -> io::Result<bool> {
    unsupported()
}
