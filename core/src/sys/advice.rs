//! The numbers of [`Advice`] on this system.

use super::os::advice::TABLE;
use crate::Advice;

impl Advice {
    /// Returns the advice that has this number on this platform, [`Advice::Other`] if none has.
    #[must_use]
    pub fn from_raw(number: i32) -> Advice {
        let known = TABLE.iter().find(|&&(_, n)| n == number);
        known.map_or(Advice::Other(number), |&(advice, _)| advice)
    }

    /// Returns this platform's number of the advice, if it has one.
    #[must_use]
    pub fn to_raw(self) -> Option<i32> {
        match self {
            Advice::Other(number) => Some(number),
            _ => TABLE.iter().find(|&&(a, _)| a == self).map(|&(_, n)| n),
        }
    }
}
