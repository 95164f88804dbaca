//! What calls that change a length may do besides.

use crate::Error;

/// What becomes of a file that is longer than its map is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileEnd {
    /// It is cut.
    Exact,
    /// It keeps its length.
    AtLeast,
}

/// Whether a call may move the map to another address, or make it shorter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moves {
    Allowed,
    Refused,
}

/// Returns a function that gives an error the name of the method that failed.
pub(crate) fn in_call(call: &'static str) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Os { source, .. } => Error::Os { call, source },
        Error::ReadOnly { .. } => Error::ReadOnly { call },
        Error::NoFile { .. } => Error::NoFile { call },
        Error::InUse { .. } => Error::InUse { call },
        other => other,
    }
}
