//! A clock that is read in a few nanoseconds.

use std::mem::MaybeUninit;

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Returns the milliseconds since a moment in the past, some of them too few.
pub(crate) fn coarse_millis() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` has the type that the call fills.
    unsafe { libc::clock_gettime(CLOCK, time.as_mut_ptr()) };
    // SAFETY: it was filled, or consists of zeros, which are valid values.
    let time = unsafe { time.assume_init() };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}
