//! Files that `Options::open` creates.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use super::{Options, Source};
use crate::Access;
#[cfg(doc)]
use crate::Error;

impl Options {
    /// Sets whether [`Options::open`] creates the file if there is none. Requires
    /// [`Access::Write`].
    ///
    /// If a length is set, an empty file gets the length that the map requires: a new one, or one
    /// that another process has just created. Any other file keeps its bytes and its length;
    /// [`Options::extend`] extends it as well. Without a length the map of a new file is empty.
    ///
    /// If the map cannot be created, a new file stays: another process may use it already.
    ///
    /// # Errors
    ///
    /// [`Options::open`] fails with [`Error::Os`] (`InvalidInput`) for another access.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("counters");
    /// let counters = Options::new().access(Access::Write).create(true).len(4096).open(&path)?;
    /// counters.set(1, 0)?;
    /// assert_eq!(std::fs::metadata(&path)?.len(), 4096);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&mut self, create: bool) -> &mut Options {
        self.create = create;
        self
    }

    /// Sets whether [`Options::open`] creates the file, and fails if there is one. Requires
    /// [`Access::Write`].
    ///
    /// The new file gets the length that the map requires, or none without [`Options::len`]. If
    /// the map cannot be created, the new file is removed again. [`Options::create`] is ignored.
    ///
    /// # Errors
    ///
    /// [`Options::open`] fails with [`Error::Os`]: `AlreadyExists` if the path exists,
    /// `InvalidInput` for another access.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Access, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("journal");
    /// let mut options = Options::new();
    /// options.access(Access::Write).create_new(true);
    /// let journal = options.open(&path)?;
    /// journal.resize(4096)?;
    /// let error = std::io::Error::from(options.open(&path).unwrap_err());
    /// assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_new(&mut self, create_new: bool) -> &mut Options {
        self.create_new = create_new;
        self
    }

    pub(super) fn open_file(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(self.access == Some(Access::Write))
            .create(self.create)
            .create_new(self.create_new)
            .open(path)
    }

    /// Removes the file of a map that could not be made, if no other call can have created it.
    pub(super) fn remove_new(&self, path: &Path) {
        if self.create_new {
            // The first error is the one to report.
            drop(fs::remove_file(path));
        }
    }

    /// Returns whether `source` was opened by a call that creates files.
    pub(super) fn may_have_created(&self, source: &Source<'_>) -> bool {
        (self.create || self.create_new) && matches!(source, Source::Owned(_))
    }
}
