//! What the system tells about a signal: where the thread was, and why it was interrupted.

use super::machine;
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::ptr;

/// Why a signal came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The interrupted instruction accessed an address that could not be accessed.
    Access,
    /// The interrupted instruction did something else, and would do it again.
    Instruction,
    /// Something else: somebody sent it, or the system found an error in the background.
    Other,
}

/// Positive codes that do not belong to an access; all others do, those up to 0 are sent.
#[cfg(any(target_os = "linux", target_os = "android"))]
const EXCEPTIONS: &[(c_int, c_int, Cause)] = &[
    // SI_KERNEL: a general protection fault, which has no address.
    (libc::SIGSEGV, 0x80, Cause::Instruction),
    (libc::SIGBUS, 0x80, Cause::Instruction),
    // BUS_MCEERR_AO: memory that nobody touches went bad. SEGV_MTEAERR: a wrong tag, found late.
    (libc::SIGBUS, 5, Cause::Other),
    (libc::SIGSEGV, 8, Cause::Other),
];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const EXCEPTIONS: &[(c_int, c_int, Cause)] = &[];

/// A signal as its handler sees it.
pub(super) struct Context<'a> {
    signal: c_int,
    info: &'a mut siginfo_t,
    /// What the thread takes up again when the handler returns.
    registers: &'a mut ucontext_t,
}

impl Context<'_> {
    /// # Safety
    ///
    /// Both are what the system passed to a handler of signals that has not returned yet.
    pub(super) unsafe fn new<'a>(signal: c_int, info: *mut siginfo_t, registers: *mut c_void) -> Context<'a> {
        // SAFETY: the system's, for as long as the handler runs (the caller).
        let info = unsafe { &mut *info };
        // SAFETY: the same.
        let registers = unsafe { &mut *registers.cast() };
        Context { signal, info, registers }
    }

    pub(super) fn signal(&self) -> c_int {
        self.signal
    }

    /// What the next handler is to be told.
    pub(super) fn raw(&mut self) -> (*mut siginfo_t, *mut c_void) {
        (self.info, ptr::from_mut(self.registers).cast())
    }

    pub(super) fn code(&self) -> c_int {
        self.info.si_code
    }

    pub(super) fn cause(&self) -> Cause {
        let same = |&&(signal, code, _): &&(c_int, c_int, Cause)| (signal, code) == (self.signal, self.code());
        match EXCEPTIONS.iter().find(same) {
            Some(&(.., cause)) => cause,
            None if self.code() > 0 => Cause::Access,
            None => Cause::Other,
        }
    }

    /// The address that could not be accessed, if that is the cause.
    pub(super) fn address(&self) -> usize {
        // SAFETY: for another cause these bytes are some other number.
        unsafe { self.info.si_addr() }.addr()
    }

    /// Who sent the signal, if somebody did.
    #[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn sender(&self) -> libc::pid_t {
        // SAFETY: for another cause these bytes are some other number.
        unsafe { self.info.si_pid() }
    }

    /// Continues at `recovery`, with the address that could not be accessed in the fault register.
    pub(super) fn resume(&mut self, recovery: usize) {
        *machine::fault_register(self.registers) = self.address() as _;
        *machine::program_counter(self.registers) = recovery as _;
    }

    pub(super) fn program_counter(&mut self) -> usize {
        *machine::program_counter(self.registers) as usize
    }

    /// Where the program counter is saved.
    #[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn slot(&mut self) -> usize {
        ptr::from_mut(machine::program_counter(self.registers)).expose_provenance()
    }

    #[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn stack_pointer(&mut self) -> usize {
        *machine::stack_pointer(self.registers) as usize
    }

    /// A word in which the handlers of one signal leave notes for each other: the system clears it, and ignores it later.
    pub(super) fn note(&mut self) -> &mut usize {
        // SAFETY: a pointer is as large as a `usize`, and any is a valid one.
        unsafe { &mut *(&raw mut self.registers.uc_link).cast() }
    }
}
