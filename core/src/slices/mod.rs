//! Slices of files that are sound: their bytes change as little as those of a `Vec`.
//!
//! A slice of a mapped file would change with the file. The memory here is private to the process
//! and written before a slice of it exists, or a file that the kernel does not let change any more.
//! `docs/design.md` has the argument for each kind ("Slices").
//!
//! # Safety
//!
//! The unsafe blocks in this folder rely on these facts:
//!
//! - A [`Backing::Heap`] or [`Backing::Pages`] copy was written completely before it got its
//!   `Arc`, and nothing writes to it afterwards. Its region is unmapped when the last owner is
//!   dropped.
//! - A [`Backing::Sealed`] file has the seals against writing and shrinking, which cannot be
//!   removed. It is mapped for reading, after its seals and then its length were determined.
//! - A piece of a [`Snapshot`] is written by the thread that has claimed it, behind the bytes that
//!   are ready. Slices cover ready bytes only (`piece.rs`).

#![allow(unsafe_code)]

mod bytes;
mod compare;
mod copy;
mod memory;
mod options;
mod piece;
mod seal;
mod snapshot;
#[cfg(all(test, unix))]
mod tests;

/// The atomics of `piece`, for which `model` has others.
mod atomic {
    pub(super) use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

    pub(super) const fn publish_order() -> Ordering {
        Ordering::Release
    }

    pub(super) const fn complete_order() -> Ordering {
        Ordering::Release
    }
}

pub use bytes::FileBytes;
pub use memory::Backing;
pub(crate) use seal::memfd_error;
pub use snapshot::{Snapshot, SnapshotSlice};
