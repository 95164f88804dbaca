//! Maps that follow the length of their file.

use super::growth::{Moves, in_call};
use crate::{
    Access, Error, Map, Result,
    map::Origin,
    sys::{self, BorrowedFile, region},
};

impl Map {
    /// Gives the map the length that its file has now, and returns it. The file does not change.
    ///
    /// A map of a part of the file reaches from its offset to the end of the file. Other threads
    /// may use the map during the call, as during [`Map::resize`]. Read-only maps can be refreshed
    /// as well.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the map was made with a length or a name, for private maps that
    /// can be written to, for files without a length and for anonymous memory; [`Error::NoFile`]
    /// for an [`untracked`](crate::Options::untracked) map; [`Error::TooLong`]; [`Error::Os`] if
    /// there is not enough memory or address space. The map is unchanged then.
    ///
    /// # Platforms
    ///
    /// On Windows the call waits for calls on other threads that use the map, and new ones wait for
    /// it. While a [`View`](crate::View) exists, a map that has to grow returns [`Error::InUse`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// let mut file = tempfile::tempfile()?;
    /// let map = safemap::Options::new().map(&file)?;
    /// file.write_all(b"a line\n")?;
    /// assert_eq!(map.refresh()?, 7);
    /// assert_eq!(map.to_vec(..)?, b"a line\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refresh(&self) -> Result<usize> {
        self.refresh_with(Moves::Allowed)
    }

    pub(super) fn refresh_with(&self, moves: Moves) -> Result<usize> {
        #[cfg(unix)]
        if self.notes_stores() {
            return self.refresh_committed(moves);
        }
        let (file, offset) = self.followed_file()?;
        self.ensure_intact()?;
        self.ensure_inherited()?;
        let _turn = self.growing.lock();
        let file_len = sys::file::state(file).map_err(Error::os("refresh"))?.len;
        let file_len = file_len.ok_or(Error::Unsupported("the file has no length"))?;
        let len = file_len.saturating_sub(offset);
        let len = usize::try_from(len).map_err(|_| Error::too_long(len))?;
        self.ensure_stays("refresh", len, moves)?;
        let mut regions = self.lock_regions();
        let start = Some((file, offset - self.memory.lead() as u64));
        if !region::OUTGROWS_FILES && len > regions.capacity() {
            let _no_views = regions.exclude_views().map_err(in_call("refresh"))?;
            let view = self.map_view_of(start, len).map_err(in_call("refresh"))?;
            return regions.replace(view, len, 0).map(|()| len);
        }
        if let Some(region) =
            self.larger_region(&mut regions, len, start).map_err(in_call("refresh"))?
        {
            regions.move_to(region);
        }
        regions.set_len(len);
        Ok(len)
    }

    /// Returns the file of a map that can be refreshed, and the offset of the map.
    fn followed_file(&self) -> Result<(BorrowedFile<'_>, u64)> {
        match &self.origin {
            Origin::Memory => Err(Error::Unsupported("memory without a file cannot be refreshed")),
            Origin::File { file: None, .. } => Err(Error::NoFile { call: "refresh" }),
            _ if self.has_fixed_len || self.name.is_some() => {
                Err(Error::Unsupported("a map that was made with a length cannot be refreshed"))
            }
            _ if self.access != Access::Read && !self.request.flags.is_shared() => {
                Err(Error::Unsupported("a private map that can be written to cannot be refreshed"))
            }
            Origin::File { file: Some(file), offset } => Ok((sys::borrow(file), *offset)),
        }
    }

    /// Gives a map for reading the length of its file, unless it was made with a length.
    pub(crate) fn follow_file(&self, call: &'static str) -> Result<()> {
        match self.access == Access::Read && self.can_be_refreshed() {
            true => self.refresh().map(drop).map_err(in_call(call)),
            false => Ok(()),
        }
    }

    /// Whether [`Map::refresh`] may move the map.
    pub(crate) fn can_be_refreshed(&self) -> bool {
        self.followed_file().is_ok()
    }
}
