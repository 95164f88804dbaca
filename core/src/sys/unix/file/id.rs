//! What threads that wait for a word of a file know the file by: the kernel knows it.

use crate::sys::BorrowedFile;

/// Nothing.
#[derive(Debug)]
pub(crate) struct FileId;

impl FileId {
    pub(crate) fn new(_: Option<BorrowedFile<'_>>) -> FileId {
        FileId
    }
}
