//! Resource limits: which one an error code suggests, and its name.

use windows_sys::Win32::Foundation::{
    ERROR_COMMITMENT_LIMIT, ERROR_DISK_FULL, ERROR_FILE_TOO_LARGE, ERROR_NO_SYSTEM_RESOURCES,
    ERROR_NOT_ENOUGH_MEMORY, ERROR_TOO_MANY_OPEN_FILES, ERROR_WORKING_SET_QUOTA,
};

/// The resource that a system call ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceLimit {
    Handles,
    Memory,
    Committed,
    LockedMemory,
    FileSize,
}

/// Returns `false`: no code says so.
pub(crate) fn is_unmappable(_: i32) -> bool {
    false
}

impl ResourceLimit {
    /// Returns the limit that the error code suggests. `locks`: whether the call locks pages in
    /// memory.
    pub(crate) fn of(number: i32, locks: bool) -> Option<ResourceLimit> {
        match number.cast_unsigned() {
            ERROR_TOO_MANY_OPEN_FILES => Some(ResourceLimit::Handles),
            ERROR_WORKING_SET_QUOTA => Some(ResourceLimit::LockedMemory),
            ERROR_NO_SYSTEM_RESOURCES if locks => Some(ResourceLimit::LockedMemory),
            ERROR_COMMITMENT_LIMIT => Some(ResourceLimit::Committed),
            ERROR_NOT_ENOUGH_MEMORY | ERROR_NO_SYSTEM_RESOURCES => Some(ResourceLimit::Memory),
            ERROR_FILE_TOO_LARGE | ERROR_DISK_FULL => Some(ResourceLimit::FileSize),
            _ => None,
        }
    }

    /// The limit, with the name under which a user finds and raises it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Handles => "the limit of open files",
            ResourceLimit::Memory => "the limit of address space, or of memory and page file",
            ResourceLimit::Committed => "the limit of memory and page file",
            ResourceLimit::LockedMemory => {
                "the limit of locked memory, the minimum in SetProcessWorkingSetSize"
            }
            ResourceLimit::FileSize => "the space on the disk, or the limit of a file's size",
        }
    }
}
