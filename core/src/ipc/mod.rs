//! Communication between processes through shared maps.
//!
//! | item | is |
//! |---|---|
//! | [`Map::atomic`](crate::Map::atomic), [`Atomic`] | a word that processes change atomically |
//! | [`Map::wait`](crate::Map::wait), [`Map::notify`](crate::Map::notify) | waiting until a word changes |
//!
//! All of them need a map whose stores reach the other processes: one that is shared, and for
//! changes also [writable](crate::Access::Write). They need a processor with native accessors
//! (x86-64 and aarch64); elsewhere they return [`Error::Unsupported`](crate::Error::Unsupported).
//!
//! `docs/ipc.md` in the repository describes the protocols.

mod atomic;
mod spin;
mod wait;

pub use atomic::Atomic;
pub use spin::Spin;
pub(crate) use spin::SpinBudget;
pub use wait::Waited;
