//! The settings for the pages of a new map: advice, presence, locks.

use super::Options;
#[cfg(doc)]
use crate::Error;
use crate::{Advice, Map, Result};

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
    /// let map = safemap::Options::new().populate(true).open("Cargo.toml")?;
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

    /// Does to the pages of a new map what the settings say.
    #[inline]
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
