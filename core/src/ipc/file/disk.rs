//! A file of the system, for the protocol of creation.

use std::{fs::File, io};

use super::{blocks, create::Storage, header::Id, lock::CreationLock, refusal::Refusal};
use crate::{
    FormatError,
    mode::LockKind,
    sys::{self, BorrowedFile, boot::boot_id, random, token},
};

/// A file that is open for reading and writing, or for reading only.
#[derive(Debug)]
pub(super) struct Disk<'file> {
    pub(super) file: BorrowedFile<'file>,
    /// The directory with its name, if that has to be on the disk.
    pub(super) folder: Option<&'file File>,
    /// The lock of creation. A shared one is enough for reading, and needs no right to write.
    pub(super) lock: LockKind,
}

impl Storage for Disk<'_> {
    type Lock = CreationLock;

    fn lock(&self) -> io::Result<CreationLock> {
        CreationLock::wait(self.file, self.lock)
    }

    fn len(&self) -> io::Result<u64> {
        sys::file::status_len(self.file)
    }

    fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        sys::read::read_full(self.file, buffer, at)
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        sys::file::write_at(self.file, bytes, at)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        sys::file::set_len(self.file, len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        blocks::allocate(self.file, len)
    }

    fn sync(&self) -> io::Result<()> {
        sys::file::sync(self.file)?;
        self.folder.map_or(Ok(()), |folder| sys::file::sync(sys::borrow(folder)))
    }

    fn is_in_use(&self) -> io::Result<bool> {
        token::is_any_alive(self.file)
    }

    fn boot(&self) -> Id {
        boot_id()
    }

    fn random(&self) -> io::Result<Id> {
        let halves = [random::word()?, random::word()?].map(u64::to_ne_bytes);
        Ok(std::array::from_fn(|at| halves[at / 8][at % 8]))
    }
}

impl Disk<'_> {
    /// Fails for files that must not be written to, with any content.
    pub(super) fn ensure_is_usable(&self) -> Result<(), Refusal> {
        sys::file::regular_len(self.file)?.ok_or(FormatError::NotSafemap)?;
        token::ensure_reliable(self.file)?;
        match self.lock == LockKind::Exclusive && sys::file::only_appends(self.file)? {
            true => {
                let reason = "a descriptor with O_APPEND does not write at an offset";
                Err(Refusal::Unsupported(reason))
            }
            false => Ok(()),
        }
    }
}
