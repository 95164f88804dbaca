//! The error type of the crate, the same on every platform.

use std::{fmt, io};

use crate::{FormatError, rlimit, sys::size};

/// A `Result` whose error is [`Error`] unless another type is given.
///
/// # Examples
///
/// ```
/// fn first_line(path: &str) -> safemap::Result<Vec<u8>> {
///     let map = safemap::Map::open(path)?;
///     map.cursor().next_line()
/// }
///
/// assert_eq!(first_line("sample.toml")?, b"[package]\n");
/// # Ok::<(), safemap::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub(crate) const HIDDEN_LENGTH: &str =
    "the file hides its length, as in /proc: read it with FileBytes::open or std::fs::read";
pub(crate) const NO_SIZE: &str = "a length is required for files without a size";

/// The reasons of [`Error::Unsupported`] for a file whose length is not known.
///
/// For the Python package, which has one text for both.
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub const UNKNOWN_LENGTH: [&str; 2] = [HIDDEN_LENGTH, NO_SIZE];

/// The reason why a call failed.
///
/// `Display` states the reason with its numbers.
///
/// # Conversion to `io::Error`
///
/// `?` converts an `Error` in functions that return [`io::Result`]. If a system call failed, the
/// result is the error of the operating system, with its
/// [`raw_os_error`](io::Error::raw_os_error); only the text of `Error` has the name of the call and
/// of a resource limit. Otherwise [`io::Error::get_ref`] returns the `Error`, and the kind is:
///
/// | error | [`io::ErrorKind`] |
/// |---|---|
/// | `OutOfBounds` of a method that reads an exact number of bytes: `read_exact_at`, `read_uninit_at`, `read_array`, `copy_to`, `read_byte` | `UnexpectedEof` |
/// | `OutOfBounds` of a method that writes bytes: `write_at`, `copy_from`, `write_byte`, [`Write`](io::Write) of a cursor | `WriteZero` |
/// | other `OutOfBounds`, `BeyondFile`, `TooLong`, `Unaligned` | `InvalidInput` |
/// | `CopyLimit` | `FileTooLarge` |
/// | `ReadOnly`, `Unrecovered` | `PermissionDenied` |
/// | `WouldDeadlock` | `Deadlock` |
/// | `HasWriter` | `TimedOut` |
/// | `InUse`, `Locked`, `TooManyProcesses` | `ResourceBusy` |
/// | `Corrupt` | `InvalidData` |
/// | `Format` | `InvalidInput` if the file has another capacity or limit than requested, `Unsupported` if another version or machine has created it, otherwise `InvalidData` |
/// | `Cut` | `NotFound` |
/// | `Finished` | `UnexpectedEof` |
/// | `Disconnected` | `UnexpectedEof`; `ConnectionReset` if a process crashed |
/// | `NoSpace` | `StorageFull` |
/// | `NoFile`, `Unsupported` | `Unsupported` |
/// | `Fault`, `Damaged`, `Buffer`, `InDoubt`, `Pending`, `Forked` | `Other` |
///
/// # Examples
///
/// ```
/// use safemap::{Error, Options};
///
/// let map = Options::new().len(10).anonymous()?;
/// let error = map.fill(0, 5..11).unwrap_err();
/// assert!(matches!(error, Error::OutOfBounds { start: 5, end: 11, len: 10, .. }));
/// assert_eq!(error.to_string(), "fill: range 5..11 out of bounds for a map of 10 bytes");
///
/// let error = std::io::Error::from(error);
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused `call`.
    ///
    /// If the cause may be a resource limit, `Display` names it, for example `RLIMIT_NOFILE`.
    Os {
        /// Name of the method that failed.
        call: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The range `start..end` does not lie in a map of `len` bytes.
    OutOfBounds {
        /// Name of the method that failed.
        call: &'static str,
        /// First byte of the range.
        start: usize,
        /// End of the range, exclusive. It is less than `start` if the caller passed such a range.
        end: usize,
        /// Length of the map in bytes when the range was checked.
        len: usize,
    },
    /// The requested part of the file does not lie in the file.
    BeyondFile {
        /// Byte of the file at which the map was to start.
        offset: u64,
        /// Requested length of the map in bytes; 0 if it was to reach to the end of the file.
        len: usize,
        /// Length of the file in bytes when the range was checked.
        file_len: u64,
    },
    /// The length does not fit into the address space, a file, a channel, or a record of a journal.
    TooLong {
        /// The length in bytes; `u64::MAX` if it does not fit into a `u64`.
        len: u64,
        /// The greatest length that is possible.
        limit: u64,
    },
    /// The offset is not a multiple of `multiple`.
    Unaligned {
        /// Name of the method that failed.
        call: &'static str,
        /// The offset in bytes.
        offset: u64,
        /// The required alignment in bytes.
        multiple: usize,
    },
    /// `call` writes to the map, and the map is read-only.
    ReadOnly {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// `call` needs the file, and the map keeps no file descriptor.
    ///
    /// See [`Options::untracked`](crate::Options::untracked).
    NoFile {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// The byte of the map at `offset` cannot be accessed. Bytes before it were transferred.
    ///
    /// Possible causes: the file was truncated, the disk is full and the byte lies in a hole of the
    /// file, the device failed, or the protection of the page forbids the access.
    Fault {
        /// Offset in the map of the first byte that cannot be accessed. A call that proceeds
        /// backward, such as [`Map::rfind`](crate::Map::rfind), reports the byte that it met first.
        offset: usize,
    },
    /// A page of the map was replaced with zeros after code outside the library could not access
    /// it.
    ///
    /// Only maps with [`Options::repair`](crate::Options::repair) return this, until
    /// [`Map::restore`](crate::Map::restore) succeeds.
    Damaged {
        /// Lowest offset in the map at which code outside the library met a fault.
        offset: usize,
    },
    /// The caller's own buffer cannot be accessed from its byte `offset` on.
    ///
    /// This requires a buffer that is itself mapped memory, obtained from `unsafe` code.
    Buffer {
        /// Offset in the buffer.
        offset: usize,
    },
    /// The bytes would have to be copied, and are more than the limit that was set.
    ///
    /// See [`Options::copy_limit`](crate::Options::copy_limit).
    CopyLimit {
        /// Number of bytes to copy. If the file has no length: of those that were read before the
        /// limit was noticed.
        len: usize,
        /// The greatest number of bytes that may be copied.
        limit: usize,
        /// Why the bytes cannot be used without a copy.
        reason: &'static str,
    },
    /// The file system of shared memory has too little space. `len` bytes were requested, or all of
    /// the memory if that is 0.
    ///
    /// See [`Options::shared_memory`](crate::Options::shared_memory).
    NoSpace {
        /// Requested length of the map in bytes; 0 if it was to reach to the end of the memory.
        len: u64,
        /// Where the file system is mounted.
        file_system: &'static str,
        /// How many bytes of it were free after the call.
        free: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// `call` would have to replace memory that other values use.
    ///
    /// The values are slices of a snapshot ([`Snapshot::forget`](crate::Snapshot::forget)) or, on
    /// Windows, where a file that changes its length is mapped again, a [`View`](crate::View).
    InUse {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// Another program has locked the whole file, and with it the byte that `call` had to lock.
    ///
    /// See [`ipc::Liveness`](crate::ipc::Liveness).
    Locked {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// The words at `offset` of the map are not what this library stores there: another program has
    /// changed them.
    ///
    /// The types of [`ipc`](crate::ipc) check what they load.
    Corrupt {
        /// Offset in the map.
        offset: usize,
    },
    /// The file is not one that `call` can use. It was not changed.
    Format {
        /// Name of the method that failed.
        call: &'static str,
        /// What is wrong with the file.
        cause: FormatError,
    },
    /// No process is at the other side of a channel, and at least one was there.
    Disconnected {
        /// Whether one of them crashed: it ended without leaving the channel.
        died: bool,
    },
    /// A journal has no record at a saved position.
    ///
    /// A power failure has removed the record, which was not synced
    /// ([`JournalWriter::sync`](crate::ipc::JournalWriter::sync)). Or the position is that of
    /// another journal.
    Cut {
        /// Offset in the file at which the record was.
        offset: u64,
    },
    /// A journal was finished: no record follows, and none can be appended.
    Finished,
    /// As many processes as possible take part on this side of a channel.
    TooManyProcesses {
        /// Their greatest number.
        limit: usize,
    },
    /// It is not known whether a commit is durable, because the storage device has failed.
    ///
    /// Each call of the [transactional](crate::Options::transactional) map fails with this, except
    /// [`Map::close`](crate::Map::close). The next opening of the file completes the commit, or
    /// finds that there is none.
    InDoubt,
    /// A [transactional](crate::Options::transactional) map has changes that are not committed, or
    /// is in a block, and `call` is not possible then.
    Pending {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// `call` would wait for a [`Reading`](crate::Reading) of the same thread, or for a store or a
    /// commit that a signal handler has interrupted.
    WouldDeadlock {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// A process was forked, and the [transactional](crate::Options::transactional) map belongs to
    /// its parent.
    Forked,
    /// Another map or process that uses the file with transactions did not make way for `call`
    /// within [`Options::timeout`](crate::Options::timeout).
    HasWriter {
        /// Name of the method that failed.
        call: &'static str,
    },
    /// A crash has left a transaction that is not complete, and `call` cannot complete or remove
    /// it, for example because this process may not write to the file. Opening the file for
    /// writing does that.
    Unrecovered {
        /// Name of the method that failed.
        call: &'static str,
        /// Why the call does not complete or remove it.
        reason: &'static str,
    },
    /// The operation is not supported on this platform or for this kind of map.
    ///
    /// The text states the reason.
    Unsupported(&'static str),
}

impl Error {
    /// Returns the operating system's error code (`errno`, on Windows `GetLastError`), if there is
    /// one.
    ///
    /// [`Error::Fault`], [`Error::Damaged`] and [`Error::Buffer`] return the code that a system
    /// call reports for such memory: `EFAULT`, on Windows `ERROR_NOACCESS`. [`Error::Unaligned`]
    /// returns `EINVAL`, on Windows `ERROR_INVALID_PARAMETER`, and [`Error::NoSpace`] returns
    /// `ENOSPC`. Other errors that the library detects itself return `None`.
    ///
    /// # Examples
    ///
    /// ```
    /// use safemap::{Error, Map};
    ///
    /// let error = Map::open("no such file").unwrap_err();
    /// assert_eq!(error.raw_os_error(), Some(2)); // ENOENT, ERROR_FILE_NOT_FOUND
    /// assert_eq!(Error::ReadOnly { call: "set" }.raw_os_error(), None);
    /// ```
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Error::Os { source, .. } => source.raw_os_error(),
            Error::Fault { .. } | Error::Damaged { .. } | Error::Buffer { .. } => {
                Some(crate::sys::BAD_ADDRESS)
            }
            Error::Unaligned { .. } => Some(crate::sys::INVALID),
            Error::NoSpace { .. } => Some(crate::sys::NO_SPACE),
            _ => None,
        }
    }

    /// Returns the resource limit that may be the cause of [`Error::Os`]: what `Display` says.
    #[cfg(feature = "python-internals")]
    #[doc(hidden)]
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Error::Os { call, source } => rlimit::limit(call, source.raw_os_error()?),
            _ => None,
        }
    }

    /// The error of calls that need a transactional map.
    pub(crate) fn not_transactional() -> Error {
        Error::Unsupported("the map was made without Options::transactional")
    }

    /// A length that is too large to map.
    pub(crate) fn too_long(len: u64) -> Error {
        Error::TooLong { len, limit: size::MAX as u64 }
    }

    /// Returns a function for `map_err` that makes [`Error::Os`] of an [`io::Error`].
    pub(crate) fn os(call: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Os { call, source }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Error::Os { source, .. } => source.kind(),
            Error::OutOfBounds { call, .. } => kind_of_bounds(call),
            Error::BeyondFile { .. } | Error::TooLong { .. } | Error::Unaligned { .. } => {
                io::ErrorKind::InvalidInput
            }
            Error::CopyLimit { .. } => io::ErrorKind::FileTooLarge,
            Error::ReadOnly { .. } | Error::Unrecovered { .. } => io::ErrorKind::PermissionDenied,
            Error::WouldDeadlock { .. } => io::ErrorKind::Deadlock,
            Error::HasWriter { .. } => io::ErrorKind::TimedOut,
            Error::InUse { .. } | Error::Locked { .. } | Error::TooManyProcesses { .. } => {
                io::ErrorKind::ResourceBusy
            }
            Error::Corrupt { .. } => io::ErrorKind::InvalidData,
            Error::Format { cause, .. } => cause.kind(),
            Error::Cut { .. } => io::ErrorKind::NotFound,
            Error::Disconnected { died: false } | Error::Finished => io::ErrorKind::UnexpectedEof,
            Error::Disconnected { died: true } => io::ErrorKind::ConnectionReset,
            Error::NoSpace { .. } => io::ErrorKind::StorageFull,
            Error::NoFile { .. } | Error::Unsupported(_) => io::ErrorKind::Unsupported,
            Error::Fault { .. }
            | Error::Damaged { .. }
            | Error::Buffer { .. }
            | Error::InDoubt
            | Error::Pending { .. }
            | Error::Forked => io::ErrorKind::Other,
        }
    }
}

/// Returns the kind that the methods of the same purpose in `std` report.
fn kind_of_bounds(call: &str) -> io::ErrorKind {
    match call {
        "read_exact_at" | "read_uninit_at" | "read_array" | "copy_to" | "read_byte" => {
            io::ErrorKind::UnexpectedEof
        }
        "write_at" | "copy_from" | "write_byte" => io::ErrorKind::WriteZero,
        _ => io::ErrorKind::InvalidInput,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Os { call, source } => rlimit::write_os_error(f, call, source),
            // A range without an end, such as `13..`.
            Error::OutOfBounds { call, start, end, len } if start > end && end == len => {
                write!(f, "{call}: offset {start} out of bounds for a map of {len} bytes")
            }
            Error::OutOfBounds { call, start, end, .. } if start > end => {
                write!(f, "{call}: range starts at {start} but ends at {end}")
            }
            Error::OutOfBounds { call, start, end, len } => {
                write!(f, "{call}: range {start}..{end} out of bounds for a map of {len} bytes")
            }
            Error::BeyondFile { offset, len: 0, file_len } => {
                write!(f, "map: offset {offset} out of bounds for a file of {file_len} bytes")
            }
            Error::BeyondFile { offset, len, file_len } => {
                let end = offset.saturating_add(*len as u64);
                write!(f, "map: range {offset}..{end} out of bounds for a file of {file_len} bytes")
            }
            Error::TooLong { len, limit } => {
                write!(f, "a length of {len} bytes is too large: at most {limit} are possible")
            }
            Error::Unaligned { call, offset, multiple } => {
                write!(f, "{call}: offset {offset} is not a multiple of {multiple}")
            }
            Error::ReadOnly { call } => write!(f, "{call}: the map is read-only"),
            Error::NoFile { call } => write!(f, "{call}: the map keeps no file descriptor"),
            Error::Fault { offset } => write!(
                f,
                "byte {offset} of the map cannot be accessed: \
                 file truncated, disk full, device failed or page protected"
            ),
            Error::Damaged { offset } => {
                write!(
                    f,
                    "byte {offset} of the map could not be accessed and was replaced with zero"
                )
            }
            Error::Buffer { offset } => {
                write!(f, "byte {offset} of the caller's buffer cannot be accessed")
            }
            Error::NoSpace { len, file_system, free, size } => {
                write!(f, "shared_memory: no space left on {file_system}")?;
                if *len > 0 {
                    write!(f, " for {len} bytes")?;
                }
                write!(f, ": {free} of its {size} bytes are free")
            }
            Error::InUse { call } => write!(f, "{call}: slices or views of the bytes exist"),
            Error::Locked { call } => {
                write!(f, "{call}: another program has locked the whole file")
            }
            Error::CopyLimit { len, limit, reason } => {
                write!(f, "a copy of {len} bytes exceeds the limit of {limit}: {reason}")
            }
            Error::Corrupt { offset } => {
                write!(f, "the words at byte {offset} of the map were changed by another program")
            }
            Error::Format { call, cause } => write!(f, "{call}: {cause}"),
            Error::Cut { offset } => {
                write!(
                    f,
                    "no record at byte {offset} of the file: a power failure has removed it, or \
                     the position is of another journal"
                )
            }
            Error::Finished => f.write_str("the journal is finished"),
            Error::Disconnected { died: false } => {
                f.write_str("the other side has left the channel")
            }
            Error::Disconnected { died: true } => f.write_str("the other side has crashed"),
            Error::TooManyProcesses { limit } => {
                write!(f, "{limit} processes take part on this side, and no more can")
            }
            Error::InDoubt => {
                f.write_str("it is not known whether a commit is durable: open the file again")
            }
            // These calls fail in a block only.
            Error::Pending { call: call @ ("commit" | "rollback" | "flush" | "sync_all") } => {
                write!(f, "{call}: the map is in a transaction, whose end commits or rolls back")
            }
            Error::Pending { call } => write!(
                f,
                "{call}: the map is in a transaction, or has changes that are not committed: \
                 end the block, or commit or roll back first"
            ),
            Error::WouldDeadlock { call } => {
                write!(
                    f,
                    "{call}: this thread would wait for itself: it is reading the file (end that \
                     first), or a signal handler has interrupted a call of the map"
                )
            }
            Error::Forked => {
                f.write_str("a transactional map belongs to the process that opened it")
            }
            Error::HasWriter { call } => {
                write!(f, "{call}: another map has the file open for writing")
            }
            Error::Unrecovered { call, reason } => {
                write!(f, "{call}: a transaction in the file is not complete: {reason}")
            }
            Error::Unsupported(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Os { source, .. } if source.raw_os_error().is_some() => source,
            error => io::Error::new(error.kind(), error),
        }
    }
}
