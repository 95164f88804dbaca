//! The file of a map: its path, its length now, and closing it with the map.

use std::path::Path;

use crate::{
    Error, Map, Result,
    map::Origin,
    sys::{self, BorrowedFile},
};

impl Map {
    /// Returns the path with which [`Options::open`](crate::Options::open) or [`Map::open`] opened
    /// the file, or `None` for maps of open files and of memory.
    ///
    /// The file may have another name by now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::path::Path;
    ///
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// assert_eq!(map.path(), Some(Path::new("Cargo.toml")));
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns the descriptor that the map keeps: a `BorrowedFd` of std, on Windows a
    /// `BorrowedHandle`. Returns `None` for anonymous memory and for an
    /// [`untracked`](crate::Options::untracked) map.
    ///
    /// A file that is made shorter through the descriptor is one that another process truncates:
    /// calls on the map return [`Error::Fault`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// let file = map.file().expect("the map keeps a descriptor").try_clone_to_owned()?;
    /// assert_eq!(std::fs::File::from(file).metadata()?.len(), map.file_len()?);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[doc(alias = "as_fd")]
    #[doc(alias = "as_handle")]
    pub fn file(&self) -> Option<BorrowedFile<'_>> {
        match &self.origin {
            Origin::File { file, .. } => file.as_ref().map(sys::borrow),
            Origin::Memory => None,
        }
    }

    /// Returns the current length of the file in bytes, or the length of the map for anonymous
    /// memory.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`] if the map is [`untracked`](crate::Options::untracked); [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(9).open("Cargo.toml")?;
    /// assert!(map.file_len()? > 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "fstat")]
    pub fn file_len(&self) -> Result<u64> {
        match (self.is_anonymous(), self.file()) {
            (true, _) => Ok(self.len() as u64),
            (false, None) => Err(Error::NoFile { call: "file_len" }),
            (false, Some(file)) => sys::file::status_len(file).map_err(Error::os("file_len")),
        }
    }

    /// Checks that the file is not shorter than the map, by one `fstat`.
    ///
    /// The rest of the page in which a truncated file ends is accessible: it reads as zeros, and
    /// bytes stored there are lost. No other method reports this. The result is what was true
    /// during the call; the file may be truncated at any time after it.
    ///
    /// # Errors
    ///
    /// [`Error::Fault`] with the end of the file, relative to the start of the map, if the file is
    /// shorter than the map; 0 if it ends before the map starts. [`Error::Damaged`] for a damaged
    /// map. [`Error::Unsupported`] for devices, and if the map is
    /// [`untracked`](crate::Options::untracked). [`Error::Os`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Error, Options};
    ///
    /// let file = tempfile::tempfile()?;
    /// let map = Options::new().access(Access::Write).len(100).extend(true).map(&file)?;
    /// map.fill(7, ..)?;
    /// map.verify()?;
    /// # if cfg!(windows) { return Ok(()); } // Windows refuses to truncate a mapped file.
    /// file.set_len(60)?;
    /// assert_eq!(map.get(80)?, 0); // in the last page, so not a fault
    /// assert!(matches!(map.verify(), Err(Error::Fault { offset: 60 })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self) -> Result<()> {
        self.ensure_intact()?;
        if self.is_anonymous() {
            return Ok(());
        }
        let file = self.file().ok_or(Error::Unsupported("an untracked map cannot be verified"))?;
        let len = self.committed_len();
        let file_len = sys::file::regular_len(file).map_err(Error::os("verify"))?;
        let file_len =
            file_len.ok_or(Error::Unsupported("a map of a device cannot be verified"))?;
        // Another thread may have resized the map before or after the file was examined.
        let len = len.min(self.committed_len());
        match usize::try_from(file_len.saturating_sub(self.offset())) {
            Ok(offset) if offset < len => Err(Error::Fault { offset }),
            _ => Ok(()),
        }
    }

    /// Unmaps the memory, closes the file, and reports errors of both.
    ///
    /// Does not [`flush`](Map::flush). Dropping a map takes the same steps and ignores errors.
    ///
    /// # Errors
    ///
    /// [`Error::Os`] of the first step that failed. The remaining steps are carried out too.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("Cargo.toml")?;
    /// map.close()?;
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "munmap")]
    pub fn close(self) -> Result<()> {
        let Map { origin, memory, transactional, .. } = self;
        let ended = transactional.map_or(Ok(()), |state| state.close());
        let unmapped = memory.unmap();
        let closed = match origin {
            Origin::File { file: Some(file), .. } => sys::file::close(file),
            Origin::File { file: None, .. } | Origin::Memory => Ok(()),
        };
        ended.and(unmapped.and(closed).map_err(Error::os("close")))
    }
}
