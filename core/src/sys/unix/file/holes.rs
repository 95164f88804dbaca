//! Holes: bytes of a file that have no space on its device.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::super::large_file::{lseek, off_t};

/// Returns where the next bytes are that may have no space on the device: at `at`, which is before
/// the end of the file, or behind it. `u64::MAX` if the file system cannot say.
///
/// Moves the position of the descriptor.
#[cfg(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd"))]
pub(crate) fn next_hole(file: BorrowedFd<'_>, at: u64) -> io::Result<u64> {
    match seek(file, super::length::offset(at)?, libc::SEEK_HOLE) {
        // lseek(2): the file system has no such operation, or the file has become shorter.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENXIO)) => {
            Ok(u64::MAX)
        }
        found => found,
    }
}

/// lseek(2) does not find holes here.
#[cfg(not(any(target_os = "linux", target_vendor = "apple", target_os = "freebsd")))]
pub(crate) fn next_hole(file: BorrowedFd<'_>, at: u64) -> io::Result<u64> {
    let state = super::attributes(file)?;
    Ok(if state.allocated < state.len { at } else { u64::MAX })
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
    use super::next_hole;

    #[test]
    fn a_hole_is_found_in_a_file_with_space_behind_its_end() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(&[1; 1 << 16], 0).unwrap();
        allocate_range(file.as_fd(), 1 << 20..3 << 20).unwrap();
        let found = |at| next_hole(file.as_fd(), at).unwrap();
        assert_eq!((found(0), found(1 << 15)), (1 << 16, 1 << 16));
        assert_eq!((found(1 << 16), found(1 << 19)), (1 << 16, 1 << 19));
        file.set_len(1 << 16).unwrap();
        assert_eq!(found(1 << 17), u64::MAX, "the file has become shorter");
    }
}
