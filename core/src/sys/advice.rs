//! The numbers of [`Advice`] on this system.

use super::os::advice::TABLE;
use crate::Advice;

impl Advice {
    /// Returns the advice with this number on this platform, or [`Advice::Other`] if no variant has
    /// it.
    ///
    /// # Platforms
    ///
    /// The numbers are those of `<sys/mman.h>`. Windows has no numbers; there they are Linux's.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::Advice;
    ///
    /// assert_eq!(Advice::from_raw(3), Advice::WillNeed); // `MADV_WILLNEED`
    /// assert_eq!(Advice::from_raw(-7), Advice::Other(-7));
    /// ```
    #[must_use]
    pub fn from_raw(number: i32) -> Advice {
        let known = TABLE.iter().find(|&&(_, n)| n == number);
        known.map_or(Advice::Other(number), |&(advice, _)| advice)
    }

    /// Returns the number of the advice on this platform, or `None` if the platform lacks it.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::Advice;
    ///
    /// assert_eq!(Advice::WillNeed.to_raw(), Some(3)); // `MADV_WILLNEED`
    /// assert_eq!(Advice::Other(-7).to_raw(), Some(-7));
    /// ```
    #[must_use]
    pub fn to_raw(self) -> Option<i32> {
        match self {
            Advice::Other(number) => Some(number),
            _ => TABLE.iter().find(|&&(a, _)| a == self).map(|&(_, n)| n),
        }
    }
}
