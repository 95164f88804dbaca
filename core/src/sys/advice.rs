//! The numbers of [`Advice`] on this system.

use super::os::advice::TABLE;
use crate::Advice;

impl Advice {
    /// Returns the advice with this number on this platform, or [`Advice::Other`] if there is none.
    #[must_use]
    pub fn from_raw(number: i32) -> Advice {
        let known = TABLE.iter().find(|&&(_, n)| n == number);
        known.map_or(Advice::Other(number), |&(advice, _)| advice)
    }

    /// Returns the number of the advice on this platform, if it exists there.
    #[must_use]
    pub fn to_raw(self) -> Option<i32> {
        match self {
            Advice::Other(number) => Some(number),
            _ => TABLE.iter().find(|&&(a, _)| a == self).map(|&(_, n)| n),
        }
    }
}
