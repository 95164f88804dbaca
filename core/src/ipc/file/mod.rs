//! The files of channels and journals: creation and opening.
//!
//! A file is either complete, or the next call that may create it completes it. A file of another
//! program is never written to.

mod create;
mod disk;
mod header;
mod lock;
mod refusal;
#[cfg(test)]
mod tests;

use std::{fs::File, path::Path};

use crate::{
    Error, Result,
    sys::{self, segment::Creation, token::ensure_reliable},
};
use create::{Request, prepare};
use disk::Disk;
pub(crate) use header::{Geometry, Kind};
pub(crate) use lock::CreationLock;
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
    /// A complete one with this geometry, one whose creator has crashed, an empty one, or none.
    OpenOrCreate(Geometry),
}

/// A file that is complete and was checked. It is open for reading and writing.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    /// What the header says. The map does not have to be asked again.
    pub(crate) geometry: Geometry,
    /// Whether this call has made the content.
    #[cfg_attr(not(test), expect(dead_code, reason = "journals will need it"))]
    pub(crate) is_new: bool,
    /// Whether the content is from before a reboot, and no process uses it. Never for channels,
    /// which start empty then.
    #[cfg_attr(not(test), expect(dead_code, reason = "journals will need it"))]
    pub(crate) is_stale: bool,
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
    complete(file, folder.filter(|_| kind == Kind::Journal), Request { kind, geometry })
        .map_err(failed)
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
    let disk = Disk { file: sys::borrow(&file), folder: folder.as_ref() };
    disk.ensure_is_usable()?;
    let prepared = prepare(&disk, request)?;
    let (geometry, is_new) = (prepared.header.geometry, prepared.is_new);
    Ok(Opened { file, geometry, is_new, is_stale: prepared.is_stale })
}
