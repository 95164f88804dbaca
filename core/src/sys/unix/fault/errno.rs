//! The number of this thread's last error (`errno`): code that a signal interrupts must not find one of ours.

use libc::c_int;

/// Does `work`, and leaves the number as it was before.
pub(super) fn kept<R>(work: impl FnOnce() -> R) -> R {
    let before = get();
    let result = work();
    // SAFETY: a variable of this thread's, to which no reference exists.
    unsafe { location().write(before) };
    result
}

#[allow(dead_code)] // Not every platform asks.
pub(super) fn get() -> c_int {
    // SAFETY: as above.
    unsafe { location().read() }
}

fn location() -> *mut c_int {
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as of_this_thread;
    #[cfg(not(any(
        target_os = "android",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "freebsd",
        target_vendor = "apple"
    )))]
    use libc::__errno_location as of_this_thread;
    #[cfg(any(target_os = "freebsd", target_vendor = "apple"))]
    use libc::__error as of_this_thread;
    // SAFETY: no conditions.
    unsafe { of_this_thread() }
}
