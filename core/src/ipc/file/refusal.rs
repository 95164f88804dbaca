//! Why a file cannot be used, before the method of the caller is known.

use std::io;

use crate::{Error, FormatError, ipc::liveness::UNRELIABLE};

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) enum Refusal {
    Format(FormatError),
    Os(io::Error),
    Unsupported(&'static str),
}

impl From<FormatError> for Refusal {
    fn from(cause: FormatError) -> Refusal {
        Refusal::Format(cause)
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        Refusal::Os(error)
    }
}

impl Refusal {
    /// Converts it to an error of the method `call`.
    pub(super) fn into_error(self, call: &'static str) -> Error {
        match self {
            Refusal::Format(cause) => Error::Format { call, cause },
            Refusal::Unsupported(reason) => Error::Unsupported(reason),
            Refusal::Os(source) if source.raw_os_error().is_some() => Error::Os { call, source },
            Refusal::Os(source) => match source.kind() {
                io::ErrorKind::ResourceBusy => Error::Locked { call },
                io::ErrorKind::Unsupported => Error::Unsupported(UNRELIABLE),
                _ => Error::Os { call, source },
            },
        }
    }
}
