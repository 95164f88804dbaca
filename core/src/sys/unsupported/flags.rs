//! The constants of protection and flags, with the numbers of Linux.

use crate::flags::{Flags, HugePage, Protection};

impl Protection {
    /// Pages may not be accessed.
    pub const NONE: Protection = Protection(0);
    /// Pages may be read.
    pub const READ: Protection = Protection(1);
    /// Pages may be written and read.
    pub const WRITE: Protection = Protection(2);
    /// Pages may be executed.
    pub const EXEC: Protection = Protection(4);
}

impl Flags {
    /// Writes reach the file and other maps of it.
    pub const SHARED: Flags = Flags(1);
    /// Writes stay in this map.
    pub const PRIVATE: Flags = Flags(2);
    pub(crate) const ANONYMOUS: Flags = Flags(0x20);
    /// More address space is reserved than is committed.
    pub(crate) const NORESERVE: Flags = Flags(0x4000);
}

pub(crate) fn huge_pages(_: HugePage) -> Option<Flags> {
    None
}
