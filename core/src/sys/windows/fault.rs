//! Faults: an exception inside an accessor ends the accessor; any other is left to other handlers.
//!
//! The handler looks only at the program counter. It takes no lock, allocates nothing and changes
//! only the last-error value of the thread, so any number of threads may fault at once, and a call
//! that does not fault costs nothing.
//!
//! # Safety
//!
//! The unsafe blocks are calls about exceptions. The handler relies on one fact: the system passes
//! it the record and the registers of the exception, which stay valid until it returns.

mod ucontext;

use std::{
    cell::Cell,
    ffi::c_void,
    io, ptr,
    sync::atomic::{
        AtomicPtr,
        Ordering::{AcqRel, Relaxed},
    },
};

use windows_sys::Win32::{
    Foundation::{
        EXCEPTION_ACCESS_VIOLATION, EXCEPTION_IN_PAGE_ERROR, GetLastError, NTSTATUS, SetLastError,
    },
    System::Diagnostics::Debug::{
        AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH,
        EXCEPTION_POINTERS, EXCEPTION_RECORD, RemoveVectoredExceptionHandler,
    },
};

use super::pin;
use crate::accessor;

const _: () = assert!(
    ucontext::KNOWN || !accessor::FAULTS,
    "build for this processor with --cfg safemap_portable"
);

/// The system's identifier of the installed handler; null until it is installed.
static INSTALLED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

/// Ensures that a fault in an accessor ends the accessor and does not terminate the process.
#[inline]
pub(crate) fn ensure_ready() {
    if !is_ready() {
        // The map exists, so that its handler was installed.
        let _ = ensure_first();
    }
}

/// Whether this thread is known to be able to take a fault. If not, call [`ensure_ready`].
#[inline]
pub(crate) fn is_ready() -> bool {
    !accessor::FAULTS || !INSTALLED.load(Relaxed).is_null()
}

/// Whether the thread can take a fault. Accesses are not inlined here.
#[inline]
pub(crate) fn can_inline() -> bool {
    is_ready()
}

/// Ensures that the library's handler is first.
///
/// The handler is installed again before the previous installation is removed, so that one is
/// installed at every moment. Each copy of the crate in the process has its own handler, which
/// resolves the faults of this copy only.
#[cold]
pub(crate) fn ensure_first() -> io::Result<()> {
    pin::this_object();
    accessor::build_index();
    if !accessor::FAULTS {
        return Ok(());
    }
    // SAFETY: the handler has the right type, and its object is never unloaded.
    let new = unsafe { AddVectoredExceptionHandler(1, Some(handler)) };
    if new.is_null() {
        return Err(io::Error::last_os_error());
    }
    let old = INSTALLED.swap(new, AcqRel);
    if !old.is_null() {
        // SAFETY: it was installed. Only the thread that takes it out of `INSTALLED` removes it.
        unsafe { RemoveVectoredExceptionHandler(old) };
    }
    Ok(())
}

/// The same as [`ensure_first`]: one handler serves all faults.
#[cold]
pub(crate) fn ensure_first_for_protection() -> io::Result<()> {
    ensure_first()
}

/// Continues at the fixup if the access of an accessor was interrupted.
unsafe extern "system" fn handler(exception: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system passes it for the duration of the call; nothing else refers to it.
    let exception = unsafe { &*exception };
    // SAFETY: as above.
    let record = unsafe { &*exception.ExceptionRecord };
    // SAFETY: as above.
    let context = unsafe { &mut *exception.ContextRecord };
    let fault = Access::of(record).zip(accessor::fixup(ucontext::program_counter(context)));
    match fault {
        Some((access, fixup)) => {
            ucontext::resume(context, fixup, access.address);
            // SAFETY: no preconditions. The caller of the accessor reads the value at once
            // (`note`).
            unsafe { SetLastError(access.status as u32) };
            EXCEPTION_CONTINUE_EXECUTION
        }
        None => EXCEPTION_CONTINUE_SEARCH,
    }
}

/// An access to inaccessible memory.
struct Access {
    address: usize,
    /// The cause. For a page that could not be read in: the status of the device or the network.
    status: NTSTATUS,
}

impl Access {
    /// Decodes the record; `None` if the exception is another one.
    fn of(record: &EXCEPTION_RECORD) -> Option<Access> {
        // The kind of access, the address, and for EXCEPTION_IN_PAGE_ERROR the status.
        let [_, address, status, ..] = record.ExceptionInformation;
        match (record.ExceptionCode, record.NumberParameters) {
            (EXCEPTION_ACCESS_VIOLATION, 2..) => {
                Some(Access { address, status: EXCEPTION_ACCESS_VIOLATION })
            }
            (EXCEPTION_IN_PAGE_ERROR, 3..) => Some(Access { address, status: status as i32 }),
            (EXCEPTION_IN_PAGE_ERROR, 2) => {
                Some(Access { address, status: EXCEPTION_IN_PAGE_ERROR })
            }
            _ => None,
        }
    }
}

thread_local! {
    static STATUS: Cell<Option<NTSTATUS>> = const { Cell::new(None) };
}

/// Records the status of the fault that has just ended an accessor in this thread. No system call
/// may come between the two.
pub(crate) fn note() {
    // SAFETY: GetLastError has no preconditions.
    let status = (unsafe { GetLastError() }) as i32;
    STATUS.set(Some(status));
}

/// Returns the `NTSTATUS` of the last fault in a call of this thread, or `None` if there was none.
///
/// For protected memory that is `STATUS_ACCESS_VIOLATION`. For a page of a file that could not be
/// read or written it is the status of the device or the network. Call this directly after
/// [`Error::Fault`](crate::Error::Fault) was returned.
///
/// # Platforms
///
/// Windows only.
///
/// # Examples
///
/// ```
/// use safemap::{Error, Options, Protection, fault_status};
///
/// let map = Options::new().len(1).protection(Protection::NONE).anonymous()?;
/// assert!(matches!(map.get(0), Err(Error::Fault { offset: 0 })));
/// assert_eq!(fault_status(), Some(0xc000_0005_u32 as i32));
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

    const STATUS_DEVICE_NOT_CONNECTED: i32 = 0xc000_009d_u32 as i32;

    fn status() -> i32 {
        note();
        fault_status().unwrap()
    }

    /// Calls the handler as the system does for an exception at `pc`, and returns its result and
    /// the registers.
    fn handled(pc: usize, code: NTSTATUS, information: &[usize]) -> (i32, CONTEXT) {
        let mut record = EXCEPTION_RECORD { ExceptionCode: code, ..EXCEPTION_RECORD::default() };
        record.NumberParameters = information.len() as u32;
        record.ExceptionInformation[..information.len()].copy_from_slice(information);
        let mut context = CONTEXT::default();
        ucontext::resume(&mut context, pc, 0);
        let mut exception = EXCEPTION_POINTERS {
            ExceptionRecord: &raw mut record,
            ContextRecord: &raw mut context,
        };
        // SAFETY: the record and the context that the system would pass.
        let result = unsafe { handler(&raw mut exception) };
        (result, context)
    }

    #[test]
    fn a_page_that_cannot_be_read_ends_the_accessor_and_sets_the_status() {
        let Some((pc, fixup)) = accessor::some_access() else { return };
        let information = [0, 0x1234_5000, STATUS_DEVICE_NOT_CONNECTED as u32 as usize];
        let (result, context) = handled(pc, EXCEPTION_IN_PAGE_ERROR, &information);
        assert_eq!((result, status()), (EXCEPTION_CONTINUE_EXECUTION, STATUS_DEVICE_NOT_CONNECTED));
        assert_eq!(ucontext::program_counter(&context), fixup);
        let (_, context) = handled(pc, EXCEPTION_ACCESS_VIOLATION, &information[..2]);
        assert_eq!(
            (ucontext::program_counter(&context), status()),
            (fixup, EXCEPTION_ACCESS_VIOLATION)
        );
    }

    #[test]
    fn exceptions_outside_accessors_are_left_to_other_handlers() {
        let Some((pc, fixup)) = accessor::some_access() else { return };
        for (pc, code) in [(fixup, EXCEPTION_IN_PAGE_ERROR), (pc, 0x8000_0003_u32 as i32)] {
            let (result, context) = handled(pc, code, &[0, 0x1234_5000, 0]);
            assert_eq!(
                (result, ucontext::program_counter(&context)),
                (EXCEPTION_CONTINUE_SEARCH, pc)
            );
        }
    }
}
