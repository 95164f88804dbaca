//! Models of concurrent protocols. `loom` explores their interleavings.
//!
//! They are no unit tests, because `loom` installs a handler for SIGSEGV that would receive the
//! faults of accessors.

// Elsewhere `loom` is not a dependency: it runs on few processors. The protocols use no accessors,
// so one run is sufficient.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)))]
#![allow(unsafe_code)]

#[path = "models/event_count.rs"]
mod event_count;
#[path = "models/frames.rs"]
mod frames;
#[path = "models/gate.rs"]
mod gate;
#[path = "models/journal.rs"]
mod journal;
#[path = "models/last_value.rs"]
mod last_value;
#[path = "models/mutex.rs"]
mod mutex;
#[path = "models/peers.rs"]
mod peers;
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
