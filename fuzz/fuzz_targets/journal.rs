//! Runs bytes as a program on a damaged journal, beside a thread that overwrites its words.
//!
//! Run it with `cargo +nightly fuzz run journal`, or without cargo-fuzz by `python3 x.py stress`.
//! The tests of `core/tests/ipc_damaged.rs` run random programs.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| safemap_testing::use_damaged_journal(bytes));
