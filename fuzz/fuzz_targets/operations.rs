//! Operations: bytes as a program, run on a map and on its twin, with a file that others cut in between.
//!
//! `cargo +nightly fuzz run operations`; or, without cargo-fuzz, `python3 x.py stress`, which builds it in the same way. The tests of
//! `core/tests/model.rs` run what is kept in `corpus/`.
#![no_main]

#[path = "../../core/tests/support/operation.rs"]
mod operation;
#[path = "../../core/tests/support/program.rs"]
mod program;
#[path = "../../core/tests/support/twin.rs"]
mod twin;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| program::run(bytes));
