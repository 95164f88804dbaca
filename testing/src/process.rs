//! Forked processes. The standard library does not offer `fork`.
#![allow(unsafe_code)]

use std::{
    fs::File,
    io::{self, Read, Write},
    iter,
    os::unix::process::{CommandExt, ExitStatusExt},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use crate::{
    pipe,
    signal::{exit, send, set},
};

/// A forked child process.
#[derive(Debug)]
pub struct Fork(libc::pid_t);

impl Fork {
    /// The child with this process id, such as [`fork_without_handlers`] returns it.
    #[must_use]
    pub fn of(pid: libc::c_long) -> Fork {
        Fork(pid as libc::pid_t)
    }

    /// Runs `work` in a copy of this process. Its result is the child's exit status.
    ///
    /// A panic in the child ends it with status 101. Nothing of the parent is dropped there.
    ///
    /// # Errors
    ///
    /// The error of `fork`.
    pub fn run(work: impl FnOnce() -> i32) -> io::Result<Fork> {
        match fork() {
            -1 => Err(io::Error::last_os_error()),
            0 => exit(catch_unwind(AssertUnwindSafe(work)).unwrap_or(101)),
            child => Ok(Fork::of(child)),
        }
    }

    /// Returns the child's process id.
    #[must_use]
    pub fn id(&self) -> libc::pid_t {
        self.0
    }

    /// Sends a signal to the child.
    ///
    /// # Errors
    ///
    /// The error of `kill`.
    pub fn send(&self, signal: libc::c_int) -> io::Result<()> {
        send(self.0, signal)
    }

    /// Runs `work` in a copy of this process, which then waits to be killed. Returns when `work`
    /// has ended.
    ///
    /// # Errors
    ///
    /// The error of `fork`, or that the child has ended.
    pub fn run_and_stay<T>(work: impl FnOnce() -> T) -> io::Result<Fork> {
        let (mut ready, mut signal) = pipe()?;
        let child = Fork::run(|| {
            let kept = work();
            let _ = signal.write_all(&[0]);
            loop {
                thread::park();
                std::hint::black_box(&kept);
            }
        })?;
        drop(signal);
        ready.read_exact(&mut [0]).map(|()| child)
    }

    /// Terminates the child by SIGKILL, and waits until it has ended.
    ///
    /// # Errors
    ///
    /// The error of `kill` or `waitpid`.
    pub fn kill(self) -> io::Result<()> {
        self.send(libc::SIGKILL)?;
        self.wait().map(drop)
    }

    /// Waits until the child ends.
    ///
    /// # Errors
    ///
    /// The error of `waitpid`.
    pub fn wait(self) -> io::Result<ExitStatus> {
        self.wait_with(0).map(|status| status.expect("waitpid without WNOHANG returns at the end"))
    }

    /// Returns the child's exit status if it has ended.
    ///
    /// # Errors
    ///
    /// The error of `waitpid`.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        self.wait_with(libc::WNOHANG)
    }

    /// Waits until the child ends. After `timeout` it kills the child and returns `None`.
    ///
    /// # Errors
    ///
    /// The error of `waitpid` or `kill`.
    pub fn wait_timeout(self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        let end = Instant::now() + timeout;
        while Instant::now() < end {
            if let Some(status) = self.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(Duration::from_micros(200));
        }
        self.send(libc::SIGKILL)?;
        self.wait().map(|_| None)
    }

    fn wait_with(&self, flags: libc::c_int) -> io::Result<Option<ExitStatus>> {
        let mut status = 0;
        // SAFETY: `status` is valid for writes.
        match unsafe { libc::waitpid(self.0, &raw mut status, flags) } {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(None),
            _ => Ok(Some(ExitStatus::from_raw(status))),
        }
    }
}

/// `fork`: returns 0 in the child, or -1 on an error.
#[must_use]
pub fn fork() -> libc::c_long {
    // SAFETY: only the calling thread exists in the child. It takes no locks of other threads
    // except those whose state after a fork the caller tests.
    unsafe { libc::fork() }.into()
}

/// Forks by the system call itself, which runs no fork handlers. Returns 0 in the child, and
/// otherwise the child's process id, or -1.
///
/// In the child only the calling thread exists, and locks of the library may be held.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[must_use]
pub fn fork_without_handlers() -> libc::c_long {
    let (signal, nothing) = (libc::c_long::from(libc::SIGCHLD), 0 as libc::c_long);
    // clone(2): s390x has the stack first.
    let [first, second] =
        if cfg!(target_arch = "s390x") { [nothing, signal] } else { [signal, nothing] };
    // SAFETY: the child gets a copy of this stack.
    unsafe { libc::syscall(libc::SYS_clone, first, second, nothing, nothing, nothing) }
}

/// Has a command start its process by `fork`, which runs fork handlers.
pub fn forks(command: &mut Command) -> &mut Command {
    // SAFETY: the function does nothing.
    unsafe { command.pre_exec(|| Ok(())) }
}

/// Registers functions that run before each fork, and in each child.
pub fn at_fork(before: Option<extern "C" fn()>, in_child: Option<extern "C" fn()>) {
    let as_unsafe = |function: extern "C" fn()| function as unsafe extern "C" fn();
    // SAFETY: the functions are safe to call.
    let status =
        unsafe { libc::pthread_atfork(before.map(as_unsafe), None, in_child.map(as_unsafe)) };
    assert_eq!(status, 0);
}

/// Limits the size of files that this process may write. Beyond it calls fail with `EFBIG`.
pub fn limit_file_size(len: u32) {
    // Without a handler SIGXFSZ would terminate the process.
    set(libc::SIGXFSZ, libc::SIG_IGN, 0);
    limit_file_size_with_signal(len);
}

/// Limits the size of files that this process may write. Beyond it calls raise SIGXFSZ.
pub fn limit_file_size_with_signal(len: u32) {
    let limit = libc::rlimit { rlim_cur: len.into(), rlim_max: len.into() };
    // SAFETY: `limit` is initialised.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

/// Opens `/dev/null` until no descriptor is left. They are closed when the result is dropped.
#[must_use]
pub fn use_up_descriptors() -> Vec<File> {
    let limit = libc::rlimit { rlim_cur: 256, rlim_max: 256 };
    // SAFETY: `limit` is initialised.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Gives up the rights of root in this process, on Linux in this thread and those that it makes
/// later. Returns false if it has none.
#[must_use]
pub fn drop_root_rights() -> bool {
    const USER: libc::uid_t = 65_534;
    // SAFETY: the call accesses no memory.
    let is_root = unsafe { libc::geteuid() } == 0;
    is_root && set_user(USER)
}

/// Calls the system for this thread. The function of the C library sends a signal to each other
/// thread, and qemu was then terminated by SIGSEGV in 5 of 40 runs.
#[cfg(target_os = "linux")]
fn set_user(user: libc::uid_t) -> bool {
    // SAFETY: the call accesses no memory.
    unsafe { libc::syscall(libc::SYS_setreuid, user, user) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn set_user(user: libc::uid_t) -> bool {
    // SAFETY: the call accesses no memory.
    unsafe { libc::setreuid(user, user) == 0 }
}

/// Closes all descriptors but the first three, as daemons do.
///
/// # Safety
///
/// Nothing uses such a descriptor any more.
#[cfg(target_os = "linux")]
pub unsafe fn close_descriptors() {
    // SAFETY: the caller's obligation.
    let status = unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0) };
    assert_eq!(status, 0);
}
