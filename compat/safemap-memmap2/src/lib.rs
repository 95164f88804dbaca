//! The interface of memmap2 0.9 on [safemap](::safemap).
//!
//! A program that uses memmap2 switches without a change of its code; `docs/from-memmap2.md` in the
//! repository has the three lines for its manifest. memmap2's documentation describes each item.
//! In addition, on Unix:
//!
//! - **A truncated file does not end the program.** Where the file or the device cannot supply a
//!   page of a map, the program reads zeros in its place.
//! - **The first damage of a map is reported** on standard error, or to a hook
//!   ([`safemap::on_damage`]).
//! - **A damaged map is not flushed.** Each `flush*` of it returns an error, and so does `remap`.
//!
//! The constructors of file maps remain `unsafe`: the bytes behind a slice still change when
//! another process writes to the file. For new code safemap has slices that do not.
//!
//! Maps from [`MmapOptions::map_if_safe`] are not repaired, because their bytes must not change. No
//! map keeps a file descriptor.
//!
//! # Examples
//!
//! ```
//! use std::fs::File;
//! # use safemap_memmap2 as memmap2;
//! use memmap2::Mmap;
//!
//! let file = File::open("Cargo.toml")?;
//! // SAFETY: no process changes the manifest while this example runs.
//! let map = unsafe { Mmap::map(&file)? };
//! assert!(map.starts_with(b"[package]"));
//! # Ok::<(), std::io::Error>(())
//! ```

// The interface hands out slices, and its constructors are unsafe for that reason.
#![allow(unsafe_code)]
// memmap2's documentation says when each call fails.
#![allow(clippy::missing_errors_doc, clippy::len_without_is_empty)]

#[cfg(unix)]
mod advice;
mod damage;
#[cfg_attr(not(any(unix, windows)), path = "no_descriptor.rs")]
mod descriptor;
mod immutable;
mod map;
mod options;

#[cfg(unix)]
pub use advice::{Advice, UncheckedAdvice};
pub use descriptor::{MmapAsRawDesc, MmapRawDescriptor};
pub use immutable::MapIfSafeError;
#[cfg(target_os = "linux")]
pub use map::RemapOptions;
pub use map::{Mmap, MmapMut, MmapRaw};
pub use options::MmapOptions;

/// What memmap2 does not have.
pub mod safemap {
    pub use crate::damage::on_damage;
    pub use ::safemap::Damage;
}

/// Converts an error, so that callers find the operating system's code where memmap2 has it.
fn io_error(error: ::safemap::Error) -> std::io::Error {
    match error {
        ::safemap::Error::Os { source, .. } => source,
        other => other.into(),
    }
}
