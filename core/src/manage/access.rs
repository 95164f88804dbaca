//! `Map::into_access`: what the program may do with an existing map.

use crate::{Access, Error, Map, Result, Sharing, mode::Stores};

impl Map {
    /// Changes what the program may do with the map: makes a map for reading writable, or one for
    /// writing read-only.
    ///
    /// All pages get the protection that the access implies, in place of those that
    /// [`Options::protection`](crate::Options::protection) and [`Map::protect`] have set. Address,
    /// length and bytes stay. The new access must fit the sharing of the map:
    ///
    /// | to | possible for |
    /// |---|---|
    /// | [`Access::Read`] | every map. Call [`Map::flush`] before, which does nothing for such a map. |
    /// | [`Access::Write`] | shared maps, if the file was open for writing when it was mapped; memory without a file |
    /// | [`Access::Copy`] | private maps; see [`Options::sharing`](crate::Options::sharing) |
    ///
    /// # Errors
    ///
    /// An error comes with the map, whose access is as before: [`Error::Unsupported`] if the access
    /// does not fit the sharing, and in a forked child that did not inherit all pages
    /// ([`Advice::DontFork`](crate::Advice::DontFork)); [`Error::Damaged`]; [`Error::Os`] if the
    /// system refuses, for example because the file was not open for writing.
    /// [`Options::open`](crate::Options::open) opens it for writing with [`Access::Write`] only.
    ///
    /// # Platforms
    ///
    /// On Windows a map of a file that was created for reading cannot be made writable.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// let map = Options::new().len(4096).anonymous()?;
    /// map.write_at(b"a table", 0)?;
    /// let table = map.into_access(Access::Read).map_err(|(error, _)| error)?;
    /// assert!(table.set(b'A', 0).is_err());
    /// assert_eq!(table.to_vec(..7)?, b"a table");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "make_mut")]
    #[doc(alias = "make_read_only")]
    #[allow(clippy::result_large_err)] // The caller keeps the map.
    pub fn into_access(mut self, access: Access) -> Result<Map, (Error, Map)> {
        match self.change_access(access) {
            Ok(()) => Ok(self),
            Err(error) => Err((error, self)),
        }
    }

    fn change_access(&mut self, access: Access) -> Result<()> {
        self.ensure_not_transactional()?;
        if access == self.access {
            return Ok(());
        }
        self.ensure_sharing_fits(access)?;
        self.ensure_intact()?;
        self.ensure_inherited()?;
        let (used, protection) = (self.memory.lead() + self.len(), access.protection());
        let mut regions = self.lock_regions();
        if let Some(region) = regions.current_mut() {
            region.set_base_protection(used, protection).map_err(Error::os("into_access"))?;
        }
        drop(regions);
        self.request.protection = protection;
        self.access = access;
        self.stores = Stores::of(access);
        self.count_calls();
        Ok(())
    }

    fn ensure_sharing_fits(&self, access: Access) -> Result<()> {
        let is_private = self.sharing() == Sharing::Private;
        match access {
            Access::Write if is_private && !self.is_anonymous() => Err(Error::Unsupported(
                "writes to a private map of a file do not reach the file; Access::Copy allows them",
            )),
            Access::Copy if !is_private => {
                Err(Error::Unsupported("a map with Access::Copy cannot be shared"))
            }
            _ => Ok(()),
        }
    }
}
