//! Models of concurrent protocols. `loom` explores their interleavings.
//!
//! They are no unit tests, because `loom` installs a handler for SIGSEGV that would receive the
//! faults of accessors.

// Elsewhere `loom` is not a dependency: it runs on few processors. The protocols use no accessors,
// so one run is sufficient.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(safemap_portable)))]
#![allow(unsafe_code)]

/// The items of `Words` for a protocol that only loads and stores words, and never waits.
macro_rules! loads_and_stores {
    ($error:ty) => {
        type Error = $error;

        fn owner(&self) -> Result<crate::ipc::words::Owner, $error> {
            unreachable!("the protocol has no owner")
        }

        fn compare_exchange(
            &self,
            _at: usize,
            _current: u64,
            _new: u64,
        ) -> Result<Result<u64, u64>, $error> {
            unreachable!("the protocol loads and stores")
        }

        fn store_hint(&self, _at: usize, _hint: u32) {}

        fn is_alive(&self, _id: u64) -> Result<bool, $error> {
            Ok(true)
        }

        fn sleep(
            &self,
            _at: usize,
            _expected: u64,
            _timeout: std::time::Duration,
        ) -> Result<(), $error> {
            Ok(())
        }

        fn wake_one(&self, _at: usize) -> Result<(), $error> {
            Ok(())
        }
    };
}

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
