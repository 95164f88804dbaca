//! The constants of the module: those of the newest CPython that the platform defines, and further
//! constants of the platform.

use std::ffi::c_int;

use pyo3::prelude::*;

pub(crate) const ACCESS_DEFAULT: c_int = 0;
pub(crate) const ACCESS_READ: c_int = 1;
pub(crate) const ACCESS_WRITE: c_int = 2;
pub(crate) const ACCESS_COPY: c_int = 3;

/// Whether `set_name` is supported. CPython names memory on Linux only.
pub(crate) const CAN_NAME_MEMORY: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Adds all constants to the module.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("PAGESIZE", safemap::page_size())?;
    module.add("ALLOCATIONGRANULARITY", safemap::granularity())?;
    [ACCESS, UNIX, PLATFORM, PROCESSOR, ADDITIONAL]
        .concat()
        .into_iter()
        .try_for_each(|(name, value)| module.add(name, value))?;
    let standard = [ACCESS, UNIX, PLATFORM, PROCESSOR].concat().into_iter().map(|it| it.0);
    let names = ["PAGESIZE", "ALLOCATIONGRANULARITY", "error", "mmap"].into_iter().chain(standard);
    module.add("_STANDARD_NAMES", names.collect::<Vec<_>>())
}

type Table = &'static [(&'static str, c_int)];

/// A table of constants of the `libc` crate.
#[cfg(unix)]
macro_rules! table {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

// Constants that the newest CPython does not have are in `ADDITIONAL`.
const ACCESS: Table = &[
    ("ACCESS_DEFAULT", ACCESS_DEFAULT),
    ("ACCESS_READ", ACCESS_READ),
    ("ACCESS_WRITE", ACCESS_WRITE),
    ("ACCESS_COPY", ACCESS_COPY),
];

#[cfg(unix)]
const UNIX: Table = table! {
    PROT_NONE PROT_READ PROT_WRITE PROT_EXEC
    MAP_SHARED MAP_PRIVATE MAP_ANON MAP_ANONYMOUS
    MS_SYNC MS_ASYNC MS_INVALIDATE
    MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED MADV_FREE
};

/// Windows has none of these.
#[cfg(windows)]
const UNIX: Table = &[];

#[cfg(any(target_os = "linux", target_os = "android"))]
const PLATFORM: Table = &[
    ("MAP_DENYWRITE", libc::MAP_DENYWRITE),
    ("MAP_EXECUTABLE", libc::MAP_EXECUTABLE),
    ("MAP_POPULATE", libc::MAP_POPULATE),
    ("MAP_STACK", libc::MAP_STACK),
    ("MAP_NORESERVE", libc::MAP_NORESERVE),
    ("MADV_REMOVE", libc::MADV_REMOVE),
    ("MADV_DONTFORK", libc::MADV_DONTFORK),
    ("MADV_DOFORK", libc::MADV_DOFORK),
    ("MADV_HWPOISON", libc::MADV_HWPOISON),
    ("MADV_MERGEABLE", libc::MADV_MERGEABLE),
    ("MADV_UNMERGEABLE", libc::MADV_UNMERGEABLE),
    ("MADV_HUGEPAGE", libc::MADV_HUGEPAGE),
    ("MADV_NOHUGEPAGE", libc::MADV_NOHUGEPAGE),
    ("MADV_DONTDUMP", libc::MADV_DONTDUMP),
    ("MADV_DODUMP", libc::MADV_DODUMP),
];

#[cfg(any(target_os = "linux", target_os = "android"))]
const ADDITIONAL: Table = &[
    ("MAP_GROWSDOWN", libc::MAP_GROWSDOWN),
    ("MAP_HUGETLB", libc::MAP_HUGETLB),
    ("MAP_HUGE_SHIFT", HUGE_SHIFT),
    ("MAP_HUGE_MASK", 0x3f),
    ("MAP_HUGE_16KB", 14 << HUGE_SHIFT),
    ("MAP_HUGE_64KB", 16 << HUGE_SHIFT),
    ("MAP_HUGE_512KB", 19 << HUGE_SHIFT),
    ("MAP_HUGE_1MB", 20 << HUGE_SHIFT),
    ("MAP_HUGE_2MB", 21 << HUGE_SHIFT),
    ("MAP_HUGE_8MB", 23 << HUGE_SHIFT),
    ("MAP_HUGE_16MB", 24 << HUGE_SHIFT),
    ("MAP_HUGE_32MB", 25 << HUGE_SHIFT),
    ("MAP_HUGE_256MB", 28 << HUGE_SHIFT),
    ("MAP_HUGE_512MB", 29 << HUGE_SHIFT),
    ("MAP_HUGE_1GB", 30 << HUGE_SHIFT),
    ("MAP_HUGE_2GB", 31 << HUGE_SHIFT),
    ("MAP_LOCKED", libc::MAP_LOCKED),
    ("MAP_NONBLOCK", libc::MAP_NONBLOCK),
    ("MAP_SHARED_VALIDATE", 0x3),
    #[cfg(target_os = "linux")]
    ("MAP_SYNC", libc::MAP_SYNC),
    ("MAP_DROPPABLE", 0x8),
    ("MADV_SOFT_OFFLINE", 101),
    ("MADV_WIPEONFORK", 18),
    ("MADV_KEEPONFORK", 19),
    ("MADV_COLD", 20),
    ("MADV_PAGEOUT", 21),
    ("MADV_POPULATE_READ", 22),
    ("MADV_POPULATE_WRITE", 23),
    ("MADV_DONTNEED_LOCKED", 24),
    ("MADV_COLLAPSE", 25),
    ("MADV_GUARD_INSTALL", 102),
    ("MADV_GUARD_REMOVE", 103),
];

#[cfg(target_vendor = "apple")]
const PLATFORM: Table = &[
    ("MAP_NORESERVE", libc::MAP_NORESERVE),
    ("MAP_NOEXTEND", libc::MAP_NOEXTEND),
    ("MAP_HASSEMAPHORE", libc::MAP_HASSEMAPHORE),
    ("MAP_NOCACHE", libc::MAP_NOCACHE),
    ("MAP_JIT", libc::MAP_JIT),
    ("MAP_RESILIENT_CODESIGN", 0x2000),
    ("MAP_RESILIENT_MEDIA", 0x4000),
    ("MAP_32BIT", 0x8000),
    ("MAP_TRANSLATED_ALLOW_EXECUTE", 0x2_0000),
    ("MAP_UNIX03", 0x4_0000),
    ("MAP_TPRO", 0x8_0000),
    ("MADV_FREE_REUSABLE", libc::MADV_FREE_REUSABLE),
    ("MADV_FREE_REUSE", libc::MADV_FREE_REUSE),
];

#[cfg(target_os = "freebsd")]
const PLATFORM: Table = table! {
    MAP_STACK MAP_HASSEMAPHORE MAP_ALIGNED_SUPER
    MADV_NOSYNC MADV_AUTOSYNC MADV_NOCORE MADV_CORE MADV_PROTECT
};

#[cfg(target_os = "netbsd")]
const PLATFORM: Table = table! { MAP_NORESERVE MAP_STACK MAP_HASSEMAPHORE };

// Includes flags that the header defines as 0.
#[cfg(target_os = "openbsd")]
const PLATFORM: Table =
    table! { MAP_NORESERVE MAP_NOEXTEND MAP_HASSEMAPHORE MAP_STACK MAP_CONCEAL };

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
const PLATFORM: Table = &[];

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const ADDITIONAL: Table = &[];

/// With `MAP_HUGETLB`, the upper bits of the flags are the binary logarithm of the page size.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HUGE_SHIFT: c_int = 26;

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "x86")
))]
const PROCESSOR: Table = &[("MAP_32BIT", 0x40)];

#[cfg(all(target_os = "freebsd", target_pointer_width = "64"))]
const PROCESSOR: Table = table! { MAP_32BIT };

#[cfg(not(any(
    all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "x86")
    ),
    all(target_os = "freebsd", target_pointer_width = "64")
)))]
const PROCESSOR: Table = &[];
