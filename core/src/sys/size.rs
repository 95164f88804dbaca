//! Arithmetic on the sizes of regions: the largest size, and rounding to whole pages.

/// The largest size of a region: that of an object in Rust.
pub(crate) const MAX: usize = isize::MAX as usize;

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
