//! The commit journal: the protocol that makes a change of the data file durable and atomic. It is
//! generic over the few operations on files that it needs, so that tests can run it on simulated
//! disks.

mod epoch;
mod error;
mod files;
#[cfg(any(test, feature = "python-internals"))]
mod hostile;
mod layout;
mod pieces;
mod readers;
mod record;
mod recovery;
mod scan;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use epoch::Identity;
pub(crate) use error::{Failure, OpenError};
pub(crate) use files::{Files, Which};
#[cfg(feature = "python-internals")]
pub use hostile::open_hostile_journal;
pub(crate) use readers::{Need, Seen, needs_recovery};
pub(crate) use record::{Change, NewLen};
pub(crate) use writer::Log;
