//! The state of a file that matters for mapping it, independent of the operating system.

/// The length and the page size of a file.
pub(crate) struct FileState {
    /// Length in bytes; `None` for files without a length (character devices, consoles, pipes).
    pub(crate) len: Option<u64>,
    /// Size of the file's huge pages; `None` for ordinary pages, and always on Windows.
    pub(crate) huge_page: Option<usize>,
}
