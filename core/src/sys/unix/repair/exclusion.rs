//! Takes the exclusion of a map, in signal handlers and in ordinary code.

use std::thread;

use super::record::{Exclusive, Mark};
use crate::sys::unix::fault::mask;

/// Runs `work`, unless another thread repairs or restores the map. Async-signal-safe.
///
/// `work` is not interrupted by a signal: its handler might fault in the same map.
pub(super) fn attempt<R>(mark: &Mark, work: impl FnOnce(&Exclusive<'_>) -> R) -> Option<R> {
    mask::with_all_blocked(|| mark.exclusion.attempt(process()).map(|exclusive| work(&exclusive)))
}

/// Runs `work` when no other thread repairs or restores the map.
pub(super) fn wait<R>(mark: &Mark, mut work: impl FnMut(&Exclusive<'_>) -> R) -> R {
    loop {
        if let Some(result) = attempt(mark, &mut work) {
            return result;
        }
        thread::yield_now();
    }
}

/// The number of this process, never 0.
fn process() -> usize {
    std::process::id() as usize
}
