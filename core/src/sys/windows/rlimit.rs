//! Resource limits: which one an error code suggests, and its name.

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_COMMITMENT_LIMIT, ERROR_DISK_FULL, ERROR_FILE_TOO_LARGE,
    ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_TOO_MANY_OPEN_FILES,
    ERROR_WORKING_SET_QUOTA,
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

/// Returns what to do about an error that no limit causes.
pub(crate) fn remedy(call: &str, code: i32) -> Option<&'static str> {
    (call == "map" && code as u32 == ERROR_ACCESS_DENIED)
        .then_some("the file must be open for reading, for Access::Write also for writing")
}

impl ResourceLimit {
    /// Returns the limit that the error code suggests.
    pub(crate) fn of(number: i32, call: &str) -> Option<ResourceLimit> {
        match number as u32 {
            ERROR_TOO_MANY_OPEN_FILES => Some(ResourceLimit::Handles),
            ERROR_WORKING_SET_QUOTA => Some(ResourceLimit::LockedMemory),
            ERROR_NO_SYSTEM_RESOURCES if call == "lock" => Some(ResourceLimit::LockedMemory),
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
