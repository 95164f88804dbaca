//! Communication between processes through shared maps.
//!
//! | item | is |
//! |---|---|
//! | [`Map::atomic`](crate::Map::atomic), [`Atomic`] | a word that processes change atomically |
//! | [`Map::wait`](crate::Map::wait), [`Map::notify`](crate::Map::notify) | waiting until a word changes |
//! | [`Liveness`] | an id that is alive as long as its process is |
//! | [`Mutex`] | a lock that survives the crash of its owner |
//! | [`Channel`], [`Sender`], [`Receiver`] | messages, each of which one receiver gets |
//! | [`Journal`], [`JournalWriter`], [`JournalReader`] | records that every reader gets, and that survive a power failure after [`JournalWriter::sync`] |
//! | [`Map::lock_range`](crate::Map::lock_range), [`RangeGuard`] | a lock of a range of the file |
//! | [`remove_shared_memory`], [`shared_memory_names`] | the names of [shared memory](crate::Options::shared_memory) |
//!
//! Words, waiting, liveness and locks need a map whose stores reach the other processes: one that
//! is shared, and for changes also [writable](crate::Access::Write). Words need a processor with
//! native accessors (x86-64 and aarch64), liveness and locks need a file; elsewhere they return
//! [`Error::Unsupported`](crate::Error::Unsupported).
//!
//! `docs/ipc.md` in the repository describes the protocols, and what happens when a process
//! crashes. `docs/ipc-recipes.md` has programs to copy, such as a job queue.

mod atomic;
mod channel;
mod event_count;
mod file;
mod journal;
mod liveness;
mod mapped;
mod member;
mod mutex;
mod pace;
mod patience;
mod range_lock;
mod shared_memory;
#[cfg(test)]
pub(crate) mod simulated;
mod spin;
mod viewed;
mod wait;
mod words;

pub use atomic::Atomic;
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use channel::leave_channels;
pub use channel::{Channel, ChannelOptions, Claim, Message, Peers, Receiver, Sender};
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use journal::KeptCursor;
pub use journal::{
    Journal, JournalOptions, JournalReader, JournalWriter, Position, ReadFrom, Records,
};
pub use liveness::Liveness;
pub(crate) use member::Member;
#[cfg(feature = "python-internals")]
#[doc(hidden)]
pub use mutex::KeptLock;
pub use mutex::{Mutex, MutexGuard};
pub use range_lock::{RangeGuard, has_range_locks};
pub use shared_memory::{remove_shared_memory, shared_memory_names};
pub use spin::Spin;
pub(crate) use spin::SpinBudget;
pub use wait::Waited;

pub use crate::mode::LockKind;
