//! Models of concurrent protocols. `loom` explores their interleavings.
//!
//! They are no unit tests, because `loom` installs a handler for SIGSEGV that would receive the
//! faults of accessors.

// Elsewhere `loom` is not a dependency: it runs on few processors.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![allow(unsafe_code)]

#[path = "models/mutex.rs"]
mod mutex;
#[path = "models/repair.rs"]
mod repair;
#[path = "models/snapshot.rs"]
mod snapshot;

/// At the place where the protocols expect it.
#[path = "../src/ipc"]
mod ipc {
    pub(crate) mod words;
}

use safemap::Damage;
