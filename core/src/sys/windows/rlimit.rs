//! Limits: what the system counts, and how one finds the bound that was met.

use windows_sys::Win32::Foundation::{
    ERROR_COMMITMENT_LIMIT, ERROR_DISK_FULL, ERROR_FILE_TOO_LARGE, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY,
    ERROR_TOO_MANY_OPEN_FILES, ERROR_WORKING_SET_QUOTA,
};

/// What a call ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceLimit {
    Handles,
    Memory,
    Committed,
    Locked,
    FileSize,
}

impl ResourceLimit {
    /// Which limit a refusal with this number speaks of, if one; `locks`: whether it was asked to keep pages in memory.
    pub(crate) fn of(number: i32, locks: bool) -> Option<ResourceLimit> {
        match number.cast_unsigned() {
            ERROR_TOO_MANY_OPEN_FILES => Some(ResourceLimit::Handles),
            ERROR_WORKING_SET_QUOTA => Some(ResourceLimit::Locked),
            ERROR_NO_SYSTEM_RESOURCES if locks => Some(ResourceLimit::Locked),
            ERROR_COMMITMENT_LIMIT => Some(ResourceLimit::Committed),
            ERROR_NOT_ENOUGH_MEMORY | ERROR_NO_SYSTEM_RESOURCES => Some(ResourceLimit::Memory),
            ERROR_FILE_TOO_LARGE | ERROR_DISK_FULL => Some(ResourceLimit::FileSize),
            _ => None,
        }
    }

    /// The limit by the names under which one finds and raises it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Handles => "the limit of open files",
            ResourceLimit::Memory => "the limit of address space, or of memory and page file",
            ResourceLimit::Committed => "the limit of memory and page file",
            ResourceLimit::Locked => "the limit of locked memory, the minimum in SetProcessWorkingSetSize",
            ResourceLimit::FileSize => "the space on the disk, or the limit of a file's size",
        }
    }
}
