//! Files in memory (`memfd_create`), and the seals that make a file unchangeable.

use crate::sys::seals::Seals;

pub(crate) use system::{create_memory_file, seal, seals};

/// Linux and FreeBSD have both with the same numbers.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod system {
    use std::{
        ffi::CStr,
        io,
        os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    };

    use super::Seals;
    use crate::sys::unix::check;

    // <linux/memfd.h>, <linux/fcntl.h>; FreeBSD: <sys/mman.h>, <sys/fcntl.h>.
    const CLOSE_ON_EXEC: libc::c_uint = 1;
    const ALLOW_SEALING: libc::c_uint = 2;
    /// Linux 6.3. Without it the kernel writes a warning to its log, or refuses
    /// (`vm.memfd_noexec`).
    const NO_EXEC: libc::c_uint = 8;
    const SHRINK: libc::c_int = 2;
    const GROW: libc::c_int = 4;
    const WRITE: libc::c_int = 8;
    #[cfg(target_os = "freebsd")]
    const ADD_SEALS: libc::c_int = 19;
    #[cfg(target_os = "freebsd")]
    const GET_SEALS: libc::c_int = 20;
    #[cfg(not(target_os = "freebsd"))]
    const ADD_SEALS: libc::c_int = 1033;
    #[cfg(not(target_os = "freebsd"))]
    const GET_SEALS: libc::c_int = 1034;

    /// Creates an empty file in memory that can be sealed.
    pub(crate) fn create_memory_file(name: &CStr) -> io::Result<OwnedFd> {
        let flags = CLOSE_ON_EXEC | ALLOW_SEALING;
        match create(name, flags | NO_EXEC) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => create(name, flags),
            done => done,
        }
    }

    fn create(name: &CStr, flags: libc::c_uint) -> io::Result<OwnedFd> {
        // By number: not every C library has the function.
        #[cfg(not(target_os = "freebsd"))]
        // SAFETY: the name is a C string.
        let file = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), flags) };
        #[cfg(target_os = "freebsd")]
        // SAFETY: the name is a C string.
        let file = unsafe { libc::memfd_create(name.as_ptr(), flags) };
        match libc::c_int::try_from(file) {
            // SAFETY: the descriptor is new.
            Ok(file) if file >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(file) }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Forbids for ever that the content or the length of the file changes. Fails with `EBUSY`
    /// while a writable shared mapping exists, and on Linux while pages are in use for a transfer.
    pub(crate) fn seal(file: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: the command takes a number.
        check(unsafe { libc::fcntl(file.as_raw_fd(), ADD_SEALS, WRITE | SHRINK | GROW) })
    }

    /// Returns the seals of the file. `F_SEAL_FUTURE_WRITE` is not enough: mappings that exist
    /// continue to write.
    pub(crate) fn seals(file: BorrowedFd<'_>) -> Seals {
        // SAFETY: the command takes no argument.
        match unsafe { libc::fcntl(file.as_raw_fd(), GET_SEALS) } {
            -1 => Seals::Impossible,
            seals if seals & (WRITE | SHRINK) == WRITE | SHRINK => Seals::Complete,
            _ => Seals::Incomplete,
        }
    }
}

/// Other systems have no seals.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
mod system {
    use std::{
        ffi::CStr,
        io,
        os::fd::{BorrowedFd, OwnedFd},
    };

    use super::Seals;

    pub(crate) fn create_memory_file(_: &CStr) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn seal(_: BorrowedFd<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn seals(_: BorrowedFd<'_>) -> Seals {
        Seals::Impossible
    }
}
