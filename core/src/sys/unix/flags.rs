//! The constants of protection and flags: `<sys/mman.h>`, mmap(2).

use crate::flags::{Flags, HugePage, Protection};

impl Protection {
    /// Pages may not be accessed.
    pub const NONE: Protection = Protection(libc::PROT_NONE);
    /// Pages may be read.
    pub const READ: Protection = Protection(libc::PROT_READ);
    /// Pages may be written.
    pub const WRITE: Protection = Protection(libc::PROT_WRITE);
    /// Pages may be executed.
    pub const EXEC: Protection = Protection(libc::PROT_EXEC);
}

impl Flags {
    /// Writes reach the file and other maps of it.
    pub const SHARED: Flags = Flags(libc::MAP_SHARED);
    /// Writes stay in this map.
    pub const PRIVATE: Flags = Flags(libc::MAP_PRIVATE);
    pub(crate) const ANONYMOUS: Flags = Flags(libc::MAP_ANON);

    /// Do not reserve swap space.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const NORESERVE: Flags = Flags(libc::MAP_NORESERVE);
    /// Do not reserve swap space. No flag of these systems says so.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) const NORESERVE: Flags = Flags(0);
}

/// Flags of Linux only.
#[cfg(any(target_os = "linux", target_os = "android"))]
impl Flags {
    /// Read all pages in at once. If the file is in the page cache, this is slower than faulting
    /// pages in on first access.
    pub const POPULATE: Flags = Flags(libc::MAP_POPULATE);
    /// With [`Flags::POPULATE`]: only pages that are in memory.
    pub const NONBLOCK: Flags = Flags(libc::MAP_NONBLOCK);
    /// Memory for the stack of a thread.
    pub const STACK: Flags = Flags(libc::MAP_STACK);
    /// Lock the pages in memory, up to the limit `RLIMIT_MEMLOCK`.
    pub const LOCKED: Flags = Flags(libc::MAP_LOCKED);
    /// Huge pages from a pool; see [`Options::huge_pages`](crate::Options::huge_pages).
    pub const HUGETLB: Flags = Flags(libc::MAP_HUGETLB);
    /// In the lowest 2 GiB of the address space.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    pub const LOW_32BIT: Flags = Flags(0x40);
    /// Grows downwards like a stack.
    pub const GROWSDOWN: Flags = Flags(libc::MAP_GROWSDOWN);
}

/// Flags that may replace existing mappings. They are refused.
#[cfg(target_os = "linux")]
pub(super) const FIXED: i32 = libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE;
/// The second flag is the kernel's MAP_FIXED_NOREPLACE, for which `libc` has no name on Android.
#[cfg(target_os = "android")]
pub(super) const FIXED: i32 = libc::MAP_FIXED | 0x10_0000;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const FIXED: i32 = libc::MAP_FIXED;

/// Whether flags allocate memory for every page of a region at once.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const fn are_eager(flags: i32) -> bool {
    flags & (libc::MAP_POPULATE | libc::MAP_LOCKED | libc::MAP_HUGETLB) != 0
}
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const fn are_eager(_: i32) -> bool {
    false
}

/// The upper bits of the flags hold the logarithm of the page size of `MAP_HUGETLB`.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HUGE_SHIFT: u32 = 26;
#[cfg(any(target_os = "linux", target_os = "android"))]
const HUGE_MASK: i32 = 0x3f;

/// Returns the flags for huge pages; `None` for an invalid size, or if the system has no pools.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn huge_pages(pages: HugePage) -> Option<Flags> {
    match pages {
        HugePage::Default => Some(Flags::HUGETLB),
        HugePage::Size(size) if size.is_power_of_two() && size >= super::page_size() => {
            Some(Flags::HUGETLB | Flags((size.trailing_zeros() << HUGE_SHIFT) as i32))
        }
        HugePage::Size(_) => None,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn huge_pages(_: HugePage) -> Option<Flags> {
    None
}

/// Returns the page size that the flags request, if they request huge pages.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn huge_page_size(flags: Flags) -> Option<usize> {
    if !flags.contains(Flags::HUGETLB) {
        return None;
    }
    match (flags.0 >> HUGE_SHIFT) & HUGE_MASK {
        0 => default_huge_page_size(),
        log => 1_usize.checked_shl(log as u32),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn huge_page_size(_: Flags) -> Option<usize> {
    None
}

/// proc(5): `Hugepagesize:    2048 kB`.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn default_huge_page_size() -> Option<usize> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("Hugepagesize:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
