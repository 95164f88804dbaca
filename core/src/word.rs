//! Words: the integers that a processor loads and stores at once.

#![allow(unsafe_code)]

use crate::accessor::{self, Loaded};

/// An integer of 1, 2, 4 or 8 bytes, for [`Map::load`](crate::Map::load) and [`Map::store`](crate::Map::store).
///
/// Implemented for `u8` to `u64`, `i8` to `i64`, `usize`, `isize`, `f32` and `f64`; not for types of other crates.
pub trait Word: Copy + sealed::Bits {}

mod sealed {
    /// How a word travels through a kernel: in the lower bits of 64.
    pub trait Bits {
        fn from_bits(bits: u64) -> Self;
        fn into_bits(self) -> u64;
    }
}

macro_rules! words {
    ($($word:ty: $bits:ty, $from:expr, $into:expr;)*) => {$(
        impl Word for $word {}

        impl sealed::Bits for $word {
            #[inline]
            fn from_bits(bits: u64) -> $word {
                $from(bits as $bits)
            }

            #[inline]
            fn into_bits(self) -> u64 {
                let bits: $bits = $into(self);
                u64::from(bits)
            }
        }
    )*};
}

words! {
    u8: u8, u8::from, u8::from;
    u16: u16, u16::from, u16::from;
    u32: u32, u32::from, u32::from;
    u64: u64, u64::from, u64::from;
    i8: u8, u8::cast_signed, i8::cast_unsigned;
    i16: u16, u16::cast_signed, i16::cast_unsigned;
    i32: u32, u32::cast_signed, i32::cast_unsigned;
    i64: u64, u64::cast_signed, i64::cast_unsigned;
    usize: u64, |bits| bits as usize, |word| word as u64;
    isize: u64, |bits: u64| bits.cast_signed() as isize, |word: isize| (word as i64).cast_unsigned();
    f32: u32, f32::from_bits, f32::to_bits;
    f64: u64, f64::from_bits, f64::to_bits;
}

/// # Safety
///
/// As `accessor::load8` and its family.
#[inline]
pub(crate) unsafe fn load<T: Word>(at: *const u8) -> Loaded {
    match size_of::<T>() {
        // SAFETY: forwarded to the caller, here and below.
        1 => unsafe { accessor::load8(at) },
        // SAFETY: as above.
        2 => unsafe { accessor::load16(at) },
        // SAFETY: as above.
        4 => unsafe { accessor::load32(at) },
        // SAFETY: as above.
        _ => unsafe { accessor::load64(at) },
    }
}

/// # Safety
///
/// As `accessor::store8` and its family.
#[inline]
pub(crate) unsafe fn store<T: Word>(at: *mut u8, bits: u64) -> usize {
    match size_of::<T>() {
        // SAFETY: forwarded to the caller, here and below.
        1 => unsafe { accessor::store8(at, bits) },
        // SAFETY: as above.
        2 => unsafe { accessor::store16(at, bits) },
        // SAFETY: as above.
        4 => unsafe { accessor::store32(at, bits) },
        // SAFETY: as above.
        _ => unsafe { accessor::store64(at, bits) },
    }
}
