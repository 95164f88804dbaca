//! Files in memory that can be sealed, which Windows does not have.

use std::{
    ffi::CStr,
    io,
    os::windows::io::{BorrowedHandle, OwnedHandle},
};

use crate::sys::seals::Seals;

pub(crate) fn create_memory_file(_: &CStr) -> io::Result<OwnedHandle> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn seal(_: BorrowedHandle<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn seals(_: BorrowedHandle<'_>) -> Seals {
    Seals::Impossible
}
