//! The error of `transfer::piece`, and the largest number of bytes that it moves.

// Only the portable accessors use it.
#![allow(dead_code)]

/// The most bytes that one transfer moves. They fit into an empty pipe, and no system has smaller
/// pages.
pub(crate) const PIECE: usize = 4096;

/// The range of a transfer that cannot be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inaccessible {
    Source,
    Destination,
}
