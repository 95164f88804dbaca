//! Faults: an exception inside a kernel ends the accessor, anywhere else it goes to whoever else handles it.
//!
//! The handler looks at the program counter alone. It takes no lock, allocates nothing and leaves nothing but the status where
//! each thread has its last error, so it serves any number of threads at once, and a call that does not fault pays nothing for it.
//!
//! # Safety
//!
//! Everything here is unsafe for one reason: it talks to the system about exceptions. What the handler relies on is that the
//! system hands it the record and the registers of the exception it reports, which stay valid until it returns.

mod ucontext;

use std::{
    cell::Cell,
    ffi::c_void,
    ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Relaxed},
    },
};

use windows_sys::Win32::{
    Foundation::{EXCEPTION_ACCESS_VIOLATION, EXCEPTION_IN_PAGE_ERROR, GetLastError, NTSTATUS, SetLastError},
    System::Diagnostics::Debug::{
        AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH, EXCEPTION_POINTERS,
        EXCEPTION_RECORD, RemoveVectoredExceptionHandler,
    },
};

use crate::accessor;

const _: () = assert!(ucontext::KNOWN || !accessor::FAULTS, "build for this processor with --cfg safemap_portable");

/// What the system calls our handler; null until it was installed.
static INSTALLED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Makes sure that a fault inside a kernel ends the accessor, not the process.
#[inline]
pub(crate) fn ensure_ready() {
    if !is_ready() {
        ensure_first();
    }
}

/// Whether a fault is known to end no more than the kernel. Who hears no has to call [`ensure_ready`].
#[inline]
pub(crate) fn is_ready() -> bool {
    !accessor::FAULTS || !INSTALLED.load(Relaxed).is_null()
}

/// Makes sure that our handler comes first.
///
/// It is installed once more, before the one that was there is removed, so that at every moment one is there.
#[cold]
pub(crate) fn ensure_first() {
    if !accessor::FAULTS {
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

/// As [`ensure_first`]: one handler serves all faults.
#[cold]
pub(crate) fn ensure_first_for_protection() {
    ensure_first();
}

/// Continues a kernel at its recovery, if it was one that was interrupted by its own access.
unsafe extern "system" fn handler(exception: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system hands it over for the duration of the call, and nobody else looks at it meanwhile.
    let exception = unsafe { &*exception };
    // SAFETY: as above.
    let record = unsafe { &*exception.ExceptionRecord };
    // SAFETY: as above.
    let context = unsafe { &mut *exception.ContextRecord };
    let recovery = Access::of(record).zip(accessor::fixup(ucontext::program_counter(context)));
    match recovery {
        Some((access, at)) => {
            ucontext::resume(context, at, access.address);
            // SAFETY: no conditions. Whoever called the kernel asks for it at once (`note`).
            unsafe { SetLastError(access.status.cast_unsigned()) };
            EXCEPTION_CONTINUE_EXECUTION
        }
        None => EXCEPTION_CONTINUE_SEARCH,
    }
}

/// What the system says of memory that could not be accessed.
struct Access {
    address: usize,
    /// Why: for a page that could not be read in, what the device or the network said.
    status: NTSTATUS,
}

impl Access {
    /// Reads the record, if that is what the exception is about.
    fn of(record: &EXCEPTION_RECORD) -> Option<Access> {
        // Whether it was to be read or written, the address, and for the second kind the status.
        let [_, address, status, ..] = record.ExceptionInformation;
        match (record.ExceptionCode, record.NumberParameters) {
            (EXCEPTION_ACCESS_VIOLATION, 2..) => Some(Access { address, status: EXCEPTION_ACCESS_VIOLATION }),
            (EXCEPTION_IN_PAGE_ERROR, 3..) => Some(Access { address, status: (status as u32).cast_signed() }),
            (EXCEPTION_IN_PAGE_ERROR, 2) => Some(Access { address, status: EXCEPTION_IN_PAGE_ERROR }),
            _ => None,
        }
    }
}

thread_local! {
    static STATUS: Cell<Option<NTSTATUS>> = const { Cell::new(None) };
}

/// Keeps what the system said of the fault that has just ended a kernel of this thread; it was asked for nothing since.
pub(crate) fn note() {
    // SAFETY: no conditions.
    let status = unsafe { GetLastError() }.cast_signed();
    STATUS.set(Some(status));
}

/// Returns what Windows said of the last fault that a call of this thread met, an `NTSTATUS`, or `None` if it met none.
///
/// For memory that is protected that is `STATUS_ACCESS_VIOLATION`; for a page of a file that could not be read or written it is
/// what the device or the network said. Ask right after [`Error::Fault`](crate::Error::Fault).
///
/// # Platforms
///
/// Windows alone.
///
/// # Examples
///
/// ```
/// use safemap::{Error, Options, Protection, fault_status};
///
/// let map = Options::new().len(1).protection(Protection::NONE).anonymous()?;
/// assert!(matches!(map.get(0), Err(Error::Fault { offset: 0 })));
/// assert_eq!(fault_status(), Some(0xc000_0005_u32.cast_signed()));
/// # Ok::<(), Error>(())
/// ```
#[must_use]
pub fn fault_status() -> Option<i32> {
    STATUS.get()
}

#[cfg(test)]
mod tests {
    use super::*;
    use windows_sys::Win32::System::Diagnostics::Debug::CONTEXT;

    const STATUS_DEVICE_NOT_CONNECTED: i32 = 0xc000_009d_u32.cast_signed();

    fn status() -> i32 {
        note();
        fault_status().unwrap()
    }

    /// An exception of a accessor, or of code elsewhere, as the system hands it over; what the handler makes of it.
    fn handled(pc: usize, code: NTSTATUS, information: &[usize]) -> (i32, CONTEXT) {
        let mut record = EXCEPTION_RECORD { ExceptionCode: code, ..EXCEPTION_RECORD::default() };
        record.NumberParameters = information.len() as u32;
        record.ExceptionInformation[..information.len()].copy_from_slice(information);
        let mut context = CONTEXT::default();
        ucontext::resume(&mut context, pc, 0);
        let mut exception = EXCEPTION_POINTERS { ExceptionRecord: &raw mut record, ContextRecord: &raw mut context };
        // SAFETY: all that the system would hand over.
        let answer = unsafe { handler(&raw mut exception) };
        (answer, context)
    }

    #[test]
    fn a_page_that_a_device_does_not_give_ends_a_kernel_and_says_why() {
        let Some((pc, recovery)) = accessor::some_access() else { return };
        let information = [0, 0x1234_5000, STATUS_DEVICE_NOT_CONNECTED.cast_unsigned() as usize];
        let (answer, context) = handled(pc, EXCEPTION_IN_PAGE_ERROR, &information);
        assert_eq!((answer, status()), (EXCEPTION_CONTINUE_EXECUTION, STATUS_DEVICE_NOT_CONNECTED));
        assert_eq!(ucontext::program_counter(&context), recovery);
        let (_, context) = handled(pc, EXCEPTION_ACCESS_VIOLATION, &information[..2]);
        assert_eq!((ucontext::program_counter(&context), status()), (recovery, EXCEPTION_ACCESS_VIOLATION));
    }

    #[test]
    fn what_is_not_a_kernels_goes_on_to_others() {
        let Some((pc, recovery)) = accessor::some_access() else { return };
        for (pc, code) in [(recovery, EXCEPTION_IN_PAGE_ERROR), (pc, 0x8000_0003_u32.cast_signed())] {
            let (answer, context) = handled(pc, code, &[0, 0x1234_5000, 0]);
            assert_eq!((answer, ucontext::program_counter(&context)), (EXCEPTION_CONTINUE_SEARCH, pc));
        }
    }
}
