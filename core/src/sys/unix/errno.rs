//! The `errno` of the thread. Code that a signal interrupts must find it unchanged.

use libc::c_int;

/// Runs `work` and restores `errno` afterwards.
pub(super) fn preserved<R>(work: impl FnOnce() -> R) -> R {
    let before = get();
    let result = work();
    // SAFETY: a variable of this thread, to which no reference exists.
    unsafe { location().write(before) };
    result
}

#[allow(dead_code)] // Not called on every platform.
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
    // SAFETY: the function has no preconditions.
    unsafe { of_this_thread() }
}
