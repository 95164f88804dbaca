//! A file of the system, for the protocol of creation.

use std::{fs::File, io};

use super::{
    create::Storage,
    header::{DATA, Id},
    lock::CreationLock,
    refusal::Refusal,
};
use crate::{
    FormatError,
    sys::{self, BorrowedFile, boot::boot_id, random, token},
};

/// A file that is open for reading and writing.
#[derive(Debug)]
pub(super) struct Disk<'file> {
    pub(super) file: BorrowedFile<'file>,
    /// The directory with its name, if that has to be on the disk.
    pub(super) folder: Option<&'file File>,
}

impl Storage for Disk<'_> {
    type Lock = CreationLock;

    fn lock(&self) -> io::Result<CreationLock> {
        CreationLock::wait(self.file)
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
        let old = self.len()?;
        match self.allocate_in_pieces(old, len) {
            Err(error) if sys::file::is_unknown(&error) => self.write_zeros(len),
            // The first error is the one to report.
            done => done.inspect_err(|_| drop(self.set_len(old))),
        }
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
        match sys::file::only_appends(self.file)? {
            true => {
                let reason = "a descriptor with O_APPEND does not write at an offset";
                Err(Refusal::Unsupported(reason))
            }
            false => Ok(()),
        }
    }

    /// If a signal interrupts the allocation of memory, the kernel releases what the call has
    /// allocated: a timer could make a long call repeat for ever.
    fn allocate_in_pieces(&self, mut len: u64, new_len: u64) -> io::Result<()> {
        const PIECE: u64 = 4 << 20;
        while len < new_len {
            len = new_len.min(len + PIECE);
            sys::file::set_len_allocated(self.file, len)?;
        }
        Ok(())
    }

    /// For file systems that cannot allocate blocks otherwise.
    pub(super) fn write_zeros(&self, len: u64) -> io::Result<()> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        self.set_len(len)?;
        let mut at = DATA;
        while at < len {
            let count = (len - at).min(ZEROS.len() as u64);
            self.write(&ZEROS[..count as usize], at)?;
            at += count;
        }
        Ok(())
    }
}
