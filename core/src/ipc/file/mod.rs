//! The files of channels and journals: creation and opening.
//!
//! A file is either complete, or the next call that may create it completes it. A file of another
//! program is never written to.

mod blocks;
mod create;
mod disk;
mod header;
mod lock;
mod presence;
mod refusal;
#[cfg(test)]
mod tests;

use std::{fs::File, io, path::Path};

use crate::{
    Error, Result,
    mode::LockKind,
    sys::{
        self,
        segment::Creation,
        token::{ensure_reliable, is_overlay},
    },
};
pub(crate) use blocks::{extend, sync_data, write_zeros};
use create::{Prepared, Request, prepare};
use disk::Disk;
use header::Id;
pub(crate) use header::{Geometry, Kind};
pub(crate) use lock::CreationLock;
pub(crate) use presence::{boot, is_in_use};
use refusal::Refusal;

use super::liveness::ensure_system_has_locks;

/// Only the user of the process may open the file.
pub(crate) const PERMISSIONS: u32 = 0o600;

/// Which files [`open`] accepts, and what it creates.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// One that is complete.
    Open,
    /// None: the path must not exist.
    Create(Geometry),
    /// A complete one, one whose creator has crashed, an empty one, or none. A channel must have
    /// this geometry.
    OpenOrCreate(Geometry),
}

/// A file that is complete and was checked. It is open for reading and writing, or as
/// [`open_for_reading`] says.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// What the header says. The map does not have to be asked again.
    pub(crate) geometry: Geometry,
    /// A random number. It is another one if the content was made anew.
    pub(crate) id: Id,
    /// Whether this call has made the content.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    pub(crate) is_new: bool,
}

/// Opens a file, and creates or completes it if `mode` allows that.
///
/// A new file has the permissions `permissions` (on Unix, less the umask). Symbolic links are not
/// followed, except for `/proc/self/fd/N` and `/dev/fd/N`. If the creation fails, the file stays:
/// another process may use it already. A later call completes it.
///
/// Waits while another process creates the file, joins or leaves.
///
/// # Errors
///
/// [`Error::Format`] says what is wrong with the file. [`Error::Unsupported`] on systems and file
/// systems whose locks do not show which processes exist. [`Error::Locked`] if another program has
/// locked the whole file. [`Error::Os`], for example if the disk is full.
pub(crate) fn open(path: &Path, kind: Kind, mode: Mode, permissions: u32) -> Result<Opened> {
    let (call, creation, geometry) = match mode {
        Mode::Open => ("open", Creation::Never, None),
        Mode::Create(geometry) => ("create", Creation::Always, Some(geometry)),
        Mode::OpenOrCreate(geometry) => ("open_or_create", Creation::IfMissing, Some(geometry)),
    };
    let failed = |refusal: Refusal| refusal.into_error(call);
    ensure_system_has_locks()?;
    let folder = geometry.and_then(|_| sys::file::open_folder(path));
    // Before an empty file is made there.
    let in_folder = folder.as_ref().map_or(Ok(()), |it| ensure_reliable(sys::borrow(it)));
    in_folder.map_err(|error| failed(error.into()))?;
    let file = sys::file::open_plain(path, creation, permissions).map_err(Error::os(call))?;
    let folder = folder.filter(|_| kind == Kind::Journal);
    complete(file, folder, Request { kind, geometry }).map_err(failed)
}

/// Checks a file that is open for reading and writing. With `geometry` completes it if it is empty
/// or its creator has crashed.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn adopt(file: File, kind: Kind, geometry: Option<Geometry>) -> Result<Opened> {
    ensure_system_has_locks()?;
    let request = Request { kind, geometry };
    complete(file, None, request).map_err(|refusal| refusal.into_error("from_fd"))
}

fn complete(file: File, folder: Option<File>, request: Request) -> Result<Opened, Refusal> {
    let folder = folder.as_ref();
    let disk = Disk { file: sys::borrow(&file), folder, lock: LockKind::Exclusive };
    disk.ensure_is_usable()?;
    let prepared = prepare(&disk, request)?;
    Ok(Opened::new(file, prepared))
}

/// Opens a complete journal for reading only. The right to read the file is enough, also on a file
/// system that is mounted for reading, and nothing is written.
///
/// Symbolic links and waiting are as in [`open`]. Calls of this function do not wait for each
/// other.
///
/// On an overlay file system the file is copied up, if the process may write it: otherwise later
/// records would be missing.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn open_for_reading(path: &Path) -> Result<Opened> {
    ensure_system_has_locks()?;
    let file = open_upper(path).map_err(Error::os("open"))?;
    read(file).map_err(|refusal| refusal.into_error("open"))
}

/// Checks a journal that is open for reading, as [`open_for_reading`].
///
/// # Errors
///
/// As [`open`].
pub(crate) fn adopt_for_reading(file: File) -> Result<Opened> {
    ensure_system_has_locks()?;
    read(file).map_err(|refusal| refusal.into_error("from_fd"))
}

/// Opens a file for reading, and not one that a later writer copies.
fn open_upper(path: &Path) -> io::Result<File> {
    let file = sys::file::open_plain_for_reading(path)?;
    let borrowed = sys::borrow(&file);
    // Opening a pipe or a device for writing may have effects.
    if sys::file::regular_len(borrowed)?.is_none() || !is_overlay(borrowed)? {
        return Ok(file);
    }
    drop(sys::file::open_plain(path, Creation::Never, PERMISSIONS));
    sys::file::open_plain_for_reading(path)
}

fn read(file: File) -> Result<Opened, Refusal> {
    let disk = Disk { file: sys::borrow(&file), folder: None, lock: LockKind::Shared };
    disk.ensure_is_usable()?;
    let prepared = prepare(&disk, Request { kind: Kind::Journal, geometry: None })?;
    Ok(Opened::new(file, prepared))
}

impl Opened {
    fn new(file: File, Prepared { header, is_new }: Prepared) -> Opened {
        Opened { file, geometry: header.geometry, id: header.id, is_new }
    }
}
