//! [`safemap_memmap2`] under the name that `[patch.crates-io]` requires.

pub use safemap_memmap2::*;
