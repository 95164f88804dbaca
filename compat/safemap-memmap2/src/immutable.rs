//! Files that cannot change, and the error of `map_if_safe` for others.

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
use std::os::fd::OwnedFd;
use std::{error, fmt, io};

/// The reason why [`MmapOptions::map_if_safe`](crate::MmapOptions::map_if_safe) failed.
pub struct MapIfSafeError(pub(crate) Reason);

#[derive(Debug)]
#[allow(dead_code)] // Not every platform has all of them.
pub(crate) enum Reason {
    NotSupported,
    NotSafe(io::Error),
    MapFailed(io::Error),
}

impl MapIfSafeError {
    /// Returns whether the platform has no files that cannot change.
    #[must_use]
    pub fn not_supported(&self) -> bool {
        matches!(self.0, Reason::NotSupported)
    }

    /// Returns whether the file may change, or is shorter than the map would be.
    #[must_use]
    pub fn not_safe(&self) -> bool {
        matches!(self.0, Reason::NotSafe(_))
    }

    /// Returns whether the system did not map a file that cannot change.
    #[must_use]
    pub fn map_failed(&self) -> bool {
        matches!(self.0, Reason::MapFailed(_))
    }
}

impl fmt::Debug for MapIfSafeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MapIfSafeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::NotSupported => f.write_str("this platform has no files that cannot change"),
            Reason::NotSafe(error) => write!(f, "the file may change: {error}"),
            Reason::MapFailed(error) => write!(f, "the file cannot be mapped: {error}"),
        }
    }
}

impl error::Error for MapIfSafeError {}

impl From<MapIfSafeError> for io::Error {
    fn from(error: MapIfSafeError) -> io::Error {
        match error.0 {
            Reason::NotSupported => io::Error::new(io::ErrorKind::Unsupported, error),
            Reason::NotSafe(error) | Reason::MapFailed(error) => error,
        }
    }
}

/// Fails if the file may change: if it is neither sealed against writing and shrinking, nor
/// protected by fs-verity.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) fn ensure_immutable(file: &OwnedFd) -> Result<(), MapIfSafeError> {
    use rustix::fs::{SealFlags, fcntl_get_seals};

    let sealed = SealFlags::SHRINK | SealFlags::WRITE;
    let is_sealed = fcntl_get_seals(file).is_ok_and(|seals| seals.contains(sealed));
    let reason = "neither sealed nor protected by fs-verity";
    match is_sealed || has_verity(file) {
        true => Ok(()),
        false => Err(MapIfSafeError(Reason::NotSafe(io::Error::other(reason)))),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn has_verity(file: &OwnedFd) -> bool {
    use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};

    // Local file systems report it for an inode; FUSE cannot.
    statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|state| state.stx_attributes.contains(StatxAttributes::VERITY))
}

#[cfg(target_os = "freebsd")]
fn has_verity(_: &OwnedFd) -> bool {
    false
}

/// Fails, because the platform has no such files.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) fn ensure_immutable<T>(_: T) -> Result<(), MapIfSafeError> {
    Err(MapIfSafeError(Reason::NotSupported))
}
