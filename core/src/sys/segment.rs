//! Shared memory with a name: what is requested, and what the system returns.

use super::OwnedFile;

/// Shared memory is called a segment here. Its name has one at a time.
#[cfg_attr(windows, allow(dead_code))]
pub(crate) struct SegmentRequest {
    pub(crate) is_writable: bool,
    pub(crate) creation: Creation,
    /// First byte that is mapped.
    pub(crate) offset: u64,
    /// Number of bytes that are mapped; `None` for all from `offset` on.
    pub(crate) len: Option<usize>,
    /// Whether a segment that ends earlier is extended.
    pub(crate) extends: bool,
}

/// Whether a segment is created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Creation {
    /// It must exist.
    Never,
    /// If none has the name.
    IfMissing,
    /// It must not exist.
    Always,
}

/// A segment that was opened or created.
pub(crate) enum Segment {
    /// A file.
    #[cfg_attr(windows, allow(dead_code))]
    File(OwnedFile),
    /// A file of this length, which the file itself does not report where other files do (macOS).
    #[cfg_attr(windows, allow(dead_code))]
    FileOfLen(OwnedFile, u64),
    /// A section of Windows with this length, which exists as long as one of its handles.
    #[cfg_attr(unix, allow(dead_code))]
    Section(OwnedFile, u64),
}

/// The file system of segments, and its sizes in bytes.
pub(crate) struct SegmentSpace {
    pub(crate) path: &'static str,
    pub(crate) size: u64,
    pub(crate) free: u64,
}

/// Why there are no segments.
pub(crate) const UNSUPPORTED: &str = "shared memory with a name is not supported on this platform";
