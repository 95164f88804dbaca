//! The accessors of x86-64, with AVX2 if the processor has it, else with SSE2.
//!
//! They use the System V calling convention on every operating system. r11 is the fault register.
//! AVX2 code clears the upper halves of its registers (`vzeroupper`) before it returns.

use super::{Loaded, Outcome, Probe};
use std::{
    arch::asm,
    mem,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
};

#[cfg(test)]
pub(super) use super::exceptions::fixups;
pub(super) use super::exceptions::{build_index, fixup};

pub(super) const FAULTS: bool = true;

assemble!(
    "x86_64/atomic.s",
    "x86_64/copy.s",
    "x86_64/fill.s",
    "x86_64/compare.s",
    "x86_64/count.s",
    "x86_64/find.s",
    "x86_64/probe.s",
    "x86_64/stride.s",
    "x86_64/until.s",
    "x86_64/word.s"
);

/// Declares both forms of an accessor, and a function that calls one of them through a pointer. The
/// pointer initially refers to `choose`, which replaces it by the form for this processor. A call
/// costs no more than a call into another library.
macro_rules! either {
    ($(fn $name:ident $wide:literal $narrow:literal ($($arg:ident: $kind:ty),*);)+) => {
        pub(super) mod avx2 {
            use super::*;
            declare! { "sysv64", $(fn $name $wide ($($arg: $kind),*) -> Outcome;)+ }
        }
        pub(super) mod sse2 {
            use super::*;
            declare! { "sysv64", $(fn $name $narrow ($($arg: $kind),*) -> Outcome;)+ }
        }
        $(
            #[inline]
            pub(super) unsafe fn $name($($arg: $kind),*) -> Outcome {
                type Form = unsafe extern "sysv64" fn($($kind),*) -> Outcome;
                static CHOSEN: AtomicPtr<()> = AtomicPtr::new(choose as *mut ());
                unsafe extern "sysv64" fn choose($($arg: $kind),*) -> Outcome {
                    let form: Form = if has_avx2() { avx2::$name } else { sse2::$name };
                    CHOSEN.store(form as *mut (), Relaxed);
                    // SAFETY: the processor supports the form; the other conditions are the
                    // caller's.
                    unsafe { form($($arg),*) }
                }
                // SAFETY: only functions of this type are stored in CHOSEN.
                let form = unsafe { mem::transmute::<*mut (), Form>(CHOSEN.load(Relaxed)) };
                // SAFETY: the processor supports the chosen form; the other conditions are the
                // caller's.
                unsafe { form($($arg),*) }
            }
        )+
    };
}

either! {
    fn copy "copy_avx2" "copy_sse2" (dst: *mut u8, src: *const u8, n: usize);
    fn copy_back "copy_back_avx2" "copy_back_sse2" (dst: *mut u8, src: *const u8, n: usize);
    fn copy_until "copy_until_avx2" "copy_until_sse2"
        (dst: *mut u8, src: *const u8, n: usize, byte: u8);
    fn fill "fill_avx2" "fill_sse2" (dst: *mut u8, byte: u8, n: usize);
    fn compare "compare_avx2" "compare_sse2" (a: *const u8, b: *const u8, n: usize);
    fn count_byte "count_byte_avx2" "count_byte_sse2" (at: *const u8, n: usize, byte: u8);
    fn find_byte "find_byte_avx2" "find_byte_sse2" (at: *const u8, n: usize, byte: u8);
    fn rfind_byte "rfind_byte_avx2" "rfind_byte_sse2" (at: *const u8, n: usize, byte: u8);
    fn find_probe "find_probe_avx2" "find_probe_sse2" (at: *const u8, n: usize, probe: &Probe);
    fn rfind_probe "rfind_probe_avx2" "rfind_probe_sse2" (at: *const u8, n: usize, probe: &Probe);
}

declare_for_all! {
    "sysv64",
    fn gather "gather" (dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;
    fn scatter "scatter" (dst: *mut u8, src: *const u8, n: usize, step: isize) -> Outcome;
}

/// Declares the accessors of one word and calls them with inline assembly, which names the few
/// registers that they change. The caller keeps its values in the other registers. That saves
/// `Map::get` ten instructions that spill registers to the stack and reload them.
macro_rules! words {
    ($($load:ident $load_name:literal $store:ident $store_name:literal;)+) => {
        mod word {
            // Rust must not call these directly: they have their own calling convention (word.s).
            unsafe extern "C" {
                $(
                    #[link_name = symbol_name!($load_name)]
                    pub(super) fn $load();
                    #[link_name = symbol_name!($store_name)]
                    pub(super) fn $store();
                )+
            }
        }
        $(
            #[inline]
            pub(super) unsafe fn $load(at: *const u8) -> Loaded {
                let (value, fault);
                // SAFETY: the accessor changes only these registers and the flags (word.s); the
                // other conditions are the caller's.
                unsafe {
                    asm!(
                        "call {}",
                        sym word::$load,
                        inlateout("rax") at => value,
                        lateout("rdx") fault,
                        lateout("r11") _,
                    );
                }
                Loaded { value, fault }
            }

            #[inline]
            pub(super) unsafe fn $store(at: *mut u8, value: u64) -> usize {
                let fault;
                // SAFETY: as above.
                unsafe {
                    asm!(
                        "call {}",
                        sym word::$store,
                        inlateout("rax") at => fault,
                        in("rdx") value,
                        lateout("r11") _,
                    );
                }
                fault
            }
        )+
    };
}

words! {
    load8 "load8" store8 "store8";
    load16 "load16" store16 "store16";
    load32 "load32" store32 "store32";
    load64 "load64" store64 "store64";
}

/// Declares the accessors that replace a word, as `words!` does.
macro_rules! updates {
    ($($update:ident $update_name:literal)+; $($exchange:ident $exchange_name:literal)+) => {
        mod update {
            // Rust must not call these directly: they have their own calling convention (atomic.s).
            unsafe extern "C" {
                $(
                    #[link_name = symbol_name!($update_name)]
                    pub(super) fn $update();
                )+
                $(
                    #[link_name = symbol_name!($exchange_name)]
                    pub(super) fn $exchange();
                )+
            }
        }
        $(
            #[inline]
            pub(super) unsafe fn $update(at: *mut u8, operand: u64) -> Loaded {
                let (value, fault);
                // SAFETY: the accessor changes only these registers and the flags (atomic.s); the
                // other conditions are the caller's.
                unsafe {
                    asm!(
                        "call {}",
                        sym update::$update,
                        inlateout("rax") at => value,
                        inlateout("rdx") operand => fault,
                        lateout("r11") _,
                    );
                }
                Loaded { value, fault }
            }
        )+
        $(
            #[inline]
            pub(super) unsafe fn $exchange(at: *mut u8, expected: u64, new: u64) -> Loaded {
                let (value, fault);
                // SAFETY: as above.
                unsafe {
                    asm!(
                        "call {}",
                        sym update::$exchange,
                        in("rcx") at,
                        inlateout("rax") expected => value,
                        inlateout("rdx") new => fault,
                        lateout("r11") _,
                    );
                }
                Loaded { value, fault }
            }
        )+
    };
}

updates! {
    swap8 "swap8" swap16 "swap16" swap32 "swap32" swap64 "swap64"
    add8 "add8" add16 "add16" add32 "add32" add64 "add64";
    compare_exchange8 "compare_exchange8" compare_exchange16 "compare_exchange16"
    compare_exchange32 "compare_exchange32" compare_exchange64 "compare_exchange64"
}

#[inline]
pub(super) fn prefetch(at: *const u8) {
    // SAFETY: a hint, which changes nothing and never faults (Intel SDM 2B, PREFETCHh; AMD APM 3,
    // PREFETCHlevel).
    unsafe { asm!("prefetcht0 [{}]", in(reg) at, options(nostack, preserves_flags, readonly)) };
}

/// Whether the processor has AVX2, and `popcnt`, which came before it.
fn has_avx2() -> bool {
    std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("popcnt")
}
