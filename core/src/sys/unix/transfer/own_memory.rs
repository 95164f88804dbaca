//! Copies bytes within the process: `process_vm_readv` and `process_vm_writev` of Linux.
//!
//! process_vm_readv(2): a process may always access its own memory. The calls need no descriptor. A
//! kernel may lack them (ENOSYS), and a seccomp filter may forbid them.

pub(super) use system::piece;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::{io, mem::MaybeUninit, process};

    use libc::{c_ulong, iovec, pid_t};

    use crate::sys::inaccessible::{Inaccessible, PIECE};

    type Call =
        unsafe extern "C" fn(pid_t, *const iovec, c_ulong, *const iovec, c_ulong, c_ulong) -> isize;

    /// Copies the bytes. Returns `None` if the calls are impossible.
    ///
    /// # Safety
    ///
    /// As for `transfer::piece`.
    pub(in super::super) unsafe fn piece(
        dst: *mut u8,
        src: *const u8,
        n: usize,
    ) -> Option<Result<(), Inaccessible>> {
        // The kernel copies overlapping ranges forward, in pieces of any size.
        if dst.addr().abs_diff(src.addr()) >= n {
            // SAFETY: the kernel reads and writes `n` bytes, or fails with EFAULT.
            let copied = unsafe { run(libc::process_vm_readv, dst, src.cast_mut(), n) };
            if copied.ok()? {
                return Some(Ok(()));
            }
        }
        // SAFETY: the caller's obligation.
        unsafe { through_buffer(dst, src, n) }
    }

    /// Copies the bytes in two steps, which find the inaccessible range. Returns `None` if the
    /// calls are impossible.
    ///
    /// The map is the local range of both calls. The kernel accesses it as `read` and `write` do.
    /// The remote range cannot be memory of a device.
    ///
    /// # Safety
    ///
    /// As for `transfer::piece`.
    unsafe fn through_buffer(
        dst: *mut u8,
        src: *const u8,
        n: usize,
    ) -> Option<Result<(), Inaccessible>> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); PIECE];
        let (buffer, n) = (buffer.as_mut_ptr().cast::<u8>(), n.min(PIECE));
        // SAFETY: the kernel reads `n` bytes or fails with EFAULT; the buffer has `n` bytes.
        let read = unsafe { run(libc::process_vm_writev, src.cast_mut(), buffer, n) };
        if !read.ok()? {
            return Some(Err(Inaccessible::Source));
        }
        // SAFETY: the kernel writes `n` bytes or fails with EFAULT; the buffer has `n` bytes.
        let written = unsafe { run(libc::process_vm_readv, dst, buffer, n) };
        Some(if written.ok()? { Ok(()) } else { Err(Inaccessible::Destination) })
    }

    /// Returns whether all `n` bytes were copied; an error other than EFAULT.
    ///
    /// # Safety
    ///
    /// The call may read one range and write the other, as `transfer::piece` requires.
    unsafe fn run(call: Call, local: *mut u8, remote: *mut u8, n: usize) -> io::Result<bool> {
        let local = iovec { iov_base: local.cast(), iov_len: n };
        let remote = iovec { iov_base: remote.cast(), iov_len: n };
        let own = process::id() as i32;
        // SAFETY: both are valid; the caller guarantees the ranges.
        match unsafe { call(own, &raw const local, 1, &raw const remote, 1, 0) } {
            -1 => match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EFAULT) => Ok(false),
                error => Err(error),
            },
            copied => Ok(copied == n as isize),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use crate::sys::inaccessible::Inaccessible;

    /// This system has no such calls.
    pub(in super::super) unsafe fn piece(
        _: *mut u8,
        _: *const u8,
        _: usize,
    ) -> Option<Result<(), Inaccessible>> {
        None
    }
}
