//! Forks, which do not exist.

pub(crate) fn watch() {}

#[inline]
pub(crate) fn count() -> u64 {
    0
}

pub(crate) fn current() -> u64 {
    0
}

/// A point at which tests fork on Unix.
#[inline]
pub(crate) fn step() {}

pub(crate) fn in_each_child(_: fn()) {}
