//! An open file whose descriptor forked children do not keep.

use std::{
    io,
    mem::ManuallyDrop,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use super::{
    fork,
    private_descriptors::{Slot, register},
};

/// A descriptor that a forked child does not keep. Dropping it there has no effect.
#[derive(Debug)]
pub(crate) struct PrivateFile {
    file: ManuallyDrop<OwnedFd>,
    slot: &'static Slot,
    forks: u64,
}

impl PrivateFile {
    /// A child that is forked before this call returns keeps the descriptor.
    pub(crate) fn new(file: OwnedFd) -> io::Result<PrivateFile> {
        // First: a process that notices that it is a child closes the registered descriptors.
        let forks = fork::current();
        let slot = register(&file)?;
        Ok(PrivateFile { file: ManuallyDrop::new(file), slot, forks })
    }

    /// Whether the descriptor still is the one that was opened. A forked child has none, and the
    /// program may have closed it by its number, and opened another file.
    pub(crate) fn is_intact(&self) -> bool {
        fork::current() == self.forks && self.slot.is_same_file(self.file.as_raw_fd())
    }
}

impl AsFd for PrivateFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // A forked child has closed its copy when it noticed the fork.
        let is_intact = self.is_intact();
        self.slot.release();
        if is_intact {
            // SAFETY: only this function does that, once.
            unsafe { ManuallyDrop::drop(&mut self.file) };
        }
    }
}
