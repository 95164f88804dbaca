//! The accessors: the only code that accesses mapped memory.
//!
//! An accessor is an assembly routine, opaque to the compiler. Other processes may change or remove
//! the memory that it accesses without breaking the rules of Rust. If an access faults, the signal
//! handler (`sys::fault`) asks [`fixup`] for the address at which the accessor continues. The
//! accessor then finishes byte by byte and reports exactly how far it came.
//!
//! # Safety
//!
//! The caller of an accessor guarantees:
//!
//! - Each range lies in address space that is reserved for a map, or in memory that the caller may
//!   access in the same way. Whether the pages of a map are accessible does not matter.
//! - This thread can take a fault (`sys::fault::ensure_ready`).
//!
//! Ranges may overlap only where the accessor says so.

#![allow(unsafe_code)]

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
#[macro_use]
mod assembly;
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
mod entry;
#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]
mod exceptions;
pub(crate) mod inline;
mod outcome;
mod probe;

#[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
mod x86_64;
#[cfg(all(target_arch = "x86_64", not(safemap_portable)))]
use x86_64 as backend;

#[cfg(all(target_arch = "aarch64", not(safemap_portable)))]
mod aarch64;
#[cfg(all(target_arch = "aarch64", not(safemap_portable)))]
use aarch64 as backend;

#[cfg(any(test, safemap_portable, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod portable;
#[cfg(any(safemap_portable, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
use portable as backend;

#[cfg(test)]
mod tests;

pub(crate) use outcome::{Loaded, Outcome};
pub(crate) use probe::Probe;

/// Whether the accessors rely on the signal handler.
pub(crate) const FAULTS: bool = backend::FAULTS;

/// Whether there are accessors that replace a word atomically: `swap8` to `compare_exchange64`.
pub(crate) const HAS_UPDATES: bool = FAULTS;

/// Whether no later load is done before an update. On x86-64 locked instructions are full barriers
/// (Intel SDM 3A, 9.2.3.9).
pub(crate) const UPDATES_PRECEDE_LOADS: bool = cfg!(target_arch = "x86_64");

/// Looks up the exception table: returns the fixup address for a fault of the instruction at `pc`,
/// or `None` if that is no access of an accessor or of an inlined form.
///
/// Async-signal-safe: takes no lock and uses no thread-local state.
#[inline]
pub(crate) fn fixup(pc: usize) -> Option<usize> {
    let fixup = backend::fixup(pc);
    #[cfg(test)]
    tests::count(fixup);
    fixup
}

/// Prepares [`fixup`], so that it takes logarithmic time.
pub(crate) fn build_index() {
    backend::build_index();
}

/// Prefetches the bytes at an address. An inaccessible address causes no fault.
#[inline]
pub(crate) fn prefetch(at: *const u8) {
    backend::prefetch(at);
}

/// Returns the address of an instruction that may fault, and its fixup; `None` if the accessors
/// never fault.
#[cfg(test)]
#[allow(dead_code)] // Not used on every platform.
pub(crate) fn some_access() -> Option<(usize, usize)> {
    let last = backend::fixups()?.into_iter().max()?;
    (0..last).rev().take(1 << 16).find_map(|pc| Some((pc, fixup(pc)?)))
}

macro_rules! accessors {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)+) => {
        $(
            $(#[$doc])*
            ///
            /// # Safety
            ///
            /// See the module documentation.
            #[inline]
            pub(crate) unsafe fn $name($($arg: $kind),*) -> $result {
                // SAFETY: the same conditions apply to the caller.
                unsafe { backend::$name($($arg),*) }
            }
        )+
    };
}

accessors! {
    /// Copies `n` bytes, ascending: `dst` may overlap `src` from below. `done`: bytes copied.
    fn copy(dst: *mut u8, src: *const u8, n: usize) -> Outcome;

    /// Copies `n` bytes, descending: `dst` may overlap `src` from above. `done`: bytes copied,
    /// counted from the end.
    fn copy_back(dst: *mut u8, src: *const u8, n: usize) -> Outcome;

    /// Copies at most `n` bytes, up to and including the first `byte`. The ranges must not overlap.
    /// `done`: bytes copied. Bytes of `dst` after these, up to `n`, may have been written too.
    fn copy_until(dst: *mut u8, src: *const u8, n: usize, byte: u8) -> Outcome;

    /// Fills `n` bytes with `byte`. `done`: bytes filled.
    fn fill(dst: *mut u8, byte: u8, n: usize) -> Outcome;

    /// Compares two ranges, which may overlap. `done`: bytes before the first difference or fault,
    /// or `n`.
    fn compare(a: *const u8, b: *const u8, n: usize) -> Outcome;

    /// Finds the first `byte`. `done`: its index, or `n`. After a fault: the number of bytes before
    /// the fault, none of which is `byte`.
    fn find_byte(at: *const u8, n: usize, byte: u8) -> Outcome;

    /// Counts `byte`. `done`: the count; after a fault, that of the bytes before the fault.
    fn count_byte(at: *const u8, n: usize, byte: u8) -> Outcome;

    /// Finds the last `byte`. `done`: its index + 1, or 0. After a fault: the index from which on
    /// `byte` does not occur.
    fn rfind_byte(at: *const u8, n: usize, byte: u8) -> Outcome;

    /// Finds the first candidate: an index `i < n` with `at[i + probe.at[k]] == probe.bytes[k]` for
    /// all three `k`. `done`: its index, or `n`. After a fault: the number of indices before the
    /// fault, none of which is a candidate.
    ///
    /// Reads nothing outside `at .. at + n + probe.at[2]`.
    fn find_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome;

    /// Finds the last candidate. `done`: its index + 1, or 0. After a fault: the index from which
    /// on there is no candidate.
    fn rfind_probe(at: *const u8, n: usize, probe: &Probe) -> Outcome;

    /// Copies `n` bytes that are `step` apart to consecutive addresses. The ranges must not
    /// overlap. `done`: bytes copied.
    fn gather(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;

    /// Copies `n` consecutive bytes to addresses that are `step` apart. The ranges must not
    /// overlap. `done`: bytes copied.
    fn scatter(dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;

    /// Loads a byte.
    fn load8(at: *const u8) -> Loaded;

    /// Loads 16 bits with one instruction, at any address.
    fn load16(at: *const u8) -> Loaded;

    /// Loads 32 bits with one instruction, at any address.
    fn load32(at: *const u8) -> Loaded;

    /// Loads 64 bits with one instruction, at any address.
    fn load64(at: *const u8) -> Loaded;

    /// Stores a byte. Returns the fault address, or 0.
    fn store8(at: *mut u8, value: u64) -> usize;

    /// Stores 16 bits with one instruction, at any address. Returns the fault address, or 0.
    fn store16(at: *mut u8, value: u64) -> usize;

    /// Stores 32 bits with one instruction, at any address. Returns the fault address, or 0.
    fn store32(at: *mut u8, value: u64) -> usize;

    /// Stores 64 bits with one instruction, at any address. Returns the fault address, or 0.
    fn store64(at: *mut u8, value: u64) -> usize;

    /// Replaces a byte with `operand`. Returns the former value.
    fn swap8(at: *mut u8, operand: u64) -> Loaded;

    /// Replaces aligned 16 bits with `operand`. Returns the former value.
    fn swap16(at: *mut u8, operand: u64) -> Loaded;

    /// Replaces aligned 32 bits with `operand`. Returns the former value.
    fn swap32(at: *mut u8, operand: u64) -> Loaded;

    /// Replaces aligned 64 bits with `operand`. Returns the former value.
    fn swap64(at: *mut u8, operand: u64) -> Loaded;

    /// Adds `operand` to a byte, modulo its range. Returns the former value.
    fn add8(at: *mut u8, operand: u64) -> Loaded;

    /// Adds `operand` to aligned 16 bits, modulo its range. Returns the former value.
    fn add16(at: *mut u8, operand: u64) -> Loaded;

    /// Adds `operand` to aligned 32 bits, modulo its range. Returns the former value.
    fn add32(at: *mut u8, operand: u64) -> Loaded;

    /// Adds `operand` to aligned 64 bits, modulo its range. Returns the former value.
    fn add64(at: *mut u8, operand: u64) -> Loaded;

    /// Replaces a byte with `new` if it is `expected`. Returns the former value.
    fn compare_exchange8(at: *mut u8, expected: u64, new: u64) -> Loaded;

    /// Replaces aligned 16 bits with `new` if they are `expected`. Returns the former value.
    fn compare_exchange16(at: *mut u8, expected: u64, new: u64) -> Loaded;

    /// Replaces aligned 32 bits with `new` if they are `expected`. Returns the former value.
    fn compare_exchange32(at: *mut u8, expected: u64, new: u64) -> Loaded;

    /// Replaces aligned 64 bits with `new` if they are `expected`. Returns the former value.
    fn compare_exchange64(at: *mut u8, expected: u64, new: u64) -> Loaded;
}
