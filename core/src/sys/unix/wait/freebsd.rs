//! FreeBSD: `_umtx_op` with the operations that are not private to the process (_umtx_op(2)).

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
    let mut timeout = timeout.map(timespec);
    let size = ptr::without_provenance_mut(timeout.map_or(0, |_| size_of::<libc::timespec>()));
    let timeout = timeout.as_mut().map_or(ptr::null_mut(), ptr::from_mut).cast();
    // SAFETY: the kernel reads the word and reports inaccessible memory; `timeout` is null or a
    // timespec of the given size that exists during the call.
    let status = unsafe {
        libc::_umtx_op(
            word.cast_mut().cast(),
            libc::UMTX_OP_WAIT_UINT,
            expected.into(),
            size,
            timeout,
        )
    };
    outcome(check(status))
}

/// Wakes up to `count` threads that sleep on the word.
///
/// # Safety
///
/// As for [`sleep`].
pub(crate) unsafe fn wake(word: *const u32, count: u32) -> io::Result<()> {
    let count = count.min(i32::MAX as u32);
    let (word, nothing) = (word.cast_mut().cast(), ptr::null_mut());
    // SAFETY: the kernel finds the page of the word and reports inaccessible memory.
    check(unsafe { libc::_umtx_op(word, libc::UMTX_OP_WAKE, count.into(), nothing, nothing) })
}
