//! Stands for `descriptor` on targets that are neither Unix nor Windows: files cannot be mapped.

use std::{fs::File, io};

/// The descriptor of a file, which files do not have here.
#[derive(Debug)]
pub struct MmapRawDescriptor(());

/// A file.
pub trait MmapAsRawDesc {
    /// Returns the descriptor.
    fn as_raw_desc(&self) -> MmapRawDescriptor;
}

impl MmapAsRawDesc for &File {
    fn as_raw_desc(&self) -> MmapRawDescriptor {
        MmapRawDescriptor(())
    }
}

/// Fails. The type is one that calls of `safemap` take.
pub(crate) fn borrow(_: &impl MmapAsRawDesc) -> io::Result<&'static File> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Fails.
pub(crate) fn duplicate(file: &impl MmapAsRawDesc) -> io::Result<File> {
    borrow(file)?.try_clone()
}
