//! The inlined forms of x86-64. r11 is the fault register.

use std::{
    arch::{
        asm,
        x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8},
    },
    ops::RangeInclusive,
};

mod updates;
pub(crate) use updates::*;

/// Whether this code is in the object that contains the crate.
///
/// The compiler may take the result out of a loop, because it is the same in all of an object. In
/// another object the symbol is undefined, and the linker stores 0 for its address.
#[inline]
#[allow(named_asm_labels)] // `home` is not defined here.
pub(crate) fn is_home() -> bool {
    let address: usize;
    // SAFETY: loads a constant of this object.
    unsafe {
        asm!(
            concat!(".weak ", symbol_name!("home")),
            concat!(".hidden ", symbol_name!("home")),
            concat!("mov {}, qword ptr [rip + ", symbol_name!("home"), "@GOTPCREL]"),
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
                    "xor r11d, r11d",
                    concat!("771: ", $loading, " [{base} + {at}]"),
                    "772:",
                    entry!(),
                    base = in(reg) base,
                    at = in(reg) at,
                    value = lateout(reg) value,
                    out("r11") fault,
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
                    "xor r11d, r11d",
                    concat!("771: ", $storing),
                    "772:",
                    entry!(),
                    base = in(reg) base,
                    at = in(reg) at,
                    value = in(reg) value,
                    out("r11") fault,
                    options(nostack),
                );
            }
            fault == 0
        }
    )+};
}

words! {
    load8 "movzx {value:e}, byte ptr" store8 "mov byte ptr [{base} + {at}], {value:l}";
    load16 "movzx {value:e}, word ptr" store16 "mov word ptr [{base} + {at}], {value:x}";
    load32 "mov {value:e}, dword ptr" store32 "mov dword ptr [{base} + {at}], {value:e}";
    load64 "mov {value}, qword ptr" store64 "mov qword ptr [{base} + {at}], {value}";
}

/// The lengths for [`copy`].
pub(crate) const COPIED: RangeInclusive<usize> = 0..=128;

/// Mixing the two encodings in a function that was compiled for AVX is slow.
#[cfg(target_feature = "avx")]
macro_rules! vector {
    ($instruction:literal) => {
        concat!("v", $instruction)
    };
}

#[cfg(not(target_feature = "avx"))]
macro_rules! vector {
    ($instruction:literal) => {
        $instruction
    };
}

/// A block that loads all bytes and then stores them, through temporary registers of one class.
macro_rules! copy_block {
    ($dst:ident, $src:ident, $n:ident, $class:ident $($temporary:ident)+, $($line:expr,)+) => {{
        let fault: usize;
        // SAFETY: the caller may access both ranges; a fault continues at the end of the block.
        unsafe {
            asm!(
                "xor r11d, r11d",
                "771:",
                $($line,)+
                "772:",
                entry!(),
                dst = in(reg) $dst,
                src = in(reg) $src,
                n = in(reg) $n,
                $($temporary = out($class) _,)+
                out("r11") fault,
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
            dst, src, n, xmm_reg a b c d e f g h,
            concat!(vector!("movups"), " {a}, xmmword ptr [{src}]"),
            concat!(vector!("movups"), " {b}, xmmword ptr [{src} + 16]"),
            concat!(vector!("movups"), " {c}, xmmword ptr [{src} + 32]"),
            concat!(vector!("movups"), " {d}, xmmword ptr [{src} + 48]"),
            concat!(vector!("movups"), " {e}, xmmword ptr [{src} + {n} - 64]"),
            concat!(vector!("movups"), " {f}, xmmword ptr [{src} + {n} - 48]"),
            concat!(vector!("movups"), " {g}, xmmword ptr [{src} + {n} - 32]"),
            concat!(vector!("movups"), " {h}, xmmword ptr [{src} + {n} - 16]"),
            concat!(vector!("movups"), " xmmword ptr [{dst}], {a}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + 16], {b}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + 32], {c}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + 48], {d}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 64], {e}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 48], {f}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 32], {g}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 16], {h}"),
        ),
        33.. => copy_block!(
            dst, src, n, xmm_reg a b c d,
            concat!(vector!("movups"), " {a}, xmmword ptr [{src}]"),
            concat!(vector!("movups"), " {b}, xmmword ptr [{src} + 16]"),
            concat!(vector!("movups"), " {c}, xmmword ptr [{src} + {n} - 32]"),
            concat!(vector!("movups"), " {d}, xmmword ptr [{src} + {n} - 16]"),
            concat!(vector!("movups"), " xmmword ptr [{dst}], {a}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + 16], {b}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 32], {c}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 16], {d}"),
        ),
        16.. => copy_block!(
            dst, src, n, xmm_reg a b,
            concat!(vector!("movups"), " {a}, xmmword ptr [{src}]"),
            concat!(vector!("movups"), " {b}, xmmword ptr [{src} + {n} - 16]"),
            concat!(vector!("movups"), " xmmword ptr [{dst}], {a}"),
            concat!(vector!("movups"), " xmmword ptr [{dst} + {n} - 16], {b}"),
        ),
        8.. => copy_block!(
            dst, src, n, reg a b,
            "mov {a}, qword ptr [{src}]",
            "mov {b}, qword ptr [{src} + {n} - 8]",
            "mov qword ptr [{dst}], {a}",
            "mov qword ptr [{dst} + {n} - 8], {b}",
        ),
        4.. => copy_block!(
            dst, src, n, reg a b,
            "mov {a:e}, dword ptr [{src}]",
            "mov {b:e}, dword ptr [{src} + {n} - 4]",
            "mov dword ptr [{dst}], {a:e}",
            "mov dword ptr [{dst} + {n} - 4], {b:e}",
        ),
        2.. => copy_block!(
            dst, src, n, reg a b,
            "movzx {a:e}, word ptr [{src}]",
            "movzx {b:e}, byte ptr [{src} + {n} - 1]",
            "mov word ptr [{dst}], {a:x}",
            "mov byte ptr [{dst} + {n} - 1], {b:l}",
        ),
        1 => copy_block!(
            dst, src, n, reg a,
            "movzx {a:e}, byte ptr [{src} + {n} - 1]",
            "mov byte ptr [{dst}], {a:l}",
        ),
        0 => true,
    }
}

/// The lengths for [`find`].
pub(crate) const SEARCHED: RangeInclusive<usize> = 16..=64;

/// Loads 16 bytes from each of some addresses. `None` after a fault.
macro_rules! load_block {
    ($at:ident, $n:ident, $($value:ident $address:literal)+) => {{
        let fault: usize;
        $(let $value: __m128i;)+
        // SAFETY: the caller may read the range; a fault continues at the end of the block.
        unsafe {
            asm!(
                "xor r11d, r11d",
                "771:",
                $(concat!(
                    vector!("movups"), " {", stringify!($value), "}, xmmword ptr [", $address, "]"
                ),)+
                "772:",
                entry!(),
                at = in(reg) $at,
                n = in(reg) $n,
                $($value = out(xmm_reg) $value,)+
                out("r11") fault,
                options(nostack),
            );
        }
        (fault == 0).then_some([$($value),+])
    }};
}

/// Finds the first `byte` in `n` bytes, a length in [`SEARCHED`]. Returns its index, or `n`; `None`
/// after a fault.
///
/// # Safety
///
/// See the module above.
#[inline(always)]
pub(crate) unsafe fn find(at: *const u8, n: usize, byte: u8) -> Option<usize> {
    let wanted = repeated(byte);
    // The halves overlap, unless they fill a power of two.
    let (half, found) = if n <= 32 {
        let [a, b] = load_block!(at, n, a "{at}" b "{at} + {n} - 16")?;
        (16, matches(a, wanted) | matches(b, wanted) << 16)
    } else {
        let [a, b, c, d] = load_block!(
            at, n, a "{at}" b "{at} + 16" c "{at} + {n} - 32" d "{at} + {n} - 16"
        )?;
        let low = matches(a, wanted) | matches(b, wanted) << 16;
        (32, low | matches(c, wanted) << 32 | matches(d, wanted) << 48)
    };
    let bit = found.trailing_zeros() as usize;
    Some(match found {
        0 => n,
        _ if bit < half => bit,
        _ => n + bit - 2 * half,
    })
}

/// A vector of copies of `byte`.
#[inline(always)]
fn repeated(byte: u8) -> __m128i {
    // SAFETY: every processor with this architecture has SSE2.
    unsafe { _mm_set1_epi8(byte as i8) }
}

/// A bit for each byte that equals that of `wanted`.
#[inline(always)]
fn matches(bytes: __m128i, wanted: __m128i) -> u64 {
    // SAFETY: as above.
    let equal = unsafe { _mm_cmpeq_epi8(bytes, wanted) };
    // SAFETY: as above.
    (unsafe { _mm_movemask_epi8(equal) }) as u32 as u64
}
