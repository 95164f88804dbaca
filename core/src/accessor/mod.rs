//! The kernels: the only code that touches mapped memory.
//!
//! A kernel is a piece of assembly, opaque to the compiler, so that memory which other processes change, or which vanishes,
//! never becomes a matter of Rust's rules. When an access faults, the handler of signals (`sys::fault`) asks [`recovery`]
//! where the kernel goes on; the kernel then finishes byte by byte, and says exactly how far it came.
//!
//! # Safety
//!
//! What all kernels ask of their caller:
//!
//! - the ranges lie in address space that is reserved for a map, or in memory the caller may access as the kernel does.
//!   Whether the pages of a map can be accessed does not matter;
//! - this thread can take a fault (`sys::fault::ensure_ready`).
//!
//! Ranges may overlap only where a kernel says so.

#![allow(unsafe_code)]

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
#[macro_use]
mod assembly;

#[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
mod x86_64;
#[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
use x86_64 as own;

#[cfg(all(target_arch = "aarch64", not(safemap_portable)))]
mod aarch64;
#[cfg(all(target_arch = "aarch64", not(safemap_portable)))]
use aarch64 as own;

#[cfg(any(test, safemap_portable, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod portable;
#[cfg(any(safemap_portable, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
use portable as own;

#[cfg(test)]
mod tests;

/// What a kernel did before it ended or was stopped.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Bytes, or places; each kernel says which.
    pub(crate) done: usize,
    /// The address that could not be accessed, 0 if none.
    pub(crate) fault: usize,
}

/// What was loaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    pub(crate) value: u64,
    /// The address that could not be accessed, 0 if none.
    pub(crate) fault: usize,
}

/// Three bytes of a needle and their distances from its start, in ascending order.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) bytes: [u8; 3],
    pub(crate) at: [usize; 3],
}

/// Whether the kernels rely on the handler of signals.
pub(crate) const FAULTS: bool = own::FAULTS;

/// Finds where a kernel goes on that faulted at the instruction `pc`; `None` if that is no access of a kernel.
///
/// May be called in a handler of signals: takes no lock, touches nothing of the thread's.
#[inline]
pub(crate) fn fixup(pc: usize) -> Option<usize> {
    own::fixup(pc)
}

/// Asks for the bytes at an address before they are needed. Nothing need be there: no fault comes of it.
#[inline]
pub(crate) fn prefetch(at: *const u8) {
    own::prefetch(at);
}

/// An instruction that may fault, and where it goes on then; `None` if the kernels do not.
#[cfg(test)]
#[allow(dead_code)] // Not every platform asks.
pub(crate) fn some_access() -> Option<(usize, usize)> {
    let last = own::fixups()?.into_iter().max()?;
    (0..last).rev().take(1 << 16).find_map(|pc| Some((pc, fixup(pc)?)))
}

macro_rules! accessors {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)+) => {
        $(
            $(#[$doc])*
            ///
            /// # Safety
            ///
            /// As the module says.
            #[inline]
            pub(crate) unsafe fn $name($($arg: $kind),*) -> $result {
                // SAFETY: the caller's promise, handed on.
                unsafe { own::$name($($arg),*) }
            }
        )+
    };
}

accessors! {
    /// Copies `n` bytes, ascending: `dst` may overlap `src` from below. `done`: bytes copied.
    fn copy(dst: *mut u8, src: *const u8, n: usize) -> Outcome;

    /// Copies `n` bytes, descending: `dst` may overlap `src` from above. `done`: bytes copied, counted from the end.
    fn copy_back(dst: *mut u8, src: *const u8, n: usize) -> Outcome;

    /// Copies up to and with the first `byte`, `n` bytes at most; neither range holds a part of the other. `done`: bytes copied. What
    /// follows them in `dst`, up to `n` bytes, may have been written to as well.
    fn copy_until(dst: *mut u8, src: *const u8, n: usize, byte: u8) -> Outcome;

    /// Fills `n` bytes with `byte`. `done`: bytes filled.
    fn fill(dst: *mut u8, byte: u8, n: usize) -> Outcome;

    /// Compares two ranges, which may overlap. `done`: bytes before the first difference, or that were compared.
    fn compare(a: *const u8, b: *const u8, n: usize) -> Outcome;

    /// Finds the first `byte`. `done`: its index, or `n`, or how many bytes before the fault do not hold it.
    fn find_byte(at: *const u8, n: usize, byte: u8) -> Outcome;

    /// Finds the last `byte`. `done`: its index + 1, or 0; or, after a fault, from which index on it does not occur.
    fn rfind_byte(at: *const u8, n: usize, byte: u8) -> Outcome;

    /// Finds the first of `n` places `i` for which `at[i + probe.at[k]] == probe.bytes[k]` for all three `k`. `done`: the
    /// place, or `n`, or how many places before the fault are no candidates.
    ///
    /// Reads nothing beyond `at .. at + n + probe.at[2]`.
    fn find_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome;

    /// Finds the last such place. `done`: the place + 1, or 0; or, after a fault, from which place on there is no candidate.
    fn rfind_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome;

    /// Copies `n` bytes that stand `step` apart into a row; neither holds a part of the other. `done`: bytes copied.
    fn gather(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;

    /// Copies a row of `n` bytes to places that are `step` apart; neither holds a part of the other. `done`: bytes copied.
    fn scatter(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;

    /// Loads a byte.
    fn load8(at: *const u8) -> Loaded;

    /// Loads 16 bits with one instruction, at any address.
    fn load16(at: *const u8) -> Loaded;

    /// Loads 32 bits with one instruction, at any address.
    fn load32(at: *const u8) -> Loaded;

    /// Loads 64 bits with one instruction, at any address.
    fn load64(at: *const u8) -> Loaded;

    /// Stores a byte. Returns the address that could not be accessed, or 0.
    fn store8(at: *mut u8, value: u64) -> usize;

    /// Stores 16 bits with one instruction, at any address. Returns the address that could not be accessed, or 0.
    fn store16(at: *mut u8, value: u64) -> usize;

    /// Stores 32 bits with one instruction, at any address. Returns the address that could not be accessed, or 0.
    fn store32(at: *mut u8, value: u64) -> usize;

    /// Stores 64 bits with one instruction, at any address. Returns the address that could not be accessed, or 0.
    fn store64(at: *mut u8, value: u64) -> usize;
}
