//! Copies bytes by system calls, which report inaccessible memory as an error instead of a signal.
//!
//! The bytes go through a pipe: `write` reads memory, `read` writes memory. Both fail with EFAULT
//! where a direct access would fault.

// Only the portable accessors use it.
#![allow(dead_code)]

use std::{
    cell::UnsafeCell,
    io::{self, PipeReader, PipeWriter},
    os::fd::AsRawFd,
    process,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use crate::sys::inaccessible::Inaccessible;

/// Copies at most `PIECE` bytes: all or none if neither range crosses a page boundary.
///
/// Without a free descriptor for the pipe it fails as if the source were inaccessible.
///
/// # Safety
///
/// `dst` and `src` begin ranges of `n` bytes in address space that is reserved for a map, or in
/// memory that the caller may access in the same way.
pub(crate) unsafe fn piece(dst: *mut u8, src: *const u8, n: usize) -> Result<(), Inaccessible> {
    SHARED.with(|pipe| {
        let moved = ready(pipe).ok_or(Inaccessible::Source).and_then(|(reader, writer)| {
            // SAFETY: the kernel reads `n` bytes or fails with EFAULT.
            complete(n, || unsafe { libc::write(writer, src.cast(), n) })
                .ok_or(Inaccessible::Source)?;
            // SAFETY: the kernel writes `n` bytes or fails with EFAULT.
            complete(n, || unsafe { libc::read(reader, dst.cast(), n) })
                .ok_or(Inaccessible::Destination)
        });
        if moved.is_err() {
            // Bytes may remain in the pipe.
            *pipe = None;
        }
        moved
    })
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

struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
    process: u32,
}

/// Returns both ends of this process's pipe. A forked process makes a new one.
fn ready(pipe: &mut Option<Pipe>) -> Option<(i32, i32)> {
    if pipe.as_ref().is_none_or(|pipe| pipe.process != process::id()) {
        *pipe =
            io::pipe().ok().map(|(reader, writer)| Pipe { reader, writer, process: process::id() });
    }
    pipe.as_ref().map(|pipe| (pipe.reader.as_raw_fd(), pipe.writer.as_raw_fd()))
}

/// The pipe, and the id of the process if one of its threads uses the pipe, else 0.
///
/// Not a mutex: after a fork the child would wait for a thread that exists only in the parent.
struct Shared {
    holder: AtomicU32,
    pipe: UnsafeCell<Option<Pipe>>,
}

static SHARED: Shared = Shared { holder: AtomicU32::new(0), pipe: UnsafeCell::new(None) };

// SAFETY: only the holder touches the pipe (with).
unsafe impl Sync for Shared {}

impl Shared {
    fn with<R>(&self, work: impl FnOnce(&mut Option<Pipe>) -> R) -> R {
        self.lock();
        // SAFETY: this thread is the only holder.
        let result = work(unsafe { &mut *self.pipe.get() });
        self.holder.store(0, Ordering::Release);
        result
    }

    fn lock(&self) {
        let own = process::id();
        while let Err(holder) =
            self.holder.compare_exchange_weak(0, own, Ordering::Acquire, Ordering::Relaxed)
        {
            if holder != 0 && holder != own && self.take_over(holder, own) {
                return;
            }
            thread::yield_now();
        }
    }

    /// Takes over the lock that a thread of the parent held when this process was forked.
    fn take_over(&self, holder: u32, own: u32) -> bool {
        let taken =
            self.holder.compare_exchange(holder, own, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if taken {
            // SAFETY: this thread is the only holder. The old value may be half written, so it is
            // not dropped.
            unsafe { self.pipe.get().write(None) };
        }
        taken
    }
}
