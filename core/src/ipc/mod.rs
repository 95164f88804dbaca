//! Communication between processes through shared maps.
//!
//! | item | is |
//! |---|---|
//! | [`Map::atomic`](crate::Map::atomic), [`Atomic`] | a word that processes change atomically |
//! | [`Map::wait`](crate::Map::wait), [`Map::notify`](crate::Map::notify) | waiting until a word changes |
//! | [`Liveness`] | an id that is alive as long as its process is |
//! | [`Map::lock_range`](crate::Map::lock_range), [`RangeGuard`] | a lock of a range of the file |
//!
//! All of them need a map whose stores reach the other processes: one that is shared, and for
//! changes also [writable](crate::Access::Write). Words need a processor with native accessors
//! (x86-64 and aarch64), liveness and locks need a file; elsewhere they return
//! [`Error::Unsupported`](crate::Error::Unsupported).
//!
//! `docs/ipc.md` in the repository describes the protocols, and what happens when a process
//! crashes.

mod atomic;
mod liveness;
mod range_lock;
mod spin;
mod wait;

pub use atomic::Atomic;
pub use liveness::Liveness;
pub use range_lock::{RangeGuard, has_range_locks};
pub use spin::Spin;
pub(crate) use spin::SpinBudget;
pub use wait::Waited;

pub use crate::mode::LockKind;
