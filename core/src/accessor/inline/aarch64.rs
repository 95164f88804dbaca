//! The inlined forms of 64-bit ARM. x17 is the fault register. Searches are not inlined.

use std::{arch::asm, ops::RangeInclusive};

/// Whether this code is in the object that contains the crate; see the form of x86-64.
#[inline]
#[allow(named_asm_labels)] // `home` is not defined here.
pub(crate) fn is_home() -> bool {
    let address: usize;
    // SAFETY: loads a constant of this object.
    unsafe {
        asm!(
            concat!(".weak ", symbol_name!("home")),
            concat!(".hidden ", symbol_name!("home")),
            concat!("adrp {0}, :got:", symbol_name!("home")),
            concat!("ldr {0}, [{0}, :got_lo12:", symbol_name!("home"), "]"),
            out(reg) address,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    address != 0
}

/// Loads and stores of one word at `base + at`.
macro_rules! words {
    ($($load:ident $loading:literal $store:ident $storing:literal;)+) => {$(
        /// Returns `None` after a fault.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $load(base: *const u8, at: usize) -> Option<u64> {
            let (value, fault): (u64, usize);
            // SAFETY: the caller may read the word; a fault continues at the end of the block.
            unsafe {
                asm!(
                    "mov x17, xzr",
                    concat!("771: ", $loading, ", [{base}, {at}]"),
                    "772:",
                    entry!(),
                    base = in(reg) base,
                    at = in(reg) at,
                    value = lateout(reg) value,
                    out("x17") fault,
                    options(nostack),
                );
            }
            (fault == 0).then_some(value)
        }

        /// Returns `false` after a fault.
        ///
        /// # Safety
        ///
        /// See the module above.
        #[inline]
        pub(crate) unsafe fn $store(base: *mut u8, at: usize, value: u64) -> bool {
            let fault: usize;
            // SAFETY: the caller may write the word; a fault continues at the end of the block.
            unsafe {
                asm!(
                    "mov x17, xzr",
                    concat!("771: ", $storing, ", [{base}, {at}]"),
                    "772:",
                    entry!(),
                    base = in(reg) base,
                    at = in(reg) at,
                    value = in(reg) value,
                    out("x17") fault,
                    options(nostack),
                );
            }
            fault == 0
        }
    )+};
}

words! {
    load8 "ldrb {value:w}" store8 "strb {value:w}";
    load16 "ldrh {value:w}" store16 "strh {value:w}";
    load32 "ldr {value:w}" store32 "str {value:w}";
    load64 "ldr {value:x}" store64 "str {value:x}";
}

/// The lengths for [`copy`].
pub(crate) const COPIED: RangeInclusive<usize> = 0..=128;

/// Searches call the accessor.
#[allow(clippy::reversed_empty_ranges)]
pub(crate) const SEARCHED: RangeInclusive<usize> = 1..=0;

/// Never called.
///
/// # Safety
///
/// None.
#[inline]
pub(crate) unsafe fn find(_at: *const u8, _n: usize, _byte: u8) -> Option<usize> {
    None
}

/// A block that loads all bytes and then stores them, through temporary registers of one class.
macro_rules! copy_block {
    ($dst:ident, $src:ident, $n:ident, $class:ident $($temporary:ident)+, $($line:literal,)+) => {{
        let (src_end, dst_end) = ($src.wrapping_add($n), $dst.wrapping_add($n));
        let fault: usize;
        // SAFETY: the caller may access both ranges; a fault continues at the end of the block.
        unsafe {
            asm!(
                "mov x17, xzr",
                // Not every length uses all arguments.
                "/* {src} {src_end} {dst} {dst_end} */",
                "771:",
                $($line,)+
                "772:",
                entry!(),
                dst = in(reg) $dst,
                src = in(reg) $src,
                dst_end = in(reg) dst_end,
                src_end = in(reg) src_end,
                $($temporary = out($class) _,)+
                out("x17") fault,
                options(nostack),
            );
        }
        fault == 0
    }};
}

/// Copies `n` bytes, a length in [`COPIED`]. Returns `false` after a fault.
///
/// # Safety
///
/// See the module above.
#[inline(always)]
pub(crate) unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) -> bool {
    match n {
        65.. => copy_block!(
            dst, src, n, vreg a b c d e f g h,
            "ldp {a:q}, {b:q}, [{src}]",
            "ldp {c:q}, {d:q}, [{src}, 32]",
            "ldp {e:q}, {f:q}, [{src_end}, -64]",
            "ldp {g:q}, {h:q}, [{src_end}, -32]",
            "stp {a:q}, {b:q}, [{dst}]",
            "stp {c:q}, {d:q}, [{dst}, 32]",
            "stp {e:q}, {f:q}, [{dst_end}, -64]",
            "stp {g:q}, {h:q}, [{dst_end}, -32]",
        ),
        33.. => copy_block!(
            dst, src, n, vreg a b c d,
            "ldp {a:q}, {b:q}, [{src}]",
            "ldp {c:q}, {d:q}, [{src_end}, -32]",
            "stp {a:q}, {b:q}, [{dst}]",
            "stp {c:q}, {d:q}, [{dst_end}, -32]",
        ),
        16.. => copy_block!(
            dst, src, n, vreg a b,
            "ldr {a:q}, [{src}]",
            "ldr {b:q}, [{src_end}, -16]",
            "str {a:q}, [{dst}]",
            "str {b:q}, [{dst_end}, -16]",
        ),
        8.. => copy_block!(
            dst, src, n, reg a b,
            "ldr {a}, [{src}]",
            "ldr {b}, [{src_end}, -8]",
            "str {a}, [{dst}]",
            "str {b}, [{dst_end}, -8]",
        ),
        4.. => copy_block!(
            dst, src, n, reg a b,
            "ldr {a:w}, [{src}]",
            "ldr {b:w}, [{src_end}, -4]",
            "str {a:w}, [{dst}]",
            "str {b:w}, [{dst_end}, -4]",
        ),
        2.. => copy_block!(
            dst, src, n, reg a b,
            "ldrh {a:w}, [{src}]",
            "ldrb {b:w}, [{src_end}, -1]",
            "strh {a:w}, [{dst}]",
            "strb {b:w}, [{dst_end}, -1]",
        ),
        1 => copy_block!(
            dst, src, n, reg a,
            "ldrb {a:w}, [{src_end}, -1]",
            "strb {a:w}, [{dst}]",
        ),
        0 => true,
    }
}
