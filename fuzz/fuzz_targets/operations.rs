//! Runs bytes as a program on a map and on its reference model. The file is truncated in between.
//!
//! Run it with `cargo +nightly fuzz run operations`, or without cargo-fuzz by `python3 x.py
//! stress`. The tests of `core/tests/model.rs` run the programs in `corpus/`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| safemap_testing::run_program(bytes));
