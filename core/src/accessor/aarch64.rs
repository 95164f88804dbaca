//! The accessors of 64-bit ARM. They use NEON, which every such processor has. x17 is the fault
//! register.

use super::{Loaded, Outcome, Probe};
use std::arch::asm;

#[cfg(test)]
pub(super) use super::exceptions::fixups;
pub(super) use super::exceptions::{build_index, fixup};

pub(super) const FAULTS: bool = true;

assemble!(
    "aarch64/atomic.s",
    "aarch64/copy.s",
    "aarch64/fill.s",
    "aarch64/compare.s",
    "aarch64/count.s",
    "aarch64/find.s",
    "aarch64/probe.s",
    "aarch64/stride.s",
    "aarch64/until.s",
    "aarch64/word.s"
);

declare_for_all! {
    "C",
    fn copy "copy" (dst: *mut u8, src: *const u8, n: usize) -> Outcome;
    fn copy_back "copy_back" (dst: *mut u8, src: *const u8, n: usize) -> Outcome;
    fn copy_until "copy_until" (dst: *mut u8, src: *const u8, n: usize, byte: u8) -> Outcome;
    fn fill "fill" (dst: *mut u8, byte: u8, n: usize) -> Outcome;
    fn compare "compare" (a: *const u8, b: *const u8, n: usize) -> Outcome;
    fn count_byte "count_byte" (at: *const u8, n: usize, byte: u8) -> Outcome;
    fn find_byte "find_byte" (at: *const u8, n: usize, byte: u8) -> Outcome;
    fn rfind_byte "rfind_byte" (at: *const u8, n: usize, byte: u8) -> Outcome;
    fn find_probe "find_probe" (at: *const u8, n: usize, probe: &Probe) -> Outcome;
    fn rfind_probe "rfind_probe" (at: *const u8, n: usize, probe: &Probe) -> Outcome;
    fn gather "gather" (dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;
    fn scatter "scatter" (dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;
    fn load8 "load8" (at: *const u8) -> Loaded;
    fn load16 "load16" (at: *const u8) -> Loaded;
    fn load32 "load32" (at: *const u8) -> Loaded;
    fn load64 "load64" (at: *const u8) -> Loaded;
    fn store8 "store8" (at: *mut u8, value: u64) -> usize;
    fn store16 "store16" (at: *mut u8, value: u64) -> usize;
    fn store32 "store32" (at: *mut u8, value: u64) -> usize;
    fn store64 "store64" (at: *mut u8, value: u64) -> usize;
    fn swap8 "swap8" (at: *mut u8, operand: u64) -> Loaded;
    fn swap16 "swap16" (at: *mut u8, operand: u64) -> Loaded;
    fn swap32 "swap32" (at: *mut u8, operand: u64) -> Loaded;
    fn swap64 "swap64" (at: *mut u8, operand: u64) -> Loaded;
    fn add8 "add8" (at: *mut u8, operand: u64) -> Loaded;
    fn add16 "add16" (at: *mut u8, operand: u64) -> Loaded;
    fn add32 "add32" (at: *mut u8, operand: u64) -> Loaded;
    fn add64 "add64" (at: *mut u8, operand: u64) -> Loaded;
    fn compare_exchange8 "compare_exchange8" (at: *mut u8, expected: u64, new: u64) -> Loaded;
    fn compare_exchange16 "compare_exchange16" (at: *mut u8, expected: u64, new: u64) -> Loaded;
    fn compare_exchange32 "compare_exchange32" (at: *mut u8, expected: u64, new: u64) -> Loaded;
    fn compare_exchange64 "compare_exchange64" (at: *mut u8, expected: u64, new: u64) -> Loaded;
}

#[inline]
pub(super) fn prefetch(at: *const u8) {
    // SAFETY: a hint, which changes nothing and never faults (Arm ARM, PRFM).
    unsafe {
        asm!("prfm pldl1keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly))
    };
}
