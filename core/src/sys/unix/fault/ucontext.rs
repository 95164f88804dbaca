//! The registers of an interrupted thread in the `ucontext_t` of each operating system.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::super::access_kind::AccessKind;
use super::mask::Mask;
pub(super) use system::*;

/// The signals that the interrupted code blocks.
#[cfg(not(any(target_os = "openbsd", all(target_os = "android", target_pointer_width = "32"))))]
pub(super) fn mask(context: &libc::ucontext_t) -> Mask {
    Mask::of(&context.uc_sigmask)
}

/// The signals that the interrupted code blocks.
#[cfg(target_os = "openbsd")]
pub(super) fn mask(context: &libc::ucontext_t) -> Mask {
    Mask::of_bits(context.sc_mask as u32)
}

/// The signals that the interrupted code blocks.
#[cfg(all(target_os = "android", target_pointer_width = "32"))]
pub(super) fn mask(context: &libc::ucontext_t) -> Mask {
    // SAFETY: the kernel has written all bytes of the union.
    Mask::of(unsafe { &context.uc_sigmask__c_anonymous_union.uc_sigmask.uc_sigmask })
}

/// Whether this file knows the system and the processor.
pub(super) const KNOWN: bool = cfg!(any(
    all(
        any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "openbsd",
            target_vendor = "apple"
        ),
        any(target_arch = "x86_64", target_arch = "aarch64")
    ),
    all(target_os = "netbsd", target_arch = "x86_64")
));

/// Decodes the error code of an x86 page fault.
#[cfg(all(
    any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd"
    ),
    target_arch = "x86_64"
))]
fn kind_of_page_fault(code: u64) -> AccessKind {
    const WRITE: u64 = 1 << 1;
    const FETCH: u64 = 1 << 4;
    match code {
        code if code & FETCH != 0 => AccessKind::Execute,
        code if code & WRITE != 0 => AccessKind::Write,
        _ => AccessKind::Read,
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "x86_64"))]
mod system {
    use libc::{greg_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut greg_t {
        &mut context.uc_mcontext.gregs[libc::REG_RIP as usize]
    }

    pub(crate) fn stack_pointer(context: &mut ucontext_t) -> &mut greg_t {
        &mut context.uc_mcontext.gregs[libc::REG_RSP as usize]
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut greg_t {
        &mut context.uc_mcontext.gregs[libc::REG_R11 as usize]
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "aarch64"))]
mod system {
    use libc::ucontext_t;

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut u64 {
        &mut context.uc_mcontext.pc
    }

    pub(crate) fn stack_pointer(context: &mut ucontext_t) -> &mut u64 {
        &mut context.uc_mcontext.sp
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut u64 {
        &mut context.uc_mcontext.regs[17]
    }
}

#[cfg(all(target_vendor = "apple", target_arch = "x86_64"))]
mod system {
    use libc::ucontext_t;

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the context that the kernel passes to a handler points to the registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__rip }
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the context that the kernel passes to a handler points to the registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__r11 }
    }

    pub(crate) fn access_kind(context: &ucontext_t) -> Option<super::AccessKind> {
        // SAFETY: the context that the kernel passes to a handler points to the registers.
        Some(super::kind_of_page_fault(unsafe { (*context.uc_mcontext).__es.__err }.into()))
    }
}

#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
mod system {
    use super::AccessKind;
    use libc::ucontext_t;

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the context that the kernel passes to a handler points to the registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__pc }
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the context that the kernel passes to a handler points to the registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__x[17] }
    }

    /// Decodes the exception syndrome: its highest bits are the class of the exception, and bit 6
    /// says whether a data abort was a write.
    pub(crate) fn access_kind(context: &ucontext_t) -> Option<AccessKind> {
        // SAFETY: the context that the kernel passes to a handler points to the registers.
        let syndrome = unsafe { (*context.uc_mcontext).__es.__esr };
        match (syndrome >> 26, syndrome >> 6 & 1) {
            (0x24, 0) => Some(AccessKind::Read),
            (0x24, _) => Some(AccessKind::Write),
            (0x20, _) => Some(AccessKind::Execute),
            _ => None,
        }
    }
}

#[cfg(all(target_os = "freebsd", target_arch = "x86_64"))]
mod system {
    use libc::{register_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_rip
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_r11
    }

    pub(crate) fn access_kind(context: &ucontext_t) -> Option<super::AccessKind> {
        Some(super::kind_of_page_fault(context.uc_mcontext.mc_err as u64))
    }
}

#[cfg(all(target_os = "freebsd", target_arch = "aarch64"))]
mod system {
    use libc::{register_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_gpregs.gp_elr
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_gpregs.gp_x[17]
    }

    /// The kernel does not report it.
    pub(crate) fn access_kind(_: &ucontext_t) -> Option<super::AccessKind> {
        None
    }
}

#[cfg(all(target_os = "netbsd", target_arch = "x86_64"))]
mod system {
    use libc::{c___greg_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut c___greg_t {
        &mut context.uc_mcontext.__gregs[libc::_REG_RIP as usize]
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut c___greg_t {
        &mut context.uc_mcontext.__gregs[libc::_REG_R11 as usize]
    }

    pub(crate) fn access_kind(context: &ucontext_t) -> Option<super::AccessKind> {
        Some(super::kind_of_page_fault(context.uc_mcontext.__gregs[libc::_REG_ERR as usize]))
    }
}

#[cfg(all(target_os = "openbsd", target_arch = "x86_64"))]
mod system {
    use libc::{c_long, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut c_long {
        &mut context.sc_rip
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut c_long {
        &mut context.sc_r11
    }

    pub(crate) fn access_kind(context: &ucontext_t) -> Option<super::AccessKind> {
        Some(super::kind_of_page_fault(context.sc_err as u64))
    }
}

#[cfg(all(target_os = "openbsd", target_arch = "aarch64"))]
mod system {
    use libc::{c_ulong, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut c_ulong {
        &mut context.sc_elr
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut c_ulong {
        &mut context.sc_x[17]
    }

    /// The kernel does not report it.
    pub(crate) fn access_kind(_: &ucontext_t) -> Option<super::AccessKind> {
        None
    }
}

/// Elsewhere the accessors are portable and never fault, so these functions are not called.
#[cfg(not(any(
    all(
        any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "openbsd",
            target_vendor = "apple"
        ),
        any(target_arch = "x86_64", target_arch = "aarch64")
    ),
    all(target_os = "netbsd", target_arch = "x86_64")
)))]
mod system {
    use libc::ucontext_t;

    pub(crate) fn program_counter(_: &mut ucontext_t) -> &mut usize {
        unreachable!()
    }

    pub(crate) fn fault_register(_: &mut ucontext_t) -> &mut usize {
        unreachable!()
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn access_kind(_: &ucontext_t) -> Option<super::AccessKind> {
        None
    }
}
