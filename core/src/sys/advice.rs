//! The numbers of [`Advice`] on this system.

use super::os::{self, advice::TABLE};
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

    /// Returns whether the system knows the advice.
    ///
    /// [`Map::advise`](crate::Map::advise) may refuse it nevertheless, for this kind of map.
    ///
    /// # Platforms
    ///
    /// Linux and Android: asks the kernel. Elsewhere: whether the advice is one that [`Advice`]
    /// lists for the platform.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::Advice;
    ///
    /// if !Advice::PopulateRead.is_supported() {
    ///     println!("the pages are read at the first access");
    /// }
    /// assert!(Advice::WillNeed.is_supported());
    /// ```
    #[must_use]
    pub fn is_supported(self) -> bool {
        self.to_raw().is_some_and(os::advice::is_known)
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
