//! The settings of a journal.

use std::{fs::File, path::Path};

use super::{handle::Journal, log_file::LogFile, records::Checksum};
use crate::{
    Access, Error, Result,
    ipc::{
        Spin,
        atomic::ensure_processor_has_updates,
        file::{self, Geometry, Kind, Mode, Opened},
    },
};

/// The settings of a [`Journal`], and the calls that open or create it.
///
/// # Files
///
/// What [`ChannelOptions`](crate::ipc::ChannelOptions) says about files holds for journals. In
/// addition, the file and its name are on the disk when a call has created it.
///
/// # Recovery
///
/// After a power failure or a crash of the system, the file may end with bytes of records that were
/// not [synced](super::JournalWriter::sync). The first call that opens it for writing removes them:
/// it checks the records that may be affected, writes zeros behind the last good one, and waits
/// until they are on the disk. The time depends on the length of the file behind the last `sync`.
///
/// # Examples
///
/// ```
/// use safemap::{Error, ipc::{Journal, ReadFrom}};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events");
/// let journal = match Journal::options().allocate(1 << 16).open_or_create(&path) {
///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no journals
///     journal => journal?,
/// };
/// journal.writer()?.append(b"started")?;
///
/// let same = Journal::options().read_only(true).open(&path)?;
/// let mut record = Vec::new();
/// same.reader(ReadFrom::Start)?.next(&mut record)?;
/// assert_eq!(record, b"started");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct JournalOptions {
    allocate: Option<usize>,
    permissions: Option<u32>,
    is_read_only: bool,
    spin: Spin,
}

/// The bytes that a new journal has for records unless others are set.
const ALLOCATE: usize = 1 << 20;
/// The least number of them.
const LEAST: usize = 4096;

impl Journal {
    /// Returns the settings for a journal.
    ///
    /// # Examples
    ///
    /// See [`JournalOptions`].
    pub fn options() -> JournalOptions {
        JournalOptions::new()
    }

    /// Opens a journal that exists, for reading and writing.
    ///
    /// # Errors
    ///
    /// As [`JournalOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Journal;
    ///
    /// assert!(Journal::open("no such file").is_err());
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Journal> {
        Journal::options().open(path)
    }

    /// Opens a journal for reading and writing, or creates it if the file does not exist.
    ///
    /// # Errors
    ///
    /// As [`JournalOptions::open_or_create`].
    ///
    /// # Examples
    ///
    /// See [`Journal`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Journal> {
        Journal::options().open_or_create(path)
    }
}

impl JournalOptions {
    /// Returns the default settings.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::JournalOptions;
    ///
    /// let options = JournalOptions::new();
    /// ```
    pub fn new() -> JournalOptions {
        JournalOptions::default()
    }

    /// Sets how many bytes a new journal has for records before it grows. They are rounded up to
    /// 4096. The default is 1 MiB.
    ///
    /// The file grows to twice its length, by 64 MiB at most, or by what a longer record needs. A
    /// journal that exists may have any length.
    ///
    /// # Examples
    ///
    /// See [`JournalOptions`].
    pub fn allocate(&mut self, bytes: usize) -> &mut JournalOptions {
        self.allocate = Some(bytes);
        self
    }

    /// Sets the permissions of a new file, as for `open(2)`. The default is `0o600`. On Windows
    /// they have no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Journal;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events");
    /// let journal = Journal::options().permissions(0o640).create(&path);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn permissions(&mut self, mode: u32) -> &mut JournalOptions {
        self.permissions = Some(mode);
        self
    }

    /// Opens the file for reading only. Only [`open`](JournalOptions::open) accepts that.
    ///
    /// Permission to read is sufficient, and the call changes nothing. A reader that waits is not
    /// woken then, but looks again by itself, at least every 40 ms.
    ///
    /// # Examples
    ///
    /// See [`JournalOptions`].
    pub fn read_only(&mut self, is_read_only: bool) -> &mut JournalOptions {
        self.is_read_only = is_read_only;
        self
    }

    /// Sets whether waiting readers spin before they sleep. The default is [`Spin::Learn`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::{Journal, Spin};
    ///
    /// let journal = Journal::options().spin(Spin::Never).open("no such file");
    /// assert!(journal.is_err());
    /// ```
    pub fn spin(&mut self, spin: Spin) -> &mut JournalOptions {
        self.spin = spin;
        self
    }

    /// Opens a journal that exists.
    ///
    /// # Errors
    ///
    /// [`Error::Format`] if the file is not a journal. [`Error::Os`]. [`Error::Unsupported`] if the
    /// system or the file system has no journals. [`Error::Locked`] if another program has locked
    /// the whole file.
    ///
    /// # Examples
    ///
    /// See [`JournalOptions`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Journal> {
        match self.is_read_only {
            true => self.map(|| file::open_for_reading(path.as_ref())),
            false => self.at(path.as_ref(), Mode::Open),
        }
    }

    /// Creates a journal. The file must not exist, or be empty.
    ///
    /// # Errors
    ///
    /// As [`JournalOptions::open`]; [`Error::ReadOnly`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, ipc::Journal};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events");
    /// let journal = match Journal::options().create(&path) {
    ///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no journals
    ///     journal => journal?,
    /// };
    /// assert!(Journal::options().create(&path).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Journal> {
        self.ensure_may_create("create")?;
        self.at(path.as_ref(), Mode::Create(self.geometry()))
    }

    /// Opens a journal, or creates it if the file does not exist.
    ///
    /// # Errors
    ///
    /// As [`JournalOptions::create`].
    ///
    /// # Examples
    ///
    /// See [`JournalOptions`].
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Journal> {
        self.ensure_may_create("open_or_create")?;
        self.at(path.as_ref(), Mode::OpenOrCreate(self.geometry()))
    }

    /// Opens the journal in a file that is open for reading and writing, or for reading if
    /// [`read_only`](JournalOptions::read_only) is set; such as a descriptor that another process
    /// has passed. An empty file becomes a journal, unless it is open for reading only.
    ///
    /// # Errors
    ///
    /// As [`JournalOptions::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Journal;
    ///
    /// # if !safemap::ipc::has_range_locks() { return Ok(()); }
    /// # if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) { return Ok(()); }
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("events");
    /// let file = std::fs::File::create_new(&path)?;
    /// let journal = Journal::options().from_file(file)?;
    /// journal.writer()?.append(b"hello")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_file(&self, file: File) -> Result<Journal> {
        self.map(|| match self.is_read_only {
            true => file::adopt_for_reading(file),
            false => file::adopt(file, Kind::Journal, Some(self.geometry())),
        })
    }

    fn ensure_may_create(&self, call: &'static str) -> Result<()> {
        if self.is_read_only { Err(Error::ReadOnly { call }) } else { Ok(()) }
    }

    /// The geometry of a new file.
    fn geometry(&self) -> Geometry {
        let bytes = self.allocate.unwrap_or(ALLOCATE).clamp(LEAST, isize::MAX as usize - LEAST);
        Geometry { capacity: bytes.next_multiple_of(LEAST) as u64, slots: 0 }
    }

    fn at(&self, path: &Path, mode: Mode) -> Result<Journal> {
        let permissions = self.permissions.unwrap_or(file::PERMISSIONS);
        self.map(|| file::open(path, Kind::Journal, mode, permissions))
    }

    fn map(&self, open: impl FnOnce() -> Result<Opened>) -> Result<Journal> {
        ensure_processor_has_updates()?;
        let Opened { file, id, .. } = open()?;
        let access = if self.is_read_only { Access::Read } else { Access::Write };
        let log = LogFile::new(&file, access, Checksum::new(&id), self.spin)?;
        if !self.is_read_only {
            log.open()?;
        }
        Ok(Journal { log })
    }
}
