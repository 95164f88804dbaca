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

/// Returns what to do about an error that no limit causes. mmap(2), fcntl(2).
pub(crate) fn remedy(call: &str, errno: i32) -> Option<&'static str> {
    match (call, errno) {
        ("map", libc::ENODEV) => Some(
            "the file cannot be mapped, as pipes and the files of /sys: read it with \
             FileBytes::open or std::fs::read",
        ),
        ("map", libc::EACCES) => {
            Some("the file must be open for reading, for Access::Write also for writing")
        }
        ("seal", libc::EBUSY) => Some(
            "another map of the file exists that is shared and writable, or the kernel uses its \
             pages",
        ),
        (call, libc::EACCES) if opens_again(call) => Some(
            "the process must be allowed to open the file again, for an exclusive lock also for \
             writing",
        ),
        (call, libc::ENOENT) if opens_again(call) => {
            Some("the file is opened through /proc, which must be mounted")
        }
        _ => None,
    }
}

fn opens_again(call: &str) -> bool {
    matches!(call, "join" | "lock_range" | "try_lock_range" | "lock_range_timeout")
}

impl ResourceLimit {
    /// Returns the limit that `errno` suggests.
    pub(crate) fn of(errno: i32, call: &str) -> Option<ResourceLimit> {
        match errno {
            libc::EMFILE => Some(ResourceLimit::Descriptors),
            libc::ENFILE => Some(ResourceLimit::SystemDescriptors),
            // mlock(2): too many mappings, or too many locked bytes, which is more frequent.
            libc::ENOMEM | libc::EAGAIN | libc::EPERM if call == "lock" => {
                Some(ResourceLimit::LockedMemory)
            }
            // mmap(2), for MAP_LOCKED.
            libc::EAGAIN if call == "map" => Some(ResourceLimit::LockedMemory),
            libc::ENOMEM => Some(ResourceLimit::Mappings),
            libc::EFBIG => Some(ResourceLimit::FileSize),
            _ => None,
        }
    }

    /// The limit, with the name under which a user finds and raises it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Descriptors => "the limit of open files (RLIMIT_NOFILE)",
            ResourceLimit::SystemDescriptors => "the system's limit of open files (fs.file-max)",
            ResourceLimit::Mappings => {
                "the limit of mappings (vm.max_map_count), of address space (RLIMIT_AS), of memory \
                 (vm.overcommit_memory) or of huge pages (vm.nr_hugepages)"
            }
            ResourceLimit::LockedMemory => "the limit of locked memory (RLIMIT_MEMLOCK)",
            ResourceLimit::FileSize => {
                "the limit of a file's size (RLIMIT_FSIZE, or the file system's)"
            }
        }
    }

    /// The limit, with the name under which a user finds and raises it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn name(self) -> &'static str {
        match self {
            ResourceLimit::Descriptors => "the limit of open files (RLIMIT_NOFILE)",
            ResourceLimit::SystemDescriptors => "the system's limit of open files (kern.maxfiles)",
            ResourceLimit::Mappings => "the limit of address space (RLIMIT_AS)",
            ResourceLimit::LockedMemory => "the limit of locked memory (RLIMIT_MEMLOCK)",
            ResourceLimit::FileSize => {
                "the limit of a file's size (RLIMIT_FSIZE, or the file system's)"
            }
        }
    }
}
