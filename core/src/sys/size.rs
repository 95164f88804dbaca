//! Arithmetic on the sizes of regions: the largest size, and rounding to whole pages.

/// The largest size of a region: that of an object in Rust, or the address space if it is smaller.
pub(crate) const MAX: usize = isize::MAX as usize >> UNUSED_BITS;

/// The bits of a positive `isize` that no address has which the system chooses. On x86-64 these are
/// addresses of 47 bits, also with page tables of five levels (mm.rst of Linux), of which FreeBSD
/// uses all 56; on aarch64 52 bits.
const UNUSED_BITS: u32 = if cfg!(all(target_arch = "x86_64", not(target_os = "freebsd"))) {
    16
} else if cfg!(target_arch = "x86_64") {
    7
} else if cfg!(target_arch = "aarch64") {
    11
} else {
    0
};

/// Adds the bytes before a map in its first page to the length of the map.
///
/// Returns `None` if the sum is greater than [`MAX`].
pub(crate) fn with_lead(len: usize, lead: usize) -> Option<usize> {
    len.checked_add(lead).filter(|&size| size <= MAX)
}

/// Rounds `len` up to a multiple of `page`, a power of two. Returns `None` on overflow.
pub(crate) fn round_up(len: usize, page: usize) -> Option<usize> {
    Some(len.checked_add(page - 1)? & !(page - 1))
}
