//! The registers of an interrupted thread in the `CONTEXT` of Windows.

use windows_sys::Win32::System::Diagnostics::Debug::CONTEXT;

/// Whether this file knows the processor.
pub(super) const KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

#[cfg(target_arch = "x86_64")]
pub(super) fn program_counter(context: &CONTEXT) -> usize {
    context.Rip as usize
}

/// Makes the thread continue at `fixup`, with the fault address in the fault register.
#[cfg(target_arch = "x86_64")]
pub(super) fn resume(context: &mut CONTEXT, fixup: usize, address: usize) {
    context.R11 = address as u64;
    context.Rip = fixup as u64;
}

#[cfg(target_arch = "aarch64")]
pub(super) fn program_counter(context: &CONTEXT) -> usize {
    context.Pc as usize
}

/// Makes the thread continue at `fixup`, with the fault address in the fault register.
#[cfg(target_arch = "aarch64")]
pub(super) fn resume(context: &mut CONTEXT, fixup: usize, address: usize) {
    // SAFETY: all fields of the union are views of the same registers.
    unsafe { context.Anonymous.X[17] = address as u64 };
    context.Pc = fixup as u64;
}

/// Elsewhere the accessors are portable and never fault, so these functions are not called.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn program_counter(_: &CONTEXT) -> usize {
    unreachable!()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn resume(_: &mut CONTEXT, _: usize, _: usize) {
    unreachable!()
}
