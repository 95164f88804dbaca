//! The constants of protection and flags. Windows has names for combinations instead of bits, so
//! the library defines the bits, with the numbers of Linux.

use windows_sys::Win32::System::Memory::{
    FILE_MAP, FILE_MAP_COPY, FILE_MAP_EXECUTE, FILE_MAP_READ, FILE_MAP_WRITE, PAGE_EXECUTE,
    PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_NOACCESS,
    PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY,
};

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

/// Windows has no pools of pages. Large pages need a privilege that few processes have.
pub(crate) fn huge_pages(_: HugePage) -> Option<Flags> {
    None
}

/// Returns the page protection constant. `copy`: whether a write makes a copy of the page.
pub(super) fn of_pages(protection: Protection, copy: bool) -> u32 {
    let has = |bit| protection.contains(bit);
    match (has(Protection::EXEC), has(Protection::WRITE), has(Protection::READ)) {
        (false, true, _) if copy => PAGE_WRITECOPY,
        (false, true, _) => PAGE_READWRITE,
        (false, false, true) => PAGE_READONLY,
        (false, false, false) => PAGE_NOACCESS,
        (true, true, _) if copy => PAGE_EXECUTE_WRITECOPY,
        (true, true, _) => PAGE_EXECUTE_READWRITE,
        (true, false, true) => PAGE_EXECUTE_READ,
        (true, false, false) => PAGE_EXECUTE,
    }
}

/// Returns the page protection constant of a section whose views may have this protection. Sections
/// are always readable.
pub(super) fn of_section(protection: Protection, flags: Flags) -> u32 {
    of_pages(protection | Protection::READ, flags.contains(Flags::PRIVATE))
}

/// Returns the access of a view.
pub(super) fn of_view(protection: Protection, flags: Flags) -> FILE_MAP {
    let bytes = match (protection.contains(Protection::WRITE), flags.contains(Flags::PRIVATE)) {
        (false, _) => FILE_MAP_READ,
        (true, true) => FILE_MAP_COPY,
        (true, false) => FILE_MAP_READ | FILE_MAP_WRITE,
    };
    if protection.contains(Protection::EXEC) { bytes | FILE_MAP_EXECUTE } else { bytes }
}
