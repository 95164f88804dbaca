//! Processes: fork, which the standard library does not offer, because a child of a program with threads may do little.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

/// A forked child.
#[derive(Debug)]
pub(crate) struct Fork(libc::pid_t);

impl Fork {
    /// Runs `work` in a copy of this process, which ends with its answer as the exit status.
    pub(crate) fn run(work: impl FnOnce() -> i32) -> io::Result<Fork> {
        // SAFETY: the child runs `work` and ends; it takes no locks but those that the scenario asks about.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let status = work();
                // SAFETY: _exit has no conditions; nothing of the parent's is torn down.
                unsafe { libc::_exit(status) }
            }
            child => Ok(Fork(child)),
        }
    }

    pub(crate) fn id(&self) -> i32 {
        self.0
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> io::Result<ExitStatus> {
        let mut status = 0;
        // SAFETY: `status` is a place for a number, and the child is ours.
        match unsafe { libc::waitpid(self.0, &raw mut status, 0) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(ExitStatus::from_raw(status)),
        }
    }

    /// Looks whether it has ended.
    pub(crate) fn ended(&self) -> io::Result<Option<ExitStatus>> {
        let mut status = 0;
        // SAFETY: as in `wait`.
        match unsafe { libc::waitpid(self.0, &raw mut status, libc::WNOHANG) } {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(None),
            _ => Ok(Some(ExitStatus::from_raw(status))),
        }
    }
}

/// Gives up being the superuser, if this process is.
pub(crate) fn become_nobody() -> io::Result<()> {
    const NOBODY: libc::uid_t = 65534;
    // SAFETY: setresuid has no conditions.
    match unsafe { libc::setresuid(NOBODY, NOBODY, NOBODY) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process at once, as a handler of signals may.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: _exit has no conditions.
    unsafe { libc::_exit(status) }
}
