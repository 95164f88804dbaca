//! Whether the kernel reports which pages of a file are in memory.
//!
//! `mincore` of Linux reports every page as resident if the user neither owns the file nor may
//! write to it (mm/mincore.c, `can_do_mincore`).

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use linux::is_reported;

/// Whether the kernel may hide the state of a file.
pub(super) const MAY_BE_HIDDEN: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn is_reported(
    _: std::os::fd::BorrowedFd<'_>,
    _: &crate::sys::file_state::FileState,
    _: u64,
) -> std::io::Result<bool> {
    Ok(true)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::{
        io,
        os::fd::{AsRawFd, BorrowedFd},
        ptr,
    };

    use crate::{
        Protection,
        sys::{
            file_state::FileState,
            unix::{
                check,
                mmap::{MapCall, map_call, offset_of},
                page_size,
            },
        },
    };

    /// Distances from the end of the file at which none of its pages is in memory. File systems
    /// limit the offset, for example vfat to 4 GiB.
    const DISTANCES: [u64; 3] = [1 << 40, 1 << 30, 1 << 24];

    /// Returns whether `mincore` reports the state of a file that is mapped up to its byte `end`.
    /// If not, a page far beyond the end of the file counts as resident.
    pub(in super::super) fn is_reported(
        file: BorrowedFd<'_>,
        state: &FileState,
        end: u64,
    ) -> io::Result<bool> {
        // Only regular files and block devices may be mapped beyond their end without side effects.
        let Some(file_len) = state.len else { return Ok(true) };
        let page = state.huge_page.unwrap_or_else(page_size);
        let end = end.max(file_len).next_multiple_of(page as u64);
        let mut result = Ok(true);
        for distance in DISTANCES {
            result = is_resident(file, end.saturating_add(distance), page).map(|is| !is);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Returns whether `mincore` reports the page at `offset` of the file as resident.
    fn is_resident(file: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<bool> {
        let flags = libc::MAP_PRIVATE | libc::MAP_NORESERVE;
        let offset = offset_of(offset)?;
        let call = MapCall { at: ptr::null_mut(), len, flags, fd: file.as_raw_fd(), offset };
        // SAFETY: without MAP_FIXED no existing mapping is replaced.
        let start = unsafe { map_call(Protection::NONE, &call) }?.as_ptr().cast();
        let mut status = 0;
        // SAFETY: the page is mapped, and `status` has a byte for it.
        let result = check(unsafe { libc::mincore(start, page_size(), &raw mut status) });
        // SAFETY: the pages were mapped above, and only this function has their address.
        check(unsafe { libc::munmap(start, len) })?;
        result.map(|()| status & 1 == 1)
    }
}
