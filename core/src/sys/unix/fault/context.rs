//! What the kernel passes to a signal handler: the registers of the thread, and the cause of the
//! signal.

use super::{super::access_kind::AccessKind, mask::Mask, ucontext};
use libc::{c_int, c_void, siginfo_t, ucontext_t};
use std::ptr;

/// The cause of a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The interrupted instruction accessed an inaccessible address.
    Access,
    /// The interrupted instruction caused the signal in another way, and would do so again.
    #[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code))]
    // Reported as `Access` there.
    Instruction,
    /// A process sent the signal, or the kernel found an error in the background.
    Other,
}

/// Positive codes that do not belong to an access. All other positive codes do; codes up to 0 are
/// those of signals that were sent.
#[cfg(any(target_os = "linux", target_os = "android"))]
const EXCEPTIONS: &[(c_int, c_int, Cause)] = &[
    // SI_KERNEL: a general protection fault, which has no address.
    (libc::SIGSEGV, 0x80, Cause::Instruction),
    (libc::SIGBUS, 0x80, Cause::Instruction),
    // BUS_MCEERR_AO: memory failed that no thread accessed. SEGV_MTEAERR: a wrong tag, reported
    // late.
    (libc::SIGBUS, 5, Cause::Other),
    (libc::SIGSEGV, 8, Cause::Other),
];
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const EXCEPTIONS: &[(c_int, c_int, Cause)] = &[];

/// Codes from here on are those of signals that were sent: `SI_USER` and its family. macOS and
/// FreeBSD have them from 0x10001 on; Linux, NetBSD and OpenBSD have them below 1.
const SENT: c_int = 0x1_0000;

/// Whether a signal on Linux reports a page that does not exist or cannot be read. Other codes of
/// SIGBUS concern the instruction: `BUS_ADRALN` reports a wrong alignment, which a page of zeros
/// does not change.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_missing_page(signal: c_int, code: c_int) -> bool {
    const BUS_ADRERR: c_int = 2;
    const BUS_MCEERR_AR: c_int = 4;
    signal == libc::SIGBUS && matches!(code, BUS_ADRERR | BUS_MCEERR_AR)
}

/// What `last_visit` is after the signal was resolved. No visit has an odd address.
pub(super) const RESOLVED: usize = 1;

/// The arguments of a signal handler.
pub(super) struct Context<'a> {
    signal: c_int,
    info: &'a mut siginfo_t,
    /// The registers that the thread gets when the handler returns.
    registers: &'a mut ucontext_t,
}

impl Context<'_> {
    /// # Safety
    ///
    /// The kernel passed both pointers to a signal handler that has not returned yet.
    pub(super) unsafe fn new<'a>(
        signal: c_int,
        info: *mut siginfo_t,
        registers: *mut c_void,
    ) -> Context<'a> {
        // SAFETY: valid until the handler returns (the caller).
        let info = unsafe { &mut *info };
        // SAFETY: the same.
        let registers = unsafe { &mut *registers.cast() };
        Context { signal, info, registers }
    }

    pub(super) fn signal(&self) -> c_int {
        self.signal
    }

    /// The arguments for another handler.
    pub(super) fn raw(&mut self) -> (*mut siginfo_t, *mut c_void) {
        (self.info, ptr::from_mut(self.registers).cast())
    }

    pub(super) fn code(&self) -> c_int {
        self.info.si_code
    }

    pub(super) fn cause(&self) -> Cause {
        let is_this = |&&(signal, code, _): &&(c_int, c_int, Cause)| {
            (signal, code) == (self.signal, self.code())
        };
        match EXCEPTIONS.iter().find(is_this) {
            Some(&(.., cause)) => cause,
            None if (1..SENT).contains(&self.code()) => Cause::Access,
            None => Cause::Other,
        }
    }

    /// The fault address. Meaningful only if the cause is an access.
    pub(super) fn address(&self) -> usize {
        // SAFETY: for another cause these bytes are another number.
        unsafe { self.info.si_addr() }.addr()
    }

    /// Whether the signal reports a page that the file or the device cannot provide.
    ///
    /// On Linux that is SIGBUS; SIGSEGV reports an access that the protection forbids.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn may_be_missing(&self) -> bool {
        is_missing_page(self.signal, self.code())
    }

    /// Whether the signal may report a page that the file or the device cannot provide.
    ///
    /// Here both signals may report that, and both may report a forbidden access; it depends on the
    /// release and on the processor. The kind of access distinguishes the two. If it is unknown,
    /// only the codes are accepted that never mean a forbidden access.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn may_be_missing(&self) -> bool {
        const SEGV_MAPERR: c_int = 1;
        self.access_kind().is_some() || self.signal == libc::SIGBUS || self.code() == SEGV_MAPERR
    }

    /// What the interrupted instruction attempted. Unknown on Linux, where the signal is enough.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn access_kind(&self) -> Option<AccessKind> {
        None
    }

    /// What the interrupted instruction attempted, if the kernel reports it.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(super) fn access_kind(&self) -> Option<AccessKind> {
        ucontext::access_kind(self.registers)
    }

    /// The process that sent the signal. Meaningful only if one did.
    #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    pub(super) fn sender(&self) -> libc::pid_t {
        // SAFETY: for another cause these bytes are another number.
        unsafe { self.info.si_pid() }
    }

    /// Continues at `fixup`, with the fault address in the fault register.
    pub(super) fn resume(&mut self, fixup: usize) {
        *ucontext::fault_register(self.registers) = self.address() as _;
        *ucontext::program_counter(self.registers) = fixup as _;
    }

    /// The signals that the interrupted code blocks.
    pub(super) fn mask(&self) -> Mask {
        ucontext::mask(self.registers)
    }

    pub(super) fn program_counter(&mut self) -> usize {
        *ucontext::program_counter(self.registers) as usize
    }

    /// The address at which the program counter is saved.
    #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    pub(super) fn program_counter_slot(&mut self) -> usize {
        ptr::from_mut(ucontext::program_counter(self.registers)).expose_provenance()
    }

    #[cfg(all(
        any(target_os = "linux", target_os = "android"),
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    pub(super) fn stack_pointer(&mut self) -> usize {
        *ucontext::stack_pointer(self.registers) as usize
    }

    /// Marks the signal, so that the remains of its frame are not taken for a pending fault.
    pub(super) fn set_resolved(&mut self) {
        *self.last_visit() = RESOLVED;
    }

    /// The address of the last visit (`visits`); 0 if no handler forwards this signal, [`RESOLVED`]
    /// after it was resolved.
    ///
    /// `uc_link` holds it: the kernel clears it and does not read it again.
    #[cfg(not(target_os = "openbsd"))]
    pub(super) fn last_visit(&mut self) -> &mut usize {
        // SAFETY: a pointer has the size of a `usize`, and any value is valid.
        unsafe { &mut *(&raw mut self.registers.uc_link).cast() }
    }

    /// The address of the last visit (`visits`); 0 if no handler forwards this signal.
    ///
    /// The last word of the `siginfo_t` holds it: of its 128 bytes a fault uses at most 32.
    #[cfg(target_os = "openbsd")]
    pub(super) fn last_visit(&mut self) -> &mut usize {
        let words = ptr::from_mut(self.info).cast::<usize>();
        // SAFETY: the word lies in the structure, which is aligned to words.
        let last = unsafe { words.add(size_of::<siginfo_t>() / size_of::<usize>() - 1) };
        // SAFETY: the structure belongs to the handler until it returns (new); any number is valid.
        unsafe { &mut *last }
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::is_missing_page;

    #[test]
    fn only_two_codes_of_sigbus_report_a_missing_page() {
        // BUS_ADRALN, BUS_ADRERR, BUS_OBJERR, BUS_MCEERR_AR, BUS_MCEERR_AO, SI_KERNEL, SI_USER,
        // SI_TKILL
        let codes = [1, 2, 3, 4, 5, 0x80, 0, -6];
        let missing = codes.map(|code| is_missing_page(libc::SIGBUS, code));
        assert_eq!(missing, [false, true, false, true, false, false, false, false]);
        assert!(!codes.iter().any(|&code| is_missing_page(libc::SIGSEGV, code)));
    }
}
