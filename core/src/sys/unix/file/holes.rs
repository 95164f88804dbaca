//! Holes: bytes of a file that have no space on its device.

use std::{
    io,
    ops::Range,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::super::large_file::{lseek, off_t};

/// Returns whether some of the bytes in `range`, which lie before the end of the file, may have no
/// space on the device. File systems that cannot say say no.
///
/// Moves the position of the descriptor.
#[cfg(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
pub(crate) fn may_have_hole(file: BorrowedFd<'_>, range: &Range<u64>) -> io::Result<bool> {
    match seek(file, super::length::offset(range.start)?, libc::SEEK_HOLE) {
        Ok(hole) => Ok(hole < range.end),
        // lseek(2): the file system has no such operation, or the file has become shorter.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENXIO)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// lseek(2) does not find holes here.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
pub(crate) fn may_have_hole(file: BorrowedFd<'_>, _: &Range<u64>) -> io::Result<bool> {
    let state = super::attributes(file)?;
    Ok(state.allocated < state.len)
}

/// Moves the position of the descriptor, and returns it.
pub(super) fn seek(file: BorrowedFd<'_>, to: off_t, whence: libc::c_int) -> io::Result<u64> {
    // SAFETY: lseek accesses no memory.
    let position = unsafe { lseek(file.as_raw_fd(), to, whence) };
    u64::try_from(position).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod tests {
    use std::os::{fd::AsFd, unix::fs::FileExt};

    use super::super::allocate_range;
    use super::may_have_hole;

    #[test]
    fn a_hole_is_found_in_a_file_with_space_behind_its_end() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(&[1; 1 << 16], 0).unwrap();
        allocate_range(file.as_fd(), 1 << 20..3 << 20).unwrap();
        let found = |range| may_have_hole(file.as_fd(), &range).unwrap();
        assert!(!found(0..1 << 16));
        assert!(found(0..1 << 17) && found(1 << 19..1 << 20));
        file.set_len(1 << 16).unwrap();
        assert!(!found(1 << 17..1 << 18), "the file has become shorter");
    }
}
