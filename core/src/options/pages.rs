//! The settings for the pages of a new map: advice, presence, locks, release behind a reader.

use std::io;

use super::{Options, source::Source};
use crate::{
    Advice, Error, Map, Result,
    sys::{self, request::MapRequest},
};

impl Options {
    /// Sets how the program will use the pages, as [`Map::advise`] does for the whole map.
    ///
    /// Bytes by which the map grows later are not advised.
    ///
    /// # Errors
    ///
    /// Creating the map fails with the errors of [`Map::advise`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Advice, Options};
    ///
    /// let mut options = Options::new();
    /// if Advice::Sequential.is_supported() {
    ///     options.advise(Advice::Sequential);
    /// }
    /// assert!(options.open("Cargo.toml")?.lines().count() > 0);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn advise(&mut self, advice: Advice) -> &mut Options {
        self.advice = Some(advice);
        self
    }

    /// Sets whether all pages are made present before the map is returned, as [`Map::populate`]
    /// does.
    ///
    /// # Errors
    ///
    /// Creating the map fails with the errors of [`Map::populate`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().populate(true).open("sample.toml")?;
    /// assert_eq!(map.get(0)?, b'[');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "MAP_POPULATE")]
    pub fn populate(&mut self, populate: bool) -> &mut Options {
        self.populate = populate;
        self
    }

    /// Sets whether all pages are locked in memory, as [`Map::lock`] does.
    ///
    /// Bytes by which the map grows later are not locked.
    ///
    /// # Errors
    ///
    /// Creating the map fails with the errors of [`Map::lock`].
    ///
    /// # Examples
    ///
    /// ```
    /// match safemap::Options::new().len(4096).lock(true).anonymous() {
    ///     Ok(map) => map.write_at(b"secret key", 0)?,
    ///     Err(error) => eprintln!("the key may be swapped out: {error}"),
    /// }
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "MAP_LOCKED")]
    pub fn lock(&mut self, lock: bool) -> &mut Options {
        self.lock = lock;
        self
    }

    /// Releases pages that lie more than `bytes` behind a forward read, so that reading a file that
    /// is larger than memory occupies little of it.
    ///
    /// It applies to [`Cursor`](crate::Cursor), [`Lines`](crate::Lines),
    /// [`Chunks`](crate::Chunks), [`Map::find`], [`Map::find_iter`] and [`Map::count`]. Pages are
    /// released in pieces of 2 MiB, for all readers of the map: one that is further behind reads
    /// them again. They stay in the page cache, and nothing that was written is lost. Searches
    /// backward and other methods release nothing; [`Map::advise`] with [`Advice::DontNeed`] does.
    ///
    /// # Errors
    ///
    /// Creating the map fails with [`Error::Unsupported`] unless it is a shared map of a file: a
    /// private one would lose its changes. With [`Options::lock`] it fails with [`Error::Os`]
    /// (`InvalidInput`).
    ///
    /// # Platforms
    ///
    /// On Unix systems other than Linux the system may keep the pages. On Windows creating the map
    /// fails with [`Error::Unsupported`].
    ///
    /// # Examples
    ///
    /// ```
    /// # if cfg!(windows) { return Ok(()); } // Not supported there.
    /// let map = safemap::Options::new().drop_behind(64 << 20).open("Cargo.toml")?;
    /// assert_eq!(map.count(b"[package]", ..)?, 1);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn drop_behind(&mut self, bytes: usize) -> &mut Options {
        self.drop_behind = Some(bytes);
        self
    }

    /// Fails if the pages must not be released: a setting or the kind of the map forbids it.
    #[cold]
    pub(super) fn ensure_pages_can_be_dropped(
        &self,
        source: &Source<'_>,
        request: &MapRequest,
    ) -> Result<()> {
        if source.file().is_none() || !request.flags.is_shared() {
            Err(Error::Unsupported("pages can be dropped only from a shared map of a file"))
        } else if Advice::DontNeed.to_raw().is_none() {
            Err(Error::Unsupported("pages cannot be dropped on this platform"))
        } else if self.lock {
            Err(Error::os("map")(io::Error::from_raw_os_error(sys::INVALID)))
        } else {
            Ok(())
        }
    }

    /// Does to the pages of a new map what the settings say.
    #[cold]
    pub(super) fn prepare_pages(&self, map: &Map) -> Result<()> {
        if let Some(advice) = self.advice {
            map.advise(advice, ..)?;
        }
        if self.lock {
            map.lock(..)?;
        }
        if self.populate {
            map.populate(..)?;
        }
        Ok(())
    }
}
