//! Protection and flags: what the operating system can do with mapped pages beyond the three access modes.
//!
//! The names stand in `sys`, since each system has its own.

use std::ops::BitOr;

/// What may be done with the pages of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protection(pub(crate) i32);

/// How the system is to set up the pages of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub(crate) i32);

macro_rules! bits {
    ($type:ident, $what:literal) => {
        impl $type {
            #[doc = concat!("Takes ", $what, " as the numbers that the system's C headers give them. The numbers of Windows ")]
            /// stand for combinations; there these are Linux's.
            #[must_use]
            pub const fn from_bits(bits: i32) -> Self {
                $type(bits)
            }

            #[doc = concat!("Returns ", $what, " as the system's numbers.")]
            #[must_use]
            pub const fn bits(self) -> i32 {
                self.0
            }

            /// Whether all bits of `other` are set here.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }

        impl BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                $type(self.0 | other.0)
            }
        }
    };
}

bits!(Protection, "protections");
bits!(Flags, "flags");

/// Which pages of a pool that the administrator filled a map is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugePage {
    /// The system's default size.
    Default,
    /// This many bytes, a power of two that the system offers.
    Size(usize),
}
