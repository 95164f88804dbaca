//! Random numbers, from what seeds the hash tables of the standard library.

use std::{
    hash::{BuildHasher, RandomState},
    io,
};

/// Returns a random number.
#[allow(clippy::unnecessary_wraps)] // As on Unix.
pub(crate) fn word() -> io::Result<u64> {
    Ok(RandomState::new().hash_one(0))
}
