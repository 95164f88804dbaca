//! Forks: there are none here.

/// Leave to change regions, which everybody has.
#[derive(Debug)]
pub(crate) struct ForkGuard;

impl ForkGuard {
    pub(crate) fn new() -> ForkGuard {
        ForkGuard
    }
}

pub(crate) fn watch() {}

#[inline]
pub(crate) fn count() -> u64 {
    0
}
