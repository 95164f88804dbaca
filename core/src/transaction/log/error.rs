//! Why a call of the protocol has failed.

use crate::FormatError;

/// Why a journal cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OpenError<E> {
    /// An operation on a file has failed.
    Files(E),
    /// What the journal contains.
    Format(FormatError),
}

impl<E> From<E> for OpenError<E> {
    fn from(error: E) -> OpenError<E> {
        OpenError::Files(error)
    }
}

impl<E> OpenError<E> {
    pub(super) fn damaged<T>(offset: u64) -> Result<T, OpenError<E>> {
        Err(OpenError::Format(FormatError::DamagedRecord { offset }))
    }
}

/// Why a commit or a checkpoint has failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure<E> {
    /// Nothing has changed, also after a power failure. The log can be used.
    Unchanged(E),
    /// The change is there or is not there; the next [`Log::open`](super::Log::open) decides.
    InDoubt(E),
    /// An earlier call has failed with [`Failure::InDoubt`]. Nothing was done.
    Earlier,
}
