//! Limits: setrlimit, which the standard library does not offer.

use std::io;

/// What is limited.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// `RLIMIT_NOFILE`
    Descriptors,
    /// `RLIMIT_AS`
    AddressSpace,
    /// `RLIMIT_FSIZE`
    FileSize,
    /// `RLIMIT_MEMLOCK`
    Locked,
}

impl Limit {
    /// Sets the limit for the rest of this process's life. The upper bound stays.
    pub(crate) fn set(self, value: u64) -> io::Result<()> {
        let resource = match self {
            Limit::Descriptors => libc::RLIMIT_NOFILE,
            Limit::AddressSpace => libc::RLIMIT_AS,
            Limit::FileSize => libc::RLIMIT_FSIZE,
            Limit::Locked => libc::RLIMIT_MEMLOCK,
        };
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a place for a limit.
        unsafe { libc::getrlimit(resource, &raw mut limit) };
        limit.rlim_cur = value;
        // SAFETY: `limit` is a limit.
        match unsafe { libc::setrlimit(resource, &raw const limit) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
