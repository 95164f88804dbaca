//! The one error type, the same on every platform.

use std::{fmt, io};

use crate::rlimit;

/// What the fallible calls of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call did not do what it was asked for.
///
/// The variants hold facts; `Display` makes a sentence of them. `?` turns an `Error` into an [`io::Error`] where the
/// caller lives in `std::io`; [`io::Error::get_ref`] gives it back.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused `call`. Where a limit was reached, `Display` says by which name one raises it.
    Os {
        /// The call, by the name of the method.
        call: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The range `start..end` leaves a map of `len` bytes.
    OutOfBounds {
        /// The call, by the name of the method.
        call: &'static str,
        /// First byte of the range that was asked for.
        start: usize,
        /// End of that range, exclusive; may lie before `start` if the caller said so.
        end: usize,
        /// Length of the map in bytes at that moment.
        len: usize,
    },
    /// A map was asked for that a regular file does not fill.
    BeyondFile {
        /// Where in the file the map was to start, in bytes.
        offset: u64,
        /// How many bytes were asked for; 0 for "to the end".
        len: usize,
        /// Length of the file in bytes at that moment.
        file_len: u64,
    },
    /// So many bytes are more than the address space, or a file, can hold.
    TooLong {
        /// The length in question, in bytes; saturated where it does not fit.
        len: u64,
    },
    /// An offset that has to be a multiple of a number of bytes is not.
    Unaligned {
        /// The call, by the name of the method.
        call: &'static str,
        /// The offset that was given.
        offset: u64,
        /// What it has to be a multiple of.
        multiple: usize,
    },
    /// `call` writes, and the map is read-only.
    ReadOnly {
        /// The call, by the name of the method.
        call: &'static str,
    },
    /// `call` needs the file, and the map keeps no descriptor of one.
    NoFile {
        /// The call, by the name of the method.
        call: &'static str,
    },
    /// The byte of the map at `offset` cannot be accessed: the file no longer reaches so far, the disk is full under a
    /// hole, the device failed, or the protection forbids it. Bytes before it were transferred.
    Fault {
        /// Offset in the map of the first byte that could not be accessed.
        offset: usize,
    },
    /// Foreign code read or wrote the map's memory where it could not be had, and met zeros in its place: in a map made with
    /// [`Options::repair`](crate::Options::repair), since the last [`Map::restore`](crate::Map::restore).
    Damaged {
        /// Lowest offset in the map at which that happened.
        offset: usize,
    },
    /// The caller's own buffer cannot be accessed from its byte `offset` on.
    ///
    /// Possible only where that buffer is itself mapped memory handed out by unsafe code.
    Buffer {
        /// Offset in the buffer.
        offset: usize,
    },
    /// This cannot be done, on this platform or with this kind of map.
    Unsupported(&'static str),
}

impl Error {
    /// Returns the operating system's number of the error, where it has one.
    ///
    /// [`Error::Fault`], [`Error::Damaged`] and [`Error::Buffer`] answer what a system call says that is given such memory (`EFAULT`).
    #[must_use]
    pub fn os_code(&self) -> Option<i32> {
        match self {
            Error::Os { source, .. } => source.raw_os_error(),
            Error::Fault { .. } | Error::Damaged { .. } | Error::Buffer { .. } => Some(crate::sys::BAD_ADDRESS),
            Error::Unaligned { .. } => Some(crate::sys::INVALID),
            _ => None,
        }
    }

    /// Names the call that the system refused, for `map_err`.
    pub(crate) fn os(call: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Os { call, source }
    }

    fn kind(&self) -> io::ErrorKind {
        match self {
            Error::Os { source, .. } => source.kind(),
            Error::OutOfBounds { .. } | Error::BeyondFile { .. } | Error::TooLong { .. } | Error::Unaligned { .. } => {
                io::ErrorKind::InvalidInput
            }
            Error::ReadOnly { .. } => io::ErrorKind::PermissionDenied,
            Error::NoFile { .. } | Error::Unsupported(_) => io::ErrorKind::Unsupported,
            Error::Fault { .. } | Error::Damaged { .. } | Error::Buffer { .. } => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Os { call, source } => rlimit::write_os_error(f, call, source),
            Error::OutOfBounds { call, start, end, len } => {
                write!(f, "{call}: range {start}..{end} leaves a map of {len} bytes")
            }
            Error::BeyondFile { offset, len: 0, file_len } => {
                write!(f, "map: offset {offset} lies beyond a file of {file_len} bytes")
            }
            Error::BeyondFile { offset, len, file_len } => {
                write!(f, "map: {len} bytes from offset {offset} leave a file of {file_len} bytes")
            }
            Error::TooLong { len } => write!(f, "a length of {len} bytes is more than can be mapped"),
            Error::Unaligned { call, offset, multiple } => {
                write!(f, "{call}: offset {offset} is no multiple of {multiple}")
            }
            Error::ReadOnly { call } => write!(f, "{call}: the map is read-only"),
            Error::NoFile { call } => write!(f, "{call}: the map keeps no descriptor of a file"),
            Error::Fault { offset } => write!(
                f,
                "byte {offset} of the map cannot be accessed: file shrunk, disk full, device failed or protected"
            ),
            Error::Damaged { offset } => {
                write!(f, "byte {offset} of the map was lost, and replaced by a zero for its readers")
            }
            Error::Buffer { offset } => write!(f, "byte {offset} of the caller's buffer cannot be accessed"),
            Error::Unsupported(what) => write!(f, "unsupported: {what}"),
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
        io::Error::new(error.kind(), error)
    }
}
