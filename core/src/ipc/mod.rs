//! Communication between processes through the file of a map.
//!
//! `docs/ipc.md` in the repository describes what these types guarantee when a process crashes.

mod liveness;
mod range_lock;

pub use liveness::Liveness;
pub use range_lock::{RangeGuard, has_range_locks};

pub use crate::mode::LockKind;
