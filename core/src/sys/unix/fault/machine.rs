//! Where each system keeps the registers of an interrupted thread.

pub(super) use own::*;

/// Whether the system and the processor are among those below.
pub(super) const KNOWN: bool = cfg!(all(
    any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"),
    any(target_arch = "x86_64", target_arch = "aarch64")
));

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
}

#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
mod own {
    use libc::ucontext_t;

    pub(crate) fn program_counter(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the system's context of a signal points to its registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__pc }
    }

    pub(crate) fn fault_register(context: &mut ucontext_t) -> &mut u64 {
        // SAFETY: the system's context of a signal points to its registers.
        unsafe { &mut (*context.uc_mcontext).__ss.__x[17] }
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
}

/// Elsewhere no kernel faults, and nobody asks.
#[cfg(not(all(
    any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"),
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod own {
    use libc::ucontext_t;

    pub(crate) fn program_counter(_: &mut ucontext_t) -> &mut usize {
        unreachable!()
    }

    pub(crate) fn fault_register(_: &mut ucontext_t) -> &mut usize {
        unreachable!()
    }
}
