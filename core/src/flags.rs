//! Protection, flags and huge pages: properties of mappings beyond the three access modes.
//!
//! The constants are in `sys`, because each operating system defines its own.

use std::ops::BitOr;

/// The allowed kinds of access to the pages of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protection(pub(crate) i32);

/// Flags for the creation of a mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub(crate) i32);

macro_rules! bits {
    ($type:ident, $what:literal) => {
        impl $type {
            #[doc = concat!("Makes ", $what, " from the numbers in the C headers of the system.")]
            ///
            /// Windows defines numbers for combinations only; there the numbers are those of Linux.
            #[must_use]
            pub const fn from_bits(bits: i32) -> Self {
                $type(bits)
            }

            #[doc = concat!("Returns ", $what, " as numbers in the C headers of the system.")]
            #[must_use]
            pub const fn bits(self) -> i32 {
                self.0
            }

            /// Returns whether all bits of `other` are set.
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

/// The size of huge pages from a pool that the administrator has set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HugePage {
    /// The default size of the system.
    Default,
    /// This many bytes: a power of two that the system supports.
    Size(usize),
}
