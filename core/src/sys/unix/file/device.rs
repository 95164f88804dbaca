//! Devices, to which `fstat` gives no length.

pub(super) use own::{block_len, character_len};

/// Linux: the end of a block device is found by going there, and the position is put back.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod own {
    use super::super::{lseek, off_t};
    use std::{
        io,
        os::fd::{AsRawFd, BorrowedFd},
    };

    pub(crate) fn block_len(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        let here = seek(file, 0, libc::SEEK_CUR)?;
        let end = seek(file, 0, libc::SEEK_END)?;
        seek(file, here, libc::SEEK_SET)?;
        Ok(u64::try_from(end).ok())
    }

    /// Disks are block devices here.
    pub(crate) fn character_len(_: BorrowedFd<'_>) -> Option<u64> {
        None
    }

    fn seek(file: BorrowedFd<'_>, by: off_t, from: libc::c_int) -> io::Result<off_t> {
        // SAFETY: lseek touches no memory.
        match unsafe { lseek(file.as_raw_fd(), by, from) } {
            -1 => Err(io::Error::last_os_error()),
            at => Ok(at),
        }
    }
}

/// Elsewhere the driver is asked, and a disk may be a character device as well.
#[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd"))]
mod own {
    use super::super::check;
    use std::{
        io,
        os::fd::{AsRawFd, BorrowedFd},
    };

    pub(crate) fn block_len(file: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        media_len(file).map(Some)
    }

    /// What is no disk does not know the question.
    pub(crate) fn character_len(file: BorrowedFd<'_>) -> Option<u64> {
        media_len(file).ok()
    }

    /// `<sys/disk.h>`: blocks of a size.
    #[cfg(target_vendor = "apple")]
    fn media_len(file: BorrowedFd<'_>) -> io::Result<u64> {
        const DKIOCGETBLOCKSIZE: libc::c_ulong = 0x4004_6418;
        const DKIOCGETBLOCKCOUNT: libc::c_ulong = 0x4008_6419;
        let (mut size, mut count) = (0_u32, 0_u64);
        // SAFETY: the request writes such a number.
        check(unsafe { libc::ioctl(file.as_raw_fd(), DKIOCGETBLOCKSIZE, &raw mut size) })?;
        // SAFETY: the request writes such a number.
        check(unsafe { libc::ioctl(file.as_raw_fd(), DKIOCGETBLOCKCOUNT, &raw mut count) })?;
        count.checked_mul(size.into()).ok_or(io::ErrorKind::InvalidData.into())
    }

    /// `<sys/disk.h>` of FreeBSD, `<sys/dkio.h>` of NetBSD: bytes.
    #[cfg(not(target_vendor = "apple"))]
    fn media_len(file: BorrowedFd<'_>) -> io::Result<u64> {
        const DIOCGMEDIASIZE: libc::c_ulong = if cfg!(target_os = "freebsd") { 0x4008_6481 } else { 0x4008_6484 };
        let mut len: libc::off_t = 0;
        // SAFETY: the request writes such a number.
        check(unsafe { libc::ioctl(file.as_raw_fd(), DIOCGMEDIASIZE, &raw mut len) })?;
        Ok(u64::try_from(len).unwrap_or(0))
    }
}

/// Where it cannot be asked so simply, a map of a device needs a length.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd"
)))]
mod own {
    use std::{io, os::fd::BorrowedFd};

    pub(crate) fn block_len(_: BorrowedFd<'_>) -> io::Result<Option<u64>> {
        Ok(None)
    }

    pub(crate) fn character_len(_: BorrowedFd<'_>) -> Option<u64> {
        None
    }
}
