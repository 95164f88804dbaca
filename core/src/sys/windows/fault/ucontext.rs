//! Where Windows keeps the registers of an interrupted thread.

use windows_sys::Win32::System::Diagnostics::Debug::CONTEXT;

/// Whether the processor is among those below.
pub(super) const KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

#[cfg(target_arch = "x86_64")]
pub(super) fn program_counter(context: &CONTEXT) -> usize {
    context.Rip as usize
}

/// Has the thread go on at `at`, with `address` in the fault register.
#[cfg(target_arch = "x86_64")]
pub(super) fn resume(context: &mut CONTEXT, at: usize, address: usize) {
    context.R11 = address as u64;
    context.Rip = at as u64;
}

#[cfg(target_arch = "aarch64")]
pub(super) fn program_counter(context: &CONTEXT) -> usize {
    context.Pc as usize
}

/// Has the thread go on at `at`, with `address` in the fault register.
#[cfg(target_arch = "aarch64")]
pub(super) fn resume(context: &mut CONTEXT, at: usize, address: usize) {
    // SAFETY: all of the union's fields are the same registers.
    unsafe { context.Anonymous.X[17] = address as u64 };
    context.Pc = at as u64;
}

/// Elsewhere no kernel faults, and nobody asks.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn program_counter(_: &CONTEXT) -> usize {
    unreachable!()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn resume(_: &mut CONTEXT, _: usize, _: usize) {
    unreachable!()
}
