//! Resource limits: which one an errno suggests, and the name under which a user finds it.

/// The resource that a system call ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceLimit {
    Descriptors,
    SystemDescriptors,
    Mappings,
    LockedMemory,
    FileSize,
}

/// Returns whether `mmap` failed because the file system has no maps. mmap(2): `ENODEV`.
pub(crate) fn is_unmappable(errno: i32) -> bool {
    errno == libc::ENODEV
}

impl ResourceLimit {
    /// Returns the limit that `errno` suggests. `locks`: whether the call locks pages in memory.
    pub(crate) fn of(errno: i32, locks: bool) -> Option<ResourceLimit> {
        match errno {
            libc::EMFILE => Some(ResourceLimit::Descriptors),
            libc::ENFILE => Some(ResourceLimit::SystemDescriptors),
            // mlock(2): too many mappings, or too many locked bytes, which is more frequent.
            libc::ENOMEM | libc::EAGAIN | libc::EPERM if locks => Some(ResourceLimit::LockedMemory),
            libc::ENOMEM => Some(ResourceLimit::Mappings),
            libc::EFBIG => Some(ResourceLimit::FileSize),
            _ => None,
        }
    }

    /// The limit, with the name under which a user finds and raises it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Descriptors => "the limit of open files, RLIMIT_NOFILE",
            ResourceLimit::SystemDescriptors => "the system's limit of open files, fs.file-max",
            ResourceLimit::Mappings => {
                "the limit of mappings, vm.max_map_count, or of address space, RLIMIT_AS"
            }
            ResourceLimit::LockedMemory => "the limit of locked memory, RLIMIT_MEMLOCK",
            ResourceLimit::FileSize => {
                "the limit of a file's size, RLIMIT_FSIZE or the file system's"
            }
        }
    }

    /// The limit, with the name under which a user finds and raises it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Descriptors => "the limit of open files, RLIMIT_NOFILE",
            ResourceLimit::SystemDescriptors => "the system's limit of open files, kern.maxfiles",
            ResourceLimit::Mappings => "the limit of address space, RLIMIT_AS",
            ResourceLimit::LockedMemory => "the limit of locked memory, RLIMIT_MEMLOCK",
            ResourceLimit::FileSize => {
                "the limit of a file's size, RLIMIT_FSIZE or the file system's"
            }
        }
    }
}
