//! Copies bytes by system calls, which report inaccessible memory as an error instead of a signal.
//!
//! Linux copies within the process (`own_memory`). Where that is impossible, the bytes go through a
//! pipe: `write` reads memory, `read` writes memory. Both fail with EFAULT where a direct access
//! would fault.

// Only the portable accessors use it.
#![allow(dead_code)]

mod own_memory;

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use crate::sys::inaccessible::Inaccessible;

/// Copies at most `PIECE` bytes: all or none if neither range crosses a page boundary.
///
/// If a pipe is needed and no descriptor is free, it fails as if the source were inaccessible.
///
/// # Safety
///
/// `dst` and `src` begin ranges of `n` bytes in address space that is reserved for a map, or in
/// memory that the caller may access in the same way.
pub(crate) unsafe fn piece(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Inaccessible> {
    // SAFETY: the caller's obligation.
    let copied = unsafe { own_memory::piece(dst, src, n) };
    // SAFETY: the caller's obligation.
    copied.unwrap_or_else(|| unsafe { through_pipe(dst, src, n) })
}

/// Copies the bytes through a new pipe.
///
/// The pipe is not kept. Other code may close all descriptors (`close_range`), and the numbers of
/// the pipe would then belong to other files.
///
/// # Safety
///
/// As for [`piece`].
unsafe fn through_pipe(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Inaccessible> {
    let [reader, writer] = pipe().map_err(|_| Inaccessible::Source)?;
    // SAFETY: the kernel reads `n` bytes or fails with EFAULT.
    complete(n, || unsafe { libc::write(writer.as_raw_fd(), src.cast(), n) })
        .ok_or(Inaccessible::Source)?;
    // SAFETY: the kernel writes `n` bytes or fails with EFAULT.
    complete(n, || unsafe { libc::read(reader.as_raw_fd(), dst.cast(), n) })
        .ok_or(Inaccessible::Destination)
}

/// Opens a pipe: the end to read from, and the end to write to. The standard library has one from
/// Rust 1.87 on.
fn pipe() -> io::Result<[OwnedFd; 2]> {
    let mut ends = [-1; 2];
    super::check(open_pipe(&mut ends))?;
    // SAFETY: the call has opened both, and only this function knows them.
    Ok(ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }))
}

#[cfg(not(target_vendor = "apple"))]
fn open_pipe(ends: &mut [libc::c_int; 2]) -> libc::c_int {
    // SAFETY: the kernel stores two numbers.
    unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }
}

/// Programs that other threads start at this moment inherit the pipe: there is no `pipe2`.
#[cfg(target_vendor = "apple")]
fn open_pipe(ends: &mut [libc::c_int; 2]) -> libc::c_int {
    // SAFETY: the kernel stores two numbers.
    unsafe { libc::pipe(ends.as_mut_ptr()) }
}

/// Repeats the call while signals interrupt it. Returns `None` unless it moves `n` bytes.
fn complete(n: usize, call: impl Fn() -> isize) -> Option<()> {
    loop {
        let moved = call();
        if moved >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return (moved == n as isize).then_some(());
        }
    }
}
