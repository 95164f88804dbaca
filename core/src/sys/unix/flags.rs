//! Protection and flags as this system names them: `<sys/mman.h>`, mmap(2).

use crate::flags::{Flags, HugePage, Protection};

impl Protection {
    /// No access at all.
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

    /// Do not set swap space aside.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const NORESERVE: Flags = Flags(libc::MAP_NORESERVE);
    /// Do not set swap space aside. Here nothing asks for that.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) const NORESERVE: Flags = Flags(0);
}

/// What only Linux has.
#[cfg(any(target_os = "linux", target_os = "android"))]
impl Flags {
    /// Read the pages in at once. Slower than touching them as one goes where the file is in memory already.
    pub const POPULATE: Flags = Flags(libc::MAP_POPULATE);
    /// With [`Flags::POPULATE`]: only what is in memory.
    pub const NONBLOCK: Flags = Flags(libc::MAP_NONBLOCK);
    /// Memory fit for a thread's stack.
    pub const STACK: Flags = Flags(libc::MAP_STACK);
    /// Keep the pages in memory, as far as the limit goes.
    pub const LOCKED: Flags = Flags(libc::MAP_LOCKED);
    /// Pages from a pool; see [`Options::huge_pages`](crate::Options::huge_pages).
    pub const HUGETLB: Flags = Flags(libc::MAP_HUGETLB);
    /// In the lowest 2 GiB of the address space.
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    pub const LOW_32BIT: Flags = Flags(0x40);
    /// Extends downwards like a stack.
    pub const GROWSDOWN: Flags = Flags(libc::MAP_GROWSDOWN);
}

/// Bits that replace what is mapped at an address; refused.
#[cfg(target_os = "linux")]
pub(super) const FIXED: i32 = libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE;
/// `libc` has no name for the second there, which is the kernel's MAP_FIXED_NOREPLACE.
#[cfg(target_os = "android")]
pub(super) const FIXED: i32 = libc::MAP_FIXED | 0x10_0000;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const FIXED: i32 = libc::MAP_FIXED;

/// Bits that take memory for every page of a region, touched or not.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const EAGER: i32 = libc::MAP_POPULATE | libc::MAP_LOCKED | libc::MAP_HUGETLB;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) const EAGER: i32 = 0;

/// `MAP_HUGETLB` keeps the logarithm of the page size in its upper bits.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HUGE_SHIFT: u32 = 26;
#[cfg(any(target_os = "linux", target_os = "android"))]
const HUGE_MASK: i32 = 0x3f;

/// The flags that ask for such pages; `None` where the size is none or the system has no pools.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn huge_pages(pages: HugePage) -> Option<Flags> {
    match pages {
        HugePage::Default => Some(Flags::HUGETLB),
        HugePage::Size(size) if size.is_power_of_two() && size >= super::page_size() => {
            Some(Flags::HUGETLB | Flags((size.trailing_zeros() << HUGE_SHIFT).cast_signed()))
        }
        HugePage::Size(_) => None,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn huge_pages(_: HugePage) -> Option<Flags> {
    None
}

/// The size of the pages from a pool that `flags` ask for, if they do.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn huge_page_size(flags: Flags) -> Option<usize> {
    if !flags.contains(Flags::HUGETLB) {
        return None;
    }
    match (flags.0 >> HUGE_SHIFT) & HUGE_MASK {
        0 => default_huge_page_size(),
        log => 1_usize.checked_shl(log.cast_unsigned()),
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
