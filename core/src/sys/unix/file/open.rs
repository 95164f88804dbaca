//! Opening a file by its path, but not what a symbolic link leads to.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::sys::segment::Creation;

/// Opens the file for reading and writing. A new one has these permissions, less the umask.
///
/// The path must not be a symbolic link, except for the links of the system that stand for
/// descriptors of the process.
pub(crate) fn open_plain(path: &Path, creation: Creation, permissions: u32) -> io::Result<File> {
    plain(path)
        .write(true)
        .create(creation == Creation::IfMissing)
        .create_new(creation == Creation::Always)
        .mode(permissions)
        .open(path)
}

/// Like [`open_plain`], for reading only.
pub(crate) fn open_plain_for_reading(path: &Path) -> io::Result<File> {
    plain(path).open(path)
}

fn plain(path: &Path) -> OpenOptions {
    let no_link = if is_descriptor(path) { 0 } else { libc::O_NOFOLLOW };
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(no_link | libc::O_NONBLOCK | libc::O_NOCTTY);
    options
}

/// Opens the directory of a file, if the process may read it and the path has one.
pub(crate) fn open_folder(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|_| !is_descriptor(path))?;
    let is_here = folder.as_os_str().is_empty();
    File::open(if is_here { Path::new(".") } else { folder }).ok()
}

/// proc(5), fd(4): a name there is a number.
fn is_descriptor(path: &Path) -> bool {
    let is_number = |name: &OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let folder = path.parent();
    let is_inside = ["/proc/self/fd", "/dev/fd"].iter().any(|it| folder == Some(Path::new(it)));
    is_inside && path.file_name().is_some_and(is_number)
}
