//! Peers: what others do, where that takes `unsafe` or a system call.

#![allow(unsafe_code)]

use std::{fs::File, io, os::fd::AsRawFd, ptr};

use memmap2::{Mmap, MmapMut, MmapOptions};

/// memmap2's map of a file.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: nobody shortens the scratch files of a bench while they are mapped, and nobody looks while they are written.
    unsafe { Mmap::map(file) }
}

/// memmap2's map of a file, to write.
pub(crate) fn map_mut(file: &File) -> io::Result<MmapMut> {
    // SAFETY: as above.
    unsafe { MmapMut::map_mut(file) }
}

/// The same, longer than the file is yet.
pub(crate) fn map_beyond(file: &File, len: usize) -> io::Result<MmapMut> {
    // SAFETY: as above; what lies beyond the file's end is not touched before it has grown.
    unsafe { MmapOptions::new().len(len).map_mut(file) }
}

/// memmap2's longer map in the place of a shorter one.
pub(crate) fn remap(map: &mut MmapMut, len: usize) -> io::Result<()> {
    // SAFETY: the file has that length, and no reference into the map is left.
    unsafe { map.remap(len, memmap2::RemapOptions::new().may_move(true)) }
}

/// The C library's search, which is what Python's fmmap does.
pub(crate) fn memmem(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (hay, piece) = (bytes.as_ptr().cast(), needle.as_ptr().cast());
    // SAFETY: the addresses and lengths are those of slices.
    let found = unsafe { libc::memmem(hay, bytes.len(), piece, needle.len()) };
    (!found.is_null()).then(|| found.addr() - hay.addr())
}

/// Loads the integer at a multiple of its size, which the compiler must not leave out.
#[inline]
pub(crate) fn load(bytes: &[u8], at: usize) -> u64 {
    let at: *const u8 = bytes[at..at + 8].as_ptr();
    // SAFETY: a map starts with a page, `at` is a multiple of 8, and eight bytes are there.
    unsafe { ptr::read_volatile(at.cast()) }
}

/// Stores an integer in the same way.
#[inline]
pub(crate) fn store(bytes: &mut [u8], at: usize, value: u64) {
    let at: *mut u8 = bytes[at..at + 8].as_mut_ptr();
    // SAFETY: as above.
    unsafe { ptr::write_volatile(at.cast(), value) }
}

/// Takes a file out of the page cache; whether its first page went.
pub(crate) fn cool(file: &File) -> io::Result<bool> {
    file.sync_all()?;
    // SAFETY: the descriptor is open; nothing else matters to this call.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    let map = map(file)?;
    let mut state = 0;
    // SAFETY: the first page is mapped, and its state takes one byte.
    unsafe { libc::mincore(map.as_ptr().cast_mut().cast(), 1, &raw mut state) };
    Ok(state & 1 == 0)
}

/// Free bytes in the folder for temporary files.
pub(crate) fn free_disk() -> usize {
    let Ok(path) = std::ffi::CString::new(std::env::temp_dir().into_os_string().into_encoded_bytes()) else { return 0 };
    let mut state = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: a string and a place for the answer.
    let status = unsafe { libc::statvfs(path.as_ptr(), state.as_mut_ptr()) };
    // SAFETY: zeros are a value of this type, and the system wrote a better one.
    let state = unsafe { state.assume_init() };
    if status == 0 { state.f_bavail as usize * state.f_frsize as usize } else { 0 }
}
