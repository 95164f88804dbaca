//! Names of shared memory: removing and listing them.

use std::{
    ffi::{OsStr, OsString},
    io,
};

#[cfg(doc)]
use crate::Options;
use crate::{
    Error, Result,
    sys::{segment::UNSUPPORTED, segments},
};

/// Removes the name of shared memory that [`Options::shared_memory`] has created, in this process
/// or in another one, which may have been killed since.
///
/// Maps of the memory keep it; it is freed with the last of them. The name can be used for other
/// memory at once.
///
/// # Errors
///
/// [`Error::Os`]: `NotFound` if the name has no memory, `PermissionDenied` for memory of another
/// user.
///
/// # Platforms
///
/// Windows: does nothing, because memory is freed with the last map.
///
/// # Examples
///
/// ```
/// use safemap::{Options, ipc::remove_shared_memory};
///
/// let name = format!("safemap-removed-{}", std::process::id());
/// let map = Options::new().create_new(true).len(1).shared_memory(&name)?;
/// remove_shared_memory(&name)?;
/// # if cfg!(windows) { return Ok(()); }
/// assert!(Options::new().shared_memory(&name).is_err());
/// map.set(1, 0)?; // the map keeps the memory
/// # Ok::<(), safemap::Error>(())
/// ```
#[doc(alias = "shm_unlink")]
pub fn remove_shared_memory(name: impl AsRef<OsStr>) -> Result<()> {
    segments::remove(name.as_ref()).map_err(|error| converted(error, "remove_shared_memory"))
}

/// Returns the names of all shared memory of this system, in no particular order.
///
/// That includes memory of other users and of programs that do not use this library, but not the
/// semaphores of the C library. Remove only what you know.
///
/// # Errors
///
/// [`Error::Os`] if the file system cannot be read.
///
/// # Platforms
///
/// Linux. Elsewhere [`Error::Unsupported`].
///
/// # Examples
///
/// ```
/// # if !cfg!(target_os = "linux") { return Ok(()); }
/// use safemap::ipc::{remove_shared_memory, shared_memory_names};
///
/// // Memory of earlier runs that were killed:
/// for name in shared_memory_names()? {
///     if name.as_encoded_bytes().starts_with(b"my-program-") {
///         remove_shared_memory(name)?;
///     }
/// }
/// # Ok::<(), safemap::Error>(())
/// ```
pub fn shared_memory_names() -> Result<Vec<OsString>> {
    segments::names().map_err(|error| converted(error, "shared_memory_names"))
}

fn converted(error: io::Error, call: &'static str) -> Error {
    match error.kind() {
        io::ErrorKind::Unsupported => Error::Unsupported(UNSUPPORTED),
        _ => Error::os(call)(error),
    }
}
