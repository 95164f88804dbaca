//! The handle of a journal, from which writers and readers are made.

use std::fmt;

use super::{log_file::LogFile, position::ReadFrom, reader::JournalReader, writer::JournalWriter};
use crate::{Result, sys::BorrowedFile};

/// Records of bytes that are appended to a file, and read by any number of readers.
///
/// Writers and readers may be in any number of processes. Each reader reads every record, in the
/// order in which they were appended, from any position, also later and after a restart. The file
/// grows; no record is ever changed or removed, except after a power failure.
///
/// Readers change nothing: a journal that is opened [for reading
/// only](super::JournalOptions::read_only) needs no permission to write.
///
/// # What survives
///
/// | event | records |
/// |---|---|
/// | a process crashes at any instruction | all whose [`append`](JournalWriter::append) has returned, none in part |
/// | the system crashes, or loses power | all before the last [`sync`](JournalWriter::sync) that has returned; of later ones any number from the first on, none in part |
///
/// Each record has a checksum. Records that were removed make saved positions
/// [`Error::Cut`](crate::Error::Cut).
///
/// # Limits
///
/// A record has at most 4 GiB − 32 bytes. The format is the same on all systems, in the byte order
/// of the machine. A process that can write to the file can damage the journal; readers then get
/// [`Error::Corrupt`](crate::Error::Corrupt).
///
/// # Platforms
///
/// Those of [`Liveness`](crate::ipc::Liveness) on x86-64 and aarch64: Linux, macOS and Windows.
/// Elsewhere [`Error::Unsupported`](crate::Error::Unsupported).
///
/// # Examples
///
/// ```
/// use safemap::{Error, ipc::{Journal, ReadFrom}};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("events");
/// let journal = match Journal::open_or_create(&path) {
///     Err(Error::Unsupported(_)) => return Ok(()), // this system has no journals
///     journal => journal?,
/// };
/// let mut writer = journal.writer()?;
/// writer.append(b"one")?;
/// let last = writer.append(b"two")?;
/// writer.sync()?;
///
/// let mut reader = journal.reader(ReadFrom::Start)?;
/// let mut record = Vec::new();
/// reader.next(&mut record)?;
/// assert_eq!(record, b"one");
/// assert_eq!(reader.next(&mut record)?, last);
/// assert_eq!(reader.try_next(&mut record)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Journal {
    /// Keeps this process a member as long as the handle exists.
    pub(super) log: LogFile,
}

impl Journal {
    /// Returns a writer. Any number of them may exist, in any number of processes.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`](crate::Error::ReadOnly) if the file was opened for reading only.
    /// [`Error::Os`](crate::Error::Os). Those of
    /// [`Liveness::join`](crate::ipc::Liveness::join).
    ///
    /// # Examples
    ///
    /// See [`Journal`].
    pub fn writer(&self) -> Result<JournalWriter> {
        JournalWriter::new(&self.log)
    }

    /// Returns a reader.
    ///
    /// # Errors
    ///
    /// [`Error::Cut`](crate::Error::Cut) if there is no record at the position.
    /// [`Error::Corrupt`](crate::Error::Corrupt), [`Error::Fault`](crate::Error::Fault),
    /// [`Error::Os`](crate::Error::Os).
    ///
    /// # Examples
    ///
    /// See [`ReadFrom`].
    pub fn reader(&self, from: ReadFrom) -> Result<JournalReader> {
        JournalReader::new(&self.log, from)
    }

    /// Returns the file, for example for its path and length.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::ipc::Journal;
    ///
    /// fn file_len(journal: &Journal) -> std::io::Result<u64> {
    /// #   #[cfg(unix)]
    ///     let file = journal.file().try_clone_to_owned()?;
    /// #   #[cfg(windows)]
    /// #   let file = journal.file().try_clone_to_owned()?;
    ///     Ok(std::fs::File::from(file).metadata()?.len())
    /// }
    /// ```
    #[must_use]
    pub fn file(&self) -> BorrowedFile<'_> {
        self.log.borrow()
    }

    /// How often a writer's lock was taken over from a crashed process.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    pub fn takeovers(&self) -> Result<u64> {
        self.log.takeovers()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("access", &self.log.access()).finish_non_exhaustive()
    }
}
