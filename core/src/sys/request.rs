//! The request for a mapping: protection, flags and page size, independent of the operating system.

use crate::flags::{Flags, Protection};

/// The protection, the flags and the page size of a mapping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MapRequest {
    pub(crate) protection: Protection,
    pub(crate) flags: Flags,
    /// Page size in bytes; the sizes of regions are multiples of it.
    pub(crate) page: usize,
}
