//! A shared Rust library that contains safemap. Functions of safemap that are inlined into this
//! library are in the same object; those that are inlined into the program are not.
#![forbid(unsafe_code)]

pub use safemap;

use safemap::{Map, Result};

/// Loads and copies from `at`, in the library.
///
/// # Errors
///
/// Those of safemap.
#[inline(never)]
pub fn access(map: &Map, at: usize) -> Result<u64> {
    let mut bytes = [0; 40];
    map.read_exact_at(&mut bytes, at)?;
    map.view(..)?.load(at)
}
