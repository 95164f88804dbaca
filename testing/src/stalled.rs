//! Memory whose pages do not arrive, as those of storage that does not answer.
#![allow(unsafe_code)]

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    thread,
    time::Duration,
};

/// Pages that the kernel asks this process for (userfaultfd). A call that needs one of them waits
/// until this is dropped. Forked children find zeros instead.
#[derive(Debug)]
pub struct Stalled(OwnedFd);

/// `struct uffdio_api` and its request.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}
const API: u64 = 0xaa;
const UFFDIO_API: u64 = 0xc018_aa3f;

/// `struct uffdio_register` and its request.
#[repr(C)]
struct Register {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}
const MISSING: u64 = 1;
const UFFDIO_REGISTER: u64 = 0xc020_aa00;

impl Stalled {
    /// Stalls the pages of `len` bytes of anonymous memory at `start` that were never accessed.
    ///
    /// # Errors
    ///
    /// The error of `userfaultfd`, for which the process needs a privilege.
    pub fn new(start: *const u8, len: usize) -> io::Result<Stalled> {
        // SAFETY: the call has no preconditions.
        let fd =
            unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        request(&fd, UFFDIO_API, &mut Api { api: API, features: 0, ioctls: 0 })?;
        let (start, len) = (start.addr() as u64, len as u64);
        request(&fd, UFFDIO_REGISTER, &mut Register { start, len, mode: MISSING, ioctls: 0 })?;
        Ok(Stalled(fd))
    }

    /// Waits until a call waits for one of the pages.
    pub fn wait_for_call(&self) {
        let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `poll` is one initialised element.
        while unsafe { libc::poll(&raw mut poll, 1, -1) } != 1 {}
        // The system call has to reach the point at which it waits.
        thread::sleep(Duration::from_millis(20));
    }
}

fn request<T>(fd: &OwnedFd, request: u64, argument: &mut T) -> io::Result<()> {
    // SAFETY: `argument` has the type of the request.
    match unsafe { libc::ioctl(fd.as_raw_fd(), request as _, std::ptr::from_mut(argument)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
