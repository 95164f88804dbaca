//! Raw: what safe Rust cannot do, each with the reason: plain access to mapped memory, signals, limits, forks.
//!
//! These functions are not safe in the sense of the word: some are there to die of.

#![allow(unsafe_code)]

pub(crate) mod limit;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod signal;
