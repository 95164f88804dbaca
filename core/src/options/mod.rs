//! `Options`: the builder that creates maps.

mod create;
mod created;
mod debug;
mod pages;
mod settings;
mod shared_memory;
mod source;
mod transactional;

use std::{ffi::OsString, fs::File, path::Path, time::Duration};

use crate::{
    Advice, Damage, Error, Map, Result,
    flags::{Flags, HugePage, Protection},
    ipc::Spin,
    mode::{Access, Sharing},
    sys::{self, AsFile},
};
pub(crate) use source::Source;

/// A builder that sets how memory is mapped, then creates a [`Map`].
///
/// Without any setting [`open`](Options::open) maps the whole file read-only. The builder can be
/// used again after it has created a map.
///
/// # Examples
///
/// ```
/// use safemap::Options;
///
/// let map = Options::new().offset(9).len(7).open("Cargo.toml")?;
/// assert_eq!(map.len(), 7);
///
/// let memory = Options::new().len(1 << 20).anonymous()?;
/// memory.write_at(b"hello", 100)?;
/// # Ok::<(), safemap::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Options {
    pub(crate) access: Option<Access>,
    sharing: Option<Sharing>,
    protection: Option<Protection>,
    flags: Flags,
    exact_flags: Option<Flags>,
    huge_pages: Option<HugePage>,
    pub(crate) offset: u64,
    exact_offset: bool,
    pub(crate) len: Option<usize>,
    pub(crate) copy_limit: Option<usize>,
    reserve: usize,
    untracked: bool,
    repair: bool,
    on_damage: Option<fn(Damage)>,
    report_damage: bool,
    allocate: bool,
    extend: bool,
    create: bool,
    create_new: bool,
    name: Option<OsString>,
    advice: Option<Advice>,
    populate: bool,
    lock: bool,
    drop_behind: Option<usize>,
    spin: Spin,
    pub(crate) transactional: bool,
    pub(crate) timeout: Duration,
}

impl Map {
    /// Maps all of the file at `path` for reading.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Map::open("sample.toml")?;
    /// assert_eq!(map.get(0)?, b'[');
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Map> {
        Options::new().open(path)
    }
}

/// Maps all of a file for reading, as [`Options::map`] does. The map keeps the file.
///
/// # Examples
///
/// ```
/// let map = safemap::Map::try_from(std::fs::File::open("sample.toml")?)?;
/// assert_eq!(map.get(0)?, b'[');
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl TryFrom<File> for Map {
    type Error = Error;

    fn try_from(file: File) -> Result<Map> {
        Options::new().make(Source::Owned(file.into()))
    }
}

/// Maps all of a file for reading, as [`Options::map`] does.
///
/// # Examples
///
/// ```
/// let file = std::fs::File::open("Cargo.toml")?;
/// let map = safemap::Map::try_from(&file)?;
/// assert_eq!(map.len() as u64, file.metadata()?.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl TryFrom<&File> for Map {
    type Error = Error;

    fn try_from(file: &File) -> Result<Map> {
        Options::new().map(file)
    }
}

impl Options {
    /// Creates a builder with the default settings.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().open("Cargo.toml")?;
    /// assert_eq!(map.len() as u64, map.file_len()?);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn new() -> Options {
        Options::default()
    }

    /// Maps an open file and returns the map.
    ///
    /// The map keeps a duplicate of the file descriptor, unless [`Options::untracked`] is set; the
    /// caller may close its own. An empty file gives an empty map.
    ///
    /// # Errors
    ///
    /// - [`Error::BeyondFile`] if offset and length do not lie in the file.
    /// - [`Error::TooLong`] if the length does not fit into the address space.
    /// - [`Error::Unsupported`] if the file has no size and no length is set; if it hides its
    ///   length, as files of `/proc` do; or if a setting does not apply to files or to this
    ///   platform. [`FileBytes`](crate::FileBytes) reads files without a size.
    /// - [`Error::Unaligned`]; see [`Options::exact_offset`].
    /// - [`Error::Os`] if the system refuses, for example because the file is not open for writing,
    ///   or cannot be mapped, as files of `/sys`.
    ///
    /// # Platforms
    ///
    /// On Windows, if the file was opened with a `share_mode` of `FILE_SHARE_READ`, other processes
    /// cannot open it for writing as long as the map keeps its handle.
    ///
    /// # Examples
    ///
    /// ```
    /// let file = std::fs::File::open("Cargo.toml")?;
    /// let map = safemap::Options::new().map(&file)?;
    /// assert_eq!(map.len() as u64, file.metadata()?.len());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "mmap")]
    pub fn map(&self, file: impl AsFile) -> Result<Map> {
        match self.transactional {
            true => self.map_transactional(sys::borrow(&file)),
            false => self.make(Source::Borrowed(sys::borrow(&file))),
        }
    }

    /// Opens the file at `path` and maps it.
    ///
    /// The file is opened for reading, and with [`Access::Write`] for writing too. It must exist,
    /// unless [`Options::create`] or [`Options::create_new`] is set.
    ///
    /// # Errors
    ///
    /// As [`Options::map`], and [`Error::Os`] if the file cannot be opened or created.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(9).open("Cargo.toml")?;
    /// assert_eq!(map.len(), 9);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Map> {
        let path = path.as_ref();
        if self.transactional {
            return self.open_transactional(path);
        }
        let file = self.open_file(path).map_err(Error::os("open"))?;
        let mut map =
            self.make(Source::Owned(file.into())).inspect_err(|_| self.remove_new(path))?;
        map.path = Some(path.into());
        Ok(map)
    }

    /// Maps new memory without a file, filled with zeros. Requires [`Options::len`].
    ///
    /// # Errors
    ///
    /// - [`Error::Unsupported`] if no length is set, or if a setting does not apply to memory or to
    ///   this platform.
    /// - [`Error::TooLong`] if the length does not fit into the address space.
    /// - [`Error::Os`] if the system has no memory or address space left.
    ///
    /// # Examples
    ///
    /// ```
    /// let map = safemap::Options::new().len(4096).anonymous()?;
    /// assert_eq!(map.load::<u64>(8)?, 0);
    /// # Ok::<(), safemap::Error>(())
    /// ```
    #[doc(alias = "MAP_ANONYMOUS")]
    pub fn anonymous(&self) -> Result<Map> {
        match self.transactional {
            true => Err(Error::Unsupported("a transactional map is one of a file")),
            false => self.make(Source::Memory),
        }
    }
}
