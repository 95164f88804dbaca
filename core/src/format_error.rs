//! Why a file of the library cannot be used.

use std::{fmt, io};

/// Why a file of [`ipc`](crate::ipc), or a commit journal
/// ([`Options::transactional`](crate::Options::transactional)), cannot be used.
///
/// # Examples
///
/// ```
/// use safemap::{Error, FormatError};
///
/// fn advice(error: &Error) -> &'static str {
///     match error {
///         Error::Format { cause: FormatError::NewerVersion { .. }, .. } => "update this program",
///         Error::Format { cause: FormatError::Incomplete, .. } => "start its creator again",
///         Error::Format { .. } => "choose another file",
///         _ => "see the error",
///     }
/// }
///
/// let cause = FormatError::OtherCapacity { found: 4096, requested: 8192 };
/// let error = Error::Format { call: "open_or_create", cause };
/// assert_eq!(
///     error.to_string(),
///     "open_or_create: the file has a capacity of 4096 bytes, not 8192"
/// );
/// assert_eq!(advice(&error), "choose another file");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The file is not one of this library, or not a regular file.
    NotSafemap,
    /// The process that created the file has not completed it, and has ended.
    Incomplete,
    /// The file was truncated.
    TooShort {
        /// Length of the file in bytes.
        len: u64,
        /// The length that it needs.
        required: u64,
    },
    /// A machine with another byte order has created the file.
    ByteOrder,
    /// The file has an older format, which this version cannot use.
    OlderVersion {
        /// Format of the file.
        found: u16,
        /// Format that this version uses.
        supported: u16,
    },
    /// The file has a newer format.
    NewerVersion {
        /// Format of the file.
        found: u16,
        /// Format that this version uses.
        supported: u16,
    },
    /// The file uses features that this version does not know.
    UnknownFeatures {
        /// One bit for each.
        bits: u32,
    },
    /// The header was changed by another program or by a failure of the disk.
    DamagedHeader,
    /// The file is of another kind.
    OtherKind {
        /// Number of the file's kind: 1 for a channel, 2 for a journal.
        found: u32,
        /// Number of the requested kind.
        requested: u32,
    },
    /// No file of this kind has such a capacity.
    InvalidCapacity {
        /// Capacity in bytes.
        capacity: u64,
    },
    /// The file has another capacity than requested.
    OtherCapacity {
        /// Capacity of the file in bytes.
        found: u64,
        /// Requested capacity.
        requested: u64,
    },
    /// The commit journal belongs to another file, and has transactions that are not complete.
    OtherFile,
    /// A record of the commit journal is damaged, and valid ones follow it.
    DamagedRecord {
        /// Offset of the record in the journal.
        offset: u64,
    },
    /// The file has another limit of the number of messages than requested.
    OtherMessageLimit {
        /// Limit of the file; 0 for none.
        found: u64,
        /// Requested limit.
        requested: u64,
    },
}

impl FormatError {
    pub(crate) fn kind(self) -> io::ErrorKind {
        match self {
            FormatError::ByteOrder
            | FormatError::OlderVersion { .. }
            | FormatError::NewerVersion { .. }
            | FormatError::UnknownFeatures { .. } => io::ErrorKind::Unsupported,
            FormatError::OtherCapacity { .. } | FormatError::OtherMessageLimit { .. } => {
                io::ErrorKind::InvalidInput
            }
            _ => io::ErrorKind::InvalidData,
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::NotSafemap => f.write_str("not a file of safemap"),
            FormatError::Incomplete => f.write_str("the creation of the file was not completed"),
            FormatError::TooShort { len, required } => {
                write!(f, "the file has {len} bytes, but needs {required}")
            }
            FormatError::ByteOrder => {
                f.write_str("the file was created on a machine with another byte order")
            }
            FormatError::OlderVersion { found, supported }
            | FormatError::NewerVersion { found, supported } => {
                write!(f, "the file has format {found}, and this version uses format {supported}")
            }
            FormatError::UnknownFeatures { bits } => {
                write!(f, "the file uses features that this version does not know: {bits:#x}")
            }
            FormatError::DamagedHeader => f.write_str("the header of the file is damaged"),
            FormatError::OtherKind { found, requested } => {
                write!(f, "the file is {}, not {}", kind_name(*found), kind_name(*requested))
            }
            FormatError::InvalidCapacity { capacity } => {
                write!(f, "a file cannot have a capacity of {capacity} bytes")
            }
            FormatError::OtherCapacity { found, requested } => {
                write!(f, "the file has a capacity of {found} bytes, not {requested}")
            }
            FormatError::OtherFile => f.write_str("the commit journal belongs to another file"),
            FormatError::DamagedRecord { offset } => {
                write!(f, "the record at {offset} of the commit journal is damaged")
            }
            FormatError::OtherMessageLimit { found, requested } => {
                write!(f, "the file has a limit of {found} messages, not {requested}")
            }
        }
    }
}

impl std::error::Error for FormatError {}

fn kind_name(kind: u32) -> &'static str {
    match kind {
        1 => "a channel",
        2 => "a journal",
        _ => "of an unknown kind",
    }
}
