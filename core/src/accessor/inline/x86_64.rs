//! The inlined forms of x86-64. r11 is the fault register.

use std::arch::asm;

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

/// The greatest length for [`copy`].
pub(crate) const COPIED: usize = 64;

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

/// Copies `n` bytes, at most [`COPIED`]. Returns `false` after a fault.
///
/// # Safety
///
/// See the module above.
#[inline(always)]
pub(crate) unsafe fn copy(dst: *mut u8, src: *const u8, n: usize) -> bool {
    match n {
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
