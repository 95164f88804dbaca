//! Where a word is that threads of several processes wait for.

use std::ffi::OsStr;

use super::{BorrowedFile, file::FileId};

/// The memory of a word, and its offset there.
#[cfg_attr(unix, allow(dead_code))]
pub(crate) struct Place<'a> {
    pub(crate) object: Object<'a>,
    /// In bytes.
    pub(crate) offset: u64,
}

/// What other processes recognise memory by.
#[cfg_attr(unix, allow(dead_code))]
pub(crate) enum Object<'a> {
    /// A file, unless the map keeps none.
    File(Option<BorrowedFile<'a>>, &'a FileId),
    /// Memory with a name.
    Named(&'a OsStr),
    /// Memory of this process. The number distinguishes it.
    Own(usize),
}
