//! What the system tells about a signal: where the thread was, and why it was interrupted.

use super::ucontext::{self, Attempt};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::ptr;

/// Why a signal came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The interrupted instruction accessed an address that could not be accessed.
    Access,
    /// The interrupted instruction did something else, and would do it again.
    #[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code))] // Not told apart there.
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

/// Codes from here on are those of signals that were sent: `SI_USER` and its family, which Linux, NetBSD and OpenBSD
/// have below 1, and macOS and FreeBSD from 0x10001 on.
const SENT: c_int = 0x1_0000;

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
            None if (1..SENT).contains(&self.code()) => Cause::Access,
            None => Cause::Other,
        }
    }

    /// The address that could not be accessed, if that is the cause.
    pub(super) fn address(&self) -> usize {
        // SAFETY: for another cause these bytes are some other number.
        unsafe { self.info.si_addr() }.addr()
    }

    /// Whether this is how a page is missed that a file, or a device, does not give.
    ///
    /// That is SIGBUS here; SIGSEGV is somebody doing what he may not.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn may_be_missing(&self) -> bool {
        self.signal == libc::SIGBUS
    }

    /// Whether this may be how a page is missed that a file, or a device, does not give.
    ///
    /// It may be either signal here, and either signal may also be somebody doing what he may not, on one release of the system or on one
    /// processor. So it takes to know what he tried; where that is not told, only the codes are taken that cannot mean the other thing.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn may_be_missing(&self) -> bool {
        const SEGV_MAPERR: c_int = 1;
        self.attempt().is_some() || self.signal == libc::SIGBUS || self.code() == SEGV_MAPERR
    }

    /// What the interrupted instruction tried to do, where the system tells and the signal alone does not.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn attempt(&self) -> Option<Attempt> {
        None
    }

    /// What the interrupted instruction tried to do, where the system tells.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn attempt(&self) -> Option<Attempt> {
        ucontext::attempt(self.registers)
    }

    /// Who sent the signal, if somebody did.
    #[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn sender(&self) -> libc::pid_t {
        // SAFETY: for another cause these bytes are some other number.
        unsafe { self.info.si_pid() }
    }

    /// Continues at `recovery`, with the address that could not be accessed in the fault register.
    pub(super) fn resume(&mut self, recovery: usize) {
        *ucontext::fault_register(self.registers) = self.address() as _;
        *ucontext::program_counter(self.registers) = recovery as _;
    }

    pub(super) fn program_counter(&mut self) -> usize {
        *ucontext::program_counter(self.registers) as usize
    }

    /// Where the program counter is saved.
    #[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn slot(&mut self) -> usize {
        ptr::from_mut(ucontext::program_counter(self.registers)).expose_provenance()
    }

    #[cfg(all(any(target_os = "linux", target_os = "android"), any(target_arch = "x86_64", target_arch = "aarch64")))]
    pub(super) fn stack_pointer(&mut self) -> usize {
        *ucontext::stack_pointer(self.registers) as usize
    }

    /// A word in which the handlers of one signal leave notes for each other: the system clears it, and ignores it later.
    #[cfg(not(target_os = "openbsd"))]
    pub(super) fn note(&mut self) -> &mut usize {
        // SAFETY: a pointer is as large as a `usize`, and any is a valid one.
        unsafe { &mut *(&raw mut self.registers.uc_link).cast() }
    }

    /// A word in which the handlers of one signal leave notes for each other: the last of the 128 bytes of a `siginfo_t`,
    /// of which a fault has no use for more than 32.
    #[cfg(target_os = "openbsd")]
    pub(super) fn note(&mut self) -> &mut usize {
        let words = ptr::from_mut(self.info).cast::<usize>();
        // SAFETY: the word lies in the structure, which is aligned to words.
        let last = unsafe { words.add(size_of::<siginfo_t>() / size_of::<usize>() - 1) };
        // SAFETY: the structure is ours for as long as the handler runs (new), and any number is a valid word.
        unsafe { &mut *last }
    }
}
