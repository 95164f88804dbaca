//! Protection, flags and huge pages: properties of mappings beyond the three access modes.
//!
//! The constants are in `sys`, because each operating system defines its own.

use std::{
    fmt,
    ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not},
};

/// The allowed kinds of access to the pages of a map. The default is none.
///
/// # Examples
///
/// ```
/// use safemap::{Options, Protection};
///
/// let read_write = Protection::READ | Protection::WRITE;
/// let map = Options::new().len(4096).protection(read_write).anonymous()?;
/// map.protect(Protection::READ, ..)?;
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Protection(pub(crate) i32);

/// Flags for the creation of a mapping. The default is none.
///
/// All flags of the system are allowed except `MAP_FIXED`, and `MAP_FIXED_NOREPLACE` on Linux. They
/// are for callers that choose the address. A map with one of them is refused: [`Error::Os`] with
/// `EINVAL`.
///
/// [`Error::Os`]: crate::Error::Os
///
/// # Examples
///
/// ```
/// use safemap::{Flags, Options, Sharing};
///
/// let map = Options::new().exact_flags(Flags::PRIVATE).open("Cargo.toml")?;
/// assert_eq!(map.sharing(), Sharing::Private);
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub(crate) i32);

/// Formats the bits as the number that they are.
macro_rules! number_formats {
    ($type:ident: $($format:ident)+) => {$(
        impl fmt::$format for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::$format::fmt(&self.0, f)
            }
        }
    )+};
}

macro_rules! bits {
    ($type:ident, $what:literal, $example:literal) => {
        impl $type {
            #[doc = concat!("Makes ", $what, " from the numbers in the C headers of the system.")]
            ///
            /// Windows defines numbers for combinations only; there the numbers are those of Linux.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use safemap::", stringify!($type), ";")]
            ///
            #[doc = concat!("assert_eq!(", stringify!($type), "::from_bits(1), ", $example, ");")]
            /// ```
            #[must_use]
            pub const fn from_bits(bits: i32) -> Self {
                $type(bits)
            }

            #[doc = concat!("Returns ", $what, " as numbers in the C headers of the system.")]
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use safemap::", stringify!($type), ";")]
            ///
            #[doc = concat!("assert_eq!(", $example, ".bits(), 1);")]
            /// ```
            #[must_use]
            pub const fn bits(self) -> i32 {
                self.0
            }

            /// Returns whether all bits of `other` are set.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use safemap::", stringify!($type), ";")]
            ///
            #[doc = concat!("let both = ", $example, " | ", stringify!($type), "::from_bits(2);")]
            #[doc = concat!("assert!(both.contains(", $example, "));")]
            /// ```
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Returns whether no bit is set.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use safemap::", stringify!($type), ";")]
            ///
            #[doc = concat!("assert!(", stringify!($type), "::default().is_empty());")]
            #[doc = concat!("assert!(!", $example, ".is_empty());")]
            /// ```
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        number_formats! { $type: LowerHex UpperHex Octal Binary }

        impl BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                $type(self.0 | other.0)
            }
        }

        impl BitOrAssign for $type {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }

        impl BitAnd for $type {
            type Output = Self;

            fn bitand(self, other: Self) -> Self {
                $type(self.0 & other.0)
            }
        }

        impl BitAndAssign for $type {
            fn bitand_assign(&mut self, other: Self) {
                self.0 &= other.0;
            }
        }

        /// Sets the bits that are not set, also those without a name, and clears the others.
        impl Not for $type {
            type Output = Self;

            fn not(self) -> Self {
                $type(!self.0)
            }
        }
    };
}

// POSIX names these values without fixing them; all supported systems use 1 for both.
bits!(Protection, "protections", "Protection::READ");
bits!(Flags, "flags", "Flags::SHARED");

impl Flags {
    /// Returns the flags of a map whose writes do not leave it.
    pub(crate) const fn made_private(self) -> Flags {
        Flags(self.0 & !Flags::SHARED.0 | Flags::PRIVATE.0)
    }

    /// Whether writes to the map reach the file and other maps of it.
    pub(crate) const fn is_shared(self) -> bool {
        self.contains(Flags::SHARED)
    }
}

/// The size of huge pages from a pool that the administrator has set up.
///
/// # Examples
///
/// ```
/// use safemap::{HugePage, Options};
///
/// let mut options = Options::new();
/// options.len(2 << 20).huge_pages(HugePage::Size(2 << 20));
/// if let Err(error) = options.anonymous() {
///     println!("no huge pages: {error}");
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HugePage {
    /// The default size of the system.
    #[default]
    Default,
    /// This many bytes: a power of two that the system supports.
    Size(usize),
}
