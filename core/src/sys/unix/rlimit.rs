//! Limits: what the system counts, and how one finds the bound that was met.

/// What a call ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceLimit {
    Descriptors,
    AllDescriptors,
    Mappings,
    Locked,
    FileSize,
}

impl ResourceLimit {
    /// Which limit a refusal with this number speaks of, if one; `locks`: whether it was asked to keep pages in memory.
    pub(crate) fn of(number: i32, locks: bool) -> Option<ResourceLimit> {
        match number {
            libc::EMFILE => Some(ResourceLimit::Descriptors),
            libc::ENFILE => Some(ResourceLimit::AllDescriptors),
            // mlock(2): too many mappings, or too many locked bytes; the second is met more often.
            libc::ENOMEM | libc::EAGAIN | libc::EPERM if locks => Some(ResourceLimit::Locked),
            libc::ENOMEM => Some(ResourceLimit::Mappings),
            libc::EFBIG => Some(ResourceLimit::FileSize),
            _ => None,
        }
    }

    /// The limit by the names under which one finds and raises it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Descriptors => "the limit of open files, RLIMIT_NOFILE",
            ResourceLimit::AllDescriptors => "the system's limit of open files, fs.file-max",
            ResourceLimit::Mappings => "the limit of mappings, vm.max_map_count, or of address space, RLIMIT_AS",
            ResourceLimit::Locked => "the limit of locked memory, RLIMIT_MEMLOCK",
            ResourceLimit::FileSize => "the limit of a file's size, RLIMIT_FSIZE or the file system's",
        }
    }

    /// The limit by the names under which one finds and raises it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Descriptors => "the limit of open files, RLIMIT_NOFILE",
            ResourceLimit::AllDescriptors => "the system's limit of open files, kern.maxfiles",
            ResourceLimit::Mappings => "the limit of address space, RLIMIT_AS",
            ResourceLimit::Locked => "the limit of locked memory, RLIMIT_MEMLOCK",
            ResourceLimit::FileSize => "the limit of a file's size, RLIMIT_FSIZE or the file system's",
        }
    }
}
