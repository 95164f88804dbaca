//! Helpers that the core's tests, the stress programs, the fuzzer and the benchmarks share.
//!
//! Helpers panic where a program would return an error: a test has no use for it.

#[cfg(target_os = "linux")]
mod byte_lock;
mod child;
#[cfg(unix)]
mod cuts;
#[cfg(target_os = "linux")]
mod damaged;
mod decode;
pub mod document;
mod file;
#[cfg(unix)]
mod library_copy;
#[cfg(target_os = "linux")]
pub mod memfd;
mod model;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub mod namespace;
mod operation;
#[cfg(unix)]
mod pipe;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
mod program;
#[cfg(target_os = "linux")]
pub mod seccomp;
#[cfg(unix)]
pub mod signal;
#[cfg(target_os = "linux")]
mod stalled;
mod stop;
mod sweep;

#[cfg(target_os = "linux")]
pub use byte_lock::lock_byte;
pub use child::{
    is_emulated, output_of_child, succeeds_in_child, succeeds_while_truncated, test_command,
};
#[cfg(unix)]
pub use cuts::restore_beside_cuts;
#[cfg(target_os = "linux")]
pub use damaged::{use_damaged_channel, use_damaged_journal};
pub use decode::operations;
pub use file::{TempFile, can_truncate_mapped};
#[cfg(unix)]
pub use library_copy::LibraryCopy;
pub use model::Model;
pub use operation::{Answer, Op, apply};
#[cfg(unix)]
pub use pipe::pipe;
#[cfg(unix)]
pub use program::run_program;
#[cfg(unix)]
pub use safemap::open_hostile_journal;
#[cfg(target_os = "linux")]
pub use stalled::Stalled;
pub use stop::Stop;
pub use sweep::{SWEEPS, Sweep};

/// A multiple of the page size. Some aarch64 systems have pages of 64 KiB.
pub const PAGE: usize = if cfg!(target_arch = "aarch64") { 65_536 } else { 4096 };

/// Whether this processor has atomic words in maps, and so mutexes.
pub const HAS_WORDS: bool =
    cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)));

/// `len` bytes that repeat after 251, so that each page differs from its neighbours.
#[must_use]
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// `len` pseudo-random bytes, which cannot be compressed. Equal seeds give equal bytes.
#[must_use]
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// Maps private memory that holds `bytes`.
#[must_use]
pub fn memory_with(bytes: &[u8]) -> safemap::Map {
    let map = safemap::Options::new().len(bytes.len()).anonymous().expect("map memory");
    map.write_at(bytes, 0).expect("write to memory");
    map
}
