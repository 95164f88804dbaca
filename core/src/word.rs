//! The integers and floats that one instruction loads and stores.

/// A number of 1, 2, 4 or 8 bytes, for [`Map::load`](crate::Map::load) and
/// [`Map::store`](crate::Map::store).
///
/// Implemented for `u8` to `u64`, `i8` to `i64`, `usize`, `isize`, `f32` and `f64`. Other crates
/// cannot implement it.
///
/// # Examples
///
/// ```
/// let map = safemap::Options::new().len(4).anonymous()?;
/// map.store(-1_i32, 0)?;
/// assert_eq!(map.load::<u32>(0)?, u32::MAX);
/// # Ok::<(), safemap::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an integer or float of 1, 2, 4 or 8 bytes",
    note = "`Map::read_array` returns bytes; with the feature `zerocopy`, `Map::read` and \
            `Map::write` take types that implement its traits"
)]
pub trait Word: Copy + sealed::Bits {}

/// An integer of 1, 2, 4 or 8 bytes, for the arithmetic of [`ipc::Atomic`](crate::ipc::Atomic).
///
/// Implemented for `u8` to `u64`, `i8` to `i64`, `usize` and `isize`. Other crates cannot implement
/// it.
///
/// # Examples
///
/// ```no_run
/// fn next<T: safemap::Integer>(map: &safemap::Map, one: T) -> safemap::Result<T> {
///     map.atomic::<T>(0)?.fetch_add(one, std::sync::atomic::Ordering::Relaxed)
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not an integer of 1, 2, 4 or 8 bytes")]
pub trait Integer: Word + Ord + sealed::Bitwise {}

mod sealed {
    /// Conversions to and from the lower bits of 64, in which accessors take and return words.
    pub trait Bits {
        fn from_bits(bits: u64) -> Self;
        fn into_bits(self) -> u64;
    }

    /// Operations on the values of integers.
    pub trait Bitwise {
        fn negated(self) -> Self;
        fn and(self, other: Self) -> Self;
        fn or(self, other: Self) -> Self;
        fn xor(self, other: Self) -> Self;
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
    i8: u8, |bits| bits as i8, |word| word as u8;
    i16: u16, |bits| bits as i16, |word| word as u16;
    i32: u32, |bits| bits as i32, |word| word as u32;
    i64: u64, |bits| bits as i64, |word| word as u64;
    usize: u64, |bits| bits as usize, |word| word as u64;
    isize: u64, |bits| bits as isize, |word| word as i64 as u64;
    f32: u32, f32::from_bits, f32::to_bits;
    f64: u64, f64::from_bits, f64::to_bits;
}

macro_rules! integers {
    ($($integer:ident)+) => {$(
        impl Integer for $integer {}

        impl sealed::Bitwise for $integer {
            #[inline]
            fn negated(self) -> $integer {
                self.wrapping_neg()
            }

            #[inline]
            fn and(self, other: $integer) -> $integer {
                self & other
            }

            #[inline]
            fn or(self, other: $integer) -> $integer {
                self | other
            }

            #[inline]
            fn xor(self, other: $integer) -> $integer {
                self ^ other
            }
        }
    )+};
}

integers! { u8 u16 u32 u64 i8 i16 i32 i64 usize isize }
