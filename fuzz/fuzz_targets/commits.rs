//! Opens the commit journal that bytes encode, on files in memory, and commits to it.
//!
//! Run it with `cargo +nightly fuzz run commits`, or without cargo-fuzz by `python3 x.py stress`.
//! The tests of `core/src/transaction/log/tests/hostile.rs` open random journals.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| safemap_testing::open_hostile_journal(bytes));
