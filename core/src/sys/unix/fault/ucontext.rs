//! Where each system keeps the registers of an interrupted thread.

pub(super) use own::*;

/// Whether the system and the processor are among those below.
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

/// What an instruction tried to do with an address.
#[cfg_attr(any(target_os = "linux", target_os = "android"), allow(dead_code))] // The signal alone tells enough there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Read,
    Write,
    Execute,
}

/// Reads the error code that an x86 processor gives to a page fault.
#[cfg(all(
    any(target_vendor = "apple", target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"),
    target_arch = "x86_64"
))]
fn attempt_of(code: u64) -> Attempt {
    const WRITE: u64 = 1 << 1;
    const FETCH: u64 = 1 << 4;
    match code {
        code if code & FETCH != 0 => Attempt::Execute,
        code if code & WRITE != 0 => Attempt::Write,
        _ => Attempt::Read,
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), target_arch = "x86_64"))]
mod own {
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
mod own {
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
mod own {
    use libc::ucontext_t;

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the system's context of a signal points to its registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__rip }
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the system's context of a signal points to its registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__r11 }
    }

    pub(crate) fn attempt(context: &ucontext_t) -> Option<super::Attempt> {
        // SAFETY: the system's context of a signal points to its registers.
        Some(super::attempt_of(unsafe { (*context.uc_mcontext).__es.__err }.into()))
    }
}

#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
mod own {
    use super::Attempt;
    use libc::ucontext_t;

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the system's context of a signal points to its registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__pc }
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the system's context of a signal points to its registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__x[17] }
    }

    /// The syndrome tells the class of the exception in its highest bits, and of an abort whether it was a write in bit 6.
    pub(crate) fn attempt(context: &ucontext_t) -> Option<Attempt> {
        // SAFETY: the system's context of a signal points to its registers.
        let syndrome = unsafe { (*context.uc_mcontext).__es.__esr };
        match (syndrome >> 26, syndrome >> 6 & 1) {
            (0x24, 0) => Some(Attempt::Read),
            (0x24, _) => Some(Attempt::Write),
            (0x20, _) => Some(Attempt::Execute),
            _ => None,
        }
    }
}

#[cfg(all(target_os = "freebsd", target_arch = "x86_64"))]
mod own {
    use libc::{register_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_rip
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_r11
    }

    pub(crate) fn attempt(context: &ucontext_t) -> Option<super::Attempt> {
        Some(super::attempt_of(context.uc_mcontext.mc_err as u64))
    }
}

#[cfg(all(target_os = "freebsd", target_arch = "aarch64"))]
mod own {
    use libc::{register_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_gpregs.gp_elr
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut register_t {
        &mut context.uc_mcontext.mc_gpregs.gp_x[17]
    }

    /// The system does not tell.
    pub(crate) fn attempt(_: &ucontext_t) -> Option<super::Attempt> {
        None
    }
}

#[cfg(all(target_os = "netbsd", target_arch = "x86_64"))]
mod own {
    use libc::{c___greg_t, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut c___greg_t {
        &mut context.uc_mcontext.__gregs[libc::_REG_RIP as usize]
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut c___greg_t {
        &mut context.uc_mcontext.__gregs[libc::_REG_R11 as usize]
    }

    pub(crate) fn attempt(context: &ucontext_t) -> Option<super::Attempt> {
        Some(super::attempt_of(context.uc_mcontext.__gregs[libc::_REG_ERR as usize]))
    }
}

#[cfg(all(target_os = "openbsd", target_arch = "x86_64"))]
mod own {
    use libc::{c_long, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut c_long {
        &mut context.sc_rip
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut c_long {
        &mut context.sc_r11
    }

    pub(crate) fn attempt(context: &ucontext_t) -> Option<super::Attempt> {
        Some(super::attempt_of(context.sc_err as u64))
    }
}

#[cfg(all(target_os = "openbsd", target_arch = "aarch64"))]
mod own {
    use libc::{c_ulong, ucontext_t};

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut c_ulong {
        &mut context.sc_elr
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut c_ulong {
        &mut context.sc_x[17]
    }

    /// The system does not tell.
    pub(crate) fn attempt(_: &ucontext_t) -> Option<super::Attempt> {
        None
    }
}

/// Elsewhere no kernel faults, and nobody asks.
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
mod own {
    use libc::ucontext_t;

    pub(crate) fn program_counter(_: &mut ucontext_t) -> &mut usize {
        unreachable!()
    }

    pub(crate) fn fault_register(_: &mut ucontext_t) -> &mut usize {
        unreachable!()
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn attempt(_: &ucontext_t) -> Option<super::Attempt> {
        None
    }
}
