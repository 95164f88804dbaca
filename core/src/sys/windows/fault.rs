//! Faults: an exception inside a kernel ends the kernel, anywhere else it goes to whoever else handles it.
//!
//! The handler looks at the program counter alone. It takes no lock, allocates nothing and touches nothing that belongs to
//! the thread, so it serves any number of threads at once, and a call that does not fault pays nothing for it.
//!
//! # Safety
//!
//! Everything here is unsafe for one reason: it talks to the system about exceptions. What the handler relies on is that the
//! system hands it the record and the registers of the exception it reports, which stay valid until it returns.

mod machine;

use std::{
    ffi::c_void,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Relaxed},
    },
};

use windows_sys::Win32::{
    Foundation::{EXCEPTION_ACCESS_VIOLATION, EXCEPTION_IN_PAGE_ERROR},
    System::Diagnostics::Debug::{
        AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
        EXCEPTION_RECORD, RemoveVectoredExceptionHandler,
    },
};

use crate::kernel;

const _: () = assert!(machine::KNOWN || !kernel::FAULTS, "build for this processor with --cfg safemap_portable");

/// What the system calls our handler; null until it was installed.
static INSTALLED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Makes sure that a fault inside a kernel ends the kernel, not the process.
#[inline]
pub(crate) fn arm() {
    if !is_armed() {
        check();
    }
}

/// Whether a fault is known to end no more than the kernel. Who hears no has to call [`arm`].
#[inline]
pub(crate) fn is_armed() -> bool {
    !kernel::FAULTS || !INSTALLED.load(Relaxed).is_null()
}

/// Makes sure that our handler comes first.
///
/// It is installed once more, before the one that was there is removed, so that at every moment one is there.
#[cold]
pub(crate) fn check() {
    if !kernel::FAULTS {
        return;
    }
    // SAFETY: the handler is one, and stays loaded as long as this crate.
    let new = unsafe { AddVectoredExceptionHandler(1, Some(handler)) };
    if new.is_null() {
        return;
    }
    let old = INSTALLED.swap(new, AcqRel);
    if !old.is_null() {
        // SAFETY: it was installed, and is removed by whoever takes it out of `INSTALLED`.
        unsafe { RemoveVectoredExceptionHandler(old) };
    }
}

/// As [`check`]: one handler serves all faults.
#[cold]
pub(crate) fn check_forbidden() {
    check();
}

/// Continues a kernel at its recovery, if it was one that was interrupted by its own access.
unsafe extern "system" fn handler(exception: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system hands it over for the duration of the call, and nobody else looks at it meanwhile.
    let exception = unsafe { &*exception };
    // SAFETY: as above.
    let record = unsafe { &*exception.ExceptionRecord };
    // SAFETY: as above.
    let context = unsafe { &mut *exception.ContextRecord };
    let recovery = address(record).zip(kernel::recovery(machine::program_counter(context)));
    match recovery {
        Some((address, at)) => {
            machine::resume(context, at, address);
            EXCEPTION_CONTINUE_EXECUTION
        }
        None => EXCEPTION_CONTINUE_SEARCH,
    }
}

/// The address that could not be accessed, if that is what the exception is about.
fn address(record: &EXCEPTION_RECORD) -> Option<usize> {
    let access = matches!(record.ExceptionCode, EXCEPTION_ACCESS_VIOLATION | EXCEPTION_IN_PAGE_ERROR);
    (access && record.NumberParameters >= 2).then(|| record.ExceptionInformation[1])
}
