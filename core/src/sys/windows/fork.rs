//! Forks: there are none here.

/// Leave to change regions, which everybody has.
#[derive(Debug)]
pub(crate) struct Pass;

impl Pass {
    pub(crate) fn get() -> Pass {
        Pass
    }
}

pub(crate) fn watch() {}

#[inline]
pub(crate) fn count() -> u64 {
    0
}
