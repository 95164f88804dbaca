//! `Map::remap`: another length for a map, but not for its file.

use crate::{Error, Map, Result, map::region_size, mode::Sharing};

impl Map {
    /// Changes the length of the map to `new_len` bytes, and leaves its file as it is (`mremap`).
    ///
    /// Needs no descriptor, so that it works for [`untracked`](crate::Options::untracked) maps, and
    /// for every access. The map moves to another address if there is no space behind it and
    /// `may_move` is set. Bytes behind the end of the file cannot be accessed; neither can new
    /// bytes of shared memory without a file. New bytes of private memory are zeros.
    ///
    /// The capacity becomes the new length, rounded up to pages.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] if there is no space behind the map and it may not move, if there is not
    /// enough memory, or if parts of the map differ in their protection; [`Error::Unsupported`] for
    /// an empty map; [`Error::TooLong`]; [`Error::Damaged`]. The length is unchanged then.
    ///
    /// # Platforms
    ///
    /// Linux. If another thread forks during the call, the child may be unable to access the map.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut map = safemap::Options::new().len(9).untracked(true).open("sample.toml")?;
    /// map.remap(17, true)?;
    /// assert_eq!(map.to_vec(10..14)?, b"name");
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "mremap")]
    pub fn remap(&mut self, new_len: usize, may_move: bool) -> Result<()> {
        self.ensure_not_transactional()?;
        self.ensure_intact()?;
        self.ensure_inherited()?;
        // The system does not remap to nothing.
        let size = region_size(self.memory.lead(), new_len.max(1))?;
        let mut regions = self.lock_regions();
        let old_len = self.len();
        if self.is_anonymous() && self.sharing() == Sharing::Private {
            self.clear_dirty(&regions, old_len, new_len)?;
            regions.mark_dirty(old_len);
        }
        let empty = Error::Unsupported("an empty map cannot be remapped");
        let region = regions.current_mut().ok_or(empty)?;
        let remapped = region.remap(size, may_move);
        let watched = self.watch(region);
        if remapped.is_ok() {
            regions.publish(new_len);
        }
        remapped.and(watched).map_err(Error::os("remap"))
    }
}
