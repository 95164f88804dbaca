//! Keeps the object that contains this copy of the crate loaded: the program or a shared library.
//!
//! The process calls the signal handlers and the fork handlers until it ends.

#![allow(unsafe_code)]

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

/// Prevents `dlclose` from unloading this object. Later calls do nothing.
pub(crate) fn this_object() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.load(Acquire) {
        loader::reopen();
        DONE.store(true, Release);
    }
}

/// Programs that are linked statically load nothing, and musl unloads nothing.
#[cfg(any(target_feature = "crt-static", target_env = "musl"))]
mod loader {
    pub(super) fn reopen() {}
}

#[cfg(not(any(target_feature = "crt-static", target_env = "musl")))]
mod loader {
    use libc::c_int;
    use std::mem::MaybeUninit;

    /// The object is loaded already: another file with its name must not be.
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    const FLAGS: c_int = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    /// Not all of these systems have the other flags. The reference that is never closed is enough.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    const FLAGS: c_int = libc::RTLD_LAZY;

    /// Opens this object, and never closes it. That fails for the program, which is never unloaded.
    pub(super) fn reopen() {
        let mut info = MaybeUninit::<libc::Dl_info>::uninit();
        // SAFETY: `info` has the type that dladdr fills.
        if unsafe { libc::dladdr(reopen as *const _, info.as_mut_ptr()) } != 0 {
            // SAFETY: dladdr has filled it, because it did not return 0.
            let info = unsafe { info.assume_init() };
            // SAFETY: the name is a string, which the loader keeps as long as the object.
            unsafe { libc::dlopen(info.dli_fname, FLAGS) };
        }
    }
}
