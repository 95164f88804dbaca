//! The state of a file that matters for mapping it, independent of the operating system.

use std::io;

/// The length, the kind and the page size of a file.
#[derive(Clone, Copy)]
pub(crate) struct FileState {
    /// Length in bytes; `None` for files without a length (character devices, consoles, pipes).
    pub(crate) len: Option<u64>,
    pub(crate) is_directory: bool,
    /// Device and number; zeros on Windows.
    pub(crate) identity: [u64; 2],
    /// Size of the file's huge pages; `None` for ordinary pages, and always on Windows.
    pub(crate) huge_page: Option<usize>,
}

impl FileState {
    /// Fails if the file is a directory. Without a check, the error of the system depends on the
    /// length, and says nothing about directories.
    pub(crate) fn ensure_not_directory(&self) -> io::Result<()> {
        match self.is_directory {
            true => Err(io::Error::from_raw_os_error(super::IS_DIRECTORY)),
            false => Ok(()),
        }
    }
}
