//! Faults, which cannot be handled. So no map is made.

use std::io;

use super::unsupported;

pub(crate) fn ensure_ready() {}

#[inline]
pub(crate) fn is_ready() -> bool {
    true
}

#[inline]
pub(crate) fn can_inline() -> bool {
    false
}

/// Fails. Each call that makes a map calls it.
pub(crate) fn ensure_first() -> io::Result<()> {
    unsupported()
}

pub(crate) fn ensure_first_for_protection() -> io::Result<()> {
    unsupported()
}

pub(crate) fn note() {}
