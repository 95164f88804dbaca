//! The length of devices, for which `fstat` reports 0.

pub(super) use system::{block_len, character_len};

/// Linux: an ioctl asks the driver. `lseek` would move the file position, which all duplicates of
/// the descriptor share.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use crate::sys::unix::check;
    use std::{
        io,
        os::fd::{AsRawFd, BorrowedFd},
    };

    /// `<linux/fs.h>`: the number is derived from `size_t`, but the kernel stores 64 bits.
    #[allow(clippy::unnecessary_cast)] // The types differ between versions of `libc`.
    const BLKGETSIZE64: libc::Ioctl = libc::_IOR::<libc::size_t>(0x12, 114) as libc::Ioctl;

    pub(crate) fn block_len(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        let mut len = 0_u64;
        // SAFETY: the request writes a number of this type.
        check(unsafe { libc::ioctl(file.as_raw_fd(), BLKGETSIZE64, &raw mut len) })?;
        Ok(Some(len))
    }

    /// Disks are block devices on Linux.
    pub(crate) fn character_len(_: BorrowedFd<'_>) -> Option<u64> {
        None
    }
}

/// macOS, FreeBSD and NetBSD: an ioctl asks the driver. A disk may be a character device as well.
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd"))]
mod system {
    use crate::sys::unix::check;
    use std::{
        io,
        os::fd::{AsRawFd, BorrowedFd},
    };

    pub(crate) fn block_len(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        media_len(file).map(Some)
    }

    /// Returns `None` for a device that is no disk: it refuses the ioctl.
    pub(crate) fn character_len(file: BorrowedFd<'_>) -> Option<u64> {
        media_len(file).ok()
    }

    /// `<sys/disk.h>`: the size and the number of the blocks.
    #[cfg(target_vendor = "apple")]
    fn media_len(file: BorrowedFd<'_>) -> io::Result<u64> {
        const DKIOCGETBLOCKSIZE: libc::c_ulong = 0x4004_6418;
        const DKIOCGETBLOCKCOUNT: libc::c_ulong = 0x4008_6419;
        let (mut size, mut count) = (0_u32, 0_u64);
        // SAFETY: the request writes a number of this type.
        check(unsafe { libc::ioctl(file.as_raw_fd(), DKIOCGETBLOCKSIZE, &raw mut size) })?;
        // SAFETY: the request writes a number of this type.
        check(unsafe { libc::ioctl(file.as_raw_fd(), DKIOCGETBLOCKCOUNT, &raw mut count) })?;
        count.checked_mul(size.into()).ok_or(io::ErrorKind::InvalidData.into())
    }

    /// `<sys/disk.h>` of FreeBSD, `<sys/dkio.h>` of NetBSD: the length in bytes.
    #[cfg(not(target_vendor = "apple"))]
    fn media_len(file: BorrowedFd<'_>) -> io::Result<u64> {
        const DIOCGMEDIASIZE: libc::c_ulong =
            if cfg!(target_os = "freebsd") { 0x4008_6481 } else { 0x4008_6484 };
        let mut len: libc::off_t = 0;
        // SAFETY: the request writes a number of this type.
        check(unsafe { libc::ioctl(file.as_raw_fd(), DIOCGMEDIASIZE, &raw mut len) })?;
        Ok(u64::try_from(len).unwrap_or(0))
    }
}

/// Other systems have no such simple call: a map of a device needs an explicit length.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd"
)))]
mod system {
    use std::{io, os::fd::BorrowedFd};

    pub(crate) fn block_len(_: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        Ok(None)
    }

    pub(crate) fn character_len(_: BorrowedFd<'_>) -> Option<u64> {
        None
    }
}
