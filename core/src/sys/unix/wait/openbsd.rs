//! OpenBSD: `futex` without `FUTEX_PRIVATE_FLAG` (futex(2)).

use std::{io, ptr, time::Duration};

use super::convert::{outcome, timespec};
use crate::sys::{sleep::Sleep, unix::check};

/// Sleeps while the word is `expected`, at most for `timeout`.
///
/// # Safety
///
/// The word is aligned, and lies in address space that is reserved for a map.
pub(crate) unsafe fn sleep(
    word: *const u32,
    expected: u32,
    timeout: Option<Duration>,
    _round: u32,
) -> io::Result<Sleep> {
    let timeout = timeout.map(timespec);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let (word, expected) = (word.cast_mut(), expected as i32);
    // SAFETY: the kernel reads the word and reports inaccessible memory; `timeout` is null or a
    // timespec that exists during the call.
    let status = unsafe { libc::futex(word, libc::FUTEX_WAIT, expected, timeout, ptr::null_mut()) };
    outcome(check(status))
}

/// Wakes up to `count` threads that sleep on the word.
///
/// # Safety
///
/// As for [`sleep`].
pub(crate) unsafe fn wake(word: *const u32, count: u32) -> io::Result<()> {
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    let (word, nothing) = (word.cast_mut(), ptr::null_mut());
    // SAFETY: the kernel finds the page of the word and reports inaccessible memory.
    let woken = unsafe { libc::futex(word, libc::FUTEX_WAKE, count, ptr::null(), nothing) };
    check(woken.min(0))
}
