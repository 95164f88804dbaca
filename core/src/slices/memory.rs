//! Memory whose bytes do not change: what `FileBytes` owns.

use std::{
    alloc::{self, Layout},
    io,
    mem::MaybeUninit,
    ops::Range,
    ptr, slice,
};

use crate::{
    Error, Flags, Protection, Result,
    map::region_size,
    sys::{
        self, BorrowedFile,
        region::{Region, page_of},
        request::MapRequest,
    },
};

/// Where the bytes of a [`FileBytes`](crate::FileBytes) are.
///
/// # Examples
///
/// ```
/// use safemap::{Backing, FileBytes};
///
/// assert_eq!(FileBytes::open("Cargo.toml")?.backing(), Backing::Heap);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backing {
    /// A copy on the heap.
    Heap,
    /// A copy in private memory, with large pages where the system has them.
    Pages,
    /// The file itself, which is a memory file that is sealed against writing and shrinking. No
    /// bytes were copied.
    Sealed,
}

/// Memory that is not written any more.
#[derive(Debug)]
pub(super) enum Memory {
    Heap(Vec<u8>),
    Pages(Region),
    Sealed(Region),
}

impl Memory {
    pub(super) fn backing(&self) -> Backing {
        match self {
            Memory::Heap(_) => Backing::Heap,
            Memory::Pages(_) => Backing::Pages,
            Memory::Sealed(_) => Backing::Sealed,
        }
    }

    /// The address of the first byte.
    pub(super) fn start(&self) -> *const u8 {
        match self {
            Memory::Heap(bytes) => bytes.as_ptr(),
            Memory::Pages(region) | Memory::Sealed(region) => region.base().as_ptr(),
        }
    }
}

/// Maps `len` bytes of a sealed file, the first of them at `lead` in the region.
pub(super) fn map_sealed(
    file: BorrowedFile<'_>,
    offset: u64,
    len: usize,
) -> Result<(Region, usize)> {
    let lead = (offset % sys::granularity() as u64) as usize;
    let size = region_size(lead, len)?;
    let map = |flags| {
        let request = MapRequest { protection: Protection::READ, flags, page: page_of(flags) };
        Region::new(&request, size, Some((file, offset - lead as u64)))
    };
    // Linux before 6.7 refuses a shared mapping if the descriptor is open for writing. A private
    // one shows the pages of the file as well, which do not change.
    let region = map(Flags::SHARED).or_else(|_| map(Flags::PRIVATE));
    Ok((region.map_err(Error::os("map"))?, lead))
}

/// Private memory that is being filled.
#[derive(Debug)]
pub(super) struct Blank(Region);

impl Blank {
    pub(super) fn new(len: usize) -> Result<Blank> {
        let flags = Flags::PRIVATE | Flags::ANONYMOUS;
        let protection = Protection::READ | Protection::WRITE;
        let request = MapRequest { protection, flags, page: sys::page_size() };
        let region = Region::new(&request, region_size(0, len)?, None);
        let region = region.map_err(Error::os("bytes"))?;
        region.commit(&request, len).map_err(Error::os("bytes"))?;
        region.advise_large_pages(true);
        Ok(Blank(region))
    }

    /// The bytes of `range`, or those that lie in the memory.
    pub(super) fn part(&mut self, range: Range<usize>) -> &mut [MaybeUninit<u8>] {
        let start = range.start.min(self.0.size());
        let len = range.len().min(self.0.size() - start);
        let start = self.0.base().as_ptr().wrapping_add(start).cast();
        // SAFETY: the bytes lie in the region, which is borrowed exclusively and has no other
        // owner.
        unsafe { slice::from_raw_parts_mut(start, len) }
    }

    /// Makes the memory read-only.
    pub(super) fn freeze(self) -> io::Result<Memory> {
        self.0.protect_part(0..self.0.size(), Protection::READ)?;
        Ok(Memory::Pages(self.0))
    }
}

/// Allocates `count` values whose bytes are zero. The system provides the memory when it is used:
/// the length of a sparse file says little about what is needed.
///
/// # Safety
///
/// Zeros are a valid `T`.
pub(super) unsafe fn zeroed<T>(count: usize) -> Result<Box<[T]>> {
    let failed = || Error::os("snapshot")(io::ErrorKind::OutOfMemory.into());
    let layout = Layout::array::<T>(count).map_err(|_| failed())?;
    if layout.size() == 0 {
        return Ok(Box::default());
    }
    // SAFETY: the size is not 0.
    let start = unsafe { alloc::alloc_zeroed(layout) };
    if start.is_null() {
        return Err(failed());
    }
    // SAFETY: the allocation has this layout, and its zeros are valid, as the caller guarantees.
    Ok(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(start.cast(), count)) })
}
