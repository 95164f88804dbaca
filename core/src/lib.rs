//! Memory-mapped files that behave.
//!
//! A [`Map`] is a file, a part of one, or anonymous memory, as bytes that one reads and writes in place. It
//! needs no `unsafe`: bytes are copied in and out, never lent, so other processes may write to the file meanwhile. And it
//! does not die: where a memory map usually ends in SIGBUS, because somebody shortened the file, the disk is full or
//! a device failed, a call returns [`Error::Fault`] with the offset, and the map goes on working.
//!
//! ```
//! use safemap::{Access, Map, Options};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("access.log");
//! # std::fs::write(&path, "GET /\nERROR 500\nGET /\n").unwrap();
//! let log = Map::open(&path)?;                                   // read-only, the whole file
//! assert_eq!(log.find(b"ERROR", ..)?, Some(6));
//! assert_eq!(log.lines().count(), 3);
//!
//! let map = Options::new().access(Access::Write).open(&path)?;   // shared: others see the writes
//! map.write_at(b"INFO!", 6)?;
//! assert_eq!(log.to_vec(6..11)?, b"INFO!");
//! map.resize(1 << 20)?;                                          // grows the file; nobody is disturbed
//! map.flush()?;
//!
//! # if cfg!(windows) { return Ok(()); } // Refused there.
//! std::fs::write(&path, "")?;                                    // somebody cuts the file to nothing
//! assert!(matches!(log.get(6), Err(safemap::Error::Fault { offset: 6 })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where to look next: [`Options`] for how to ask for a map, [`Map`] for what to do with it, [`Cursor`] for a map as a file
//! ([`Read`](std::io::Read), [`Write`](std::io::Write), [`Seek`](std::io::Seek), [`BufRead`](std::io::BufRead)),
//! [`Advice`] for what to tell the system.

mod access;
mod advice;

mod accessor;
mod error;
mod external;
mod flags;
mod rlimit;

mod fast;
mod manage;
mod map;
mod options;
mod repair;

mod resize;
mod search;

mod span;
mod stream;
mod sys;

mod word;

pub use advice::Advice;
pub use error::{Error, Result};
pub use external::copy_of;
#[doc(hidden)]
pub use fast::forks;
pub use flags::{Flags, HugePage, Protection};
pub use map::Map;
pub use options::{Access, Options, Sharing};
pub use stream::Cursor;
pub use stream::Lines;
#[cfg(windows)]
pub use sys::fault::fault_status;
pub use word::Word;

/// Returns the size of a page in bytes.
#[must_use]
pub fn page_size() -> usize {
    sys::page_size()
}

/// Returns what offsets into files are rounded down to, in bytes: the page size, on Windows 64 KiB.
#[must_use]
pub fn granularity() -> usize {
    sys::granularity()
}

/// The README's examples, as tests. They cut a file under its map, which Windows refuses.
#[cfg(all(doctest, not(windows)))]
#[doc = include_str!("../../README.md")]
struct Readme;
