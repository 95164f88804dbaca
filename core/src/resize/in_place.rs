//! `Map::in_place`: calls that change the length of a map, but never its address.

use std::fmt;

use super::growth::{FileEnd, Moves, in_call};
use crate::{Map, Result};

/// A map whose length can change, but not its address, from [`Map::in_place`].
///
/// For programs that have pointers to the memory of a map ([`Map::as_ptr`], [`Map::as_slice`]). The
/// methods are those of `Map`. Each of them fails with [`Error::InUse`](crate::Error::InUse), and
/// changes nothing, if the map would move to another address or become shorter. It stays where it
/// is up to its [`capacity`](Map::capacity), which [`Options::reserve`](crate::Options::reserve)
/// enlarges.
///
/// # Platforms
///
/// On Windows a map of a file always moves when it grows, so the methods fail there.
///
/// # Examples
///
/// ```
/// # if cfg!(windows) { return Ok(()); } // Not supported there.
/// use safemap::{Access, Error, Options};
///
/// let file = tempfile::tempfile()?;
/// let map = Options::new().access(Access::Write).reserve(1 << 20).map(&file)?;
/// let address = map.as_ptr();
/// map.in_place().resize(1 << 20)?;
/// map.in_place().grow(100)?; // It is longer.
/// assert_eq!((map.len(), map.as_ptr()), (1 << 20, address));
/// let refused = map.in_place().append(b"more");
/// assert!(matches!(refused, Err(Error::InUse { call: "append" })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct InPlace<'a>(&'a Map);

impl Map {
    /// Returns the map for calls that change its length and must not move it.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(1).reserve(1 << 20).anonymous()?;
    /// map.in_place().resize(1 << 20)?;
    /// assert!(map.in_place().resize(usize::MAX).is_err());
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn in_place(&self) -> InPlace<'_> {
        InPlace(self)
    }
}

impl InPlace<'_> {
    /// Like [`Map::resize`].
    ///
    /// # Errors
    ///
    /// As [`Map::resize`], and [`Error::InUse`](crate::Error::InUse).
    pub fn resize(&self, new_len: usize) -> Result<()> {
        self.0.resize_with(new_len, FileEnd::Exact, Moves::Refused)
    }

    /// Like [`Map::grow`].
    ///
    /// # Errors
    ///
    /// As [`Map::grow`], and [`Error::InUse`](crate::Error::InUse).
    pub fn grow(&self, new_len: usize) -> Result<()> {
        self.0.resize_with(new_len, FileEnd::AtLeast, Moves::Refused).map_err(in_call("grow"))
    }

    /// Like [`Map::refresh`].
    ///
    /// # Errors
    ///
    /// As [`Map::refresh`], and [`Error::InUse`](crate::Error::InUse).
    pub fn refresh(&self) -> Result<usize> {
        self.0.refresh_with(Moves::Refused)
    }

    /// Like [`Map::append`].
    ///
    /// # Errors
    ///
    /// As [`Map::append`], and [`Error::InUse`](crate::Error::InUse).
    pub fn append(&self, bytes: &[u8]) -> Result<usize> {
        self.0.append_with(bytes, Moves::Refused)
    }

    /// Like [`Map::write_growing`].
    ///
    /// # Errors
    ///
    /// As [`Map::write_growing`], and [`Error::InUse`](crate::Error::InUse).
    pub fn write_growing(&self, bytes: &[u8], at: usize) -> Result<()> {
        self.0.write_growing_with(bytes, at, Moves::Refused)
    }
}

impl fmt::Debug for InPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InPlace").field(self.0).finish()
    }
}
