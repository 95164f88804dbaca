//! Opening a file by its path.

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

use crate::sys::segment::Creation;

/// Opens the file for reading and writing. The permissions of a new one are those of its folder.
pub(crate) fn open_plain(path: &Path, creation: Creation, _: u32) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(creation == Creation::IfMissing)
        .create_new(creation == Creation::Always)
        .open(path)
}

/// Like [`open_plain`], for reading only.
pub(crate) fn open_plain_for_reading(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Returns `None`: entries of folders cannot be flushed.
pub(crate) fn open_folder(_: &Path) -> Option<File> {
    None
}
