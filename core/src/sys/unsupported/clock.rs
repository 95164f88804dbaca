//! A clock, which no map reads.

/// Returns 0: reading the clock of the standard library panics on some targets.
pub(crate) fn coarse_millis() -> u64 {
    0
}
