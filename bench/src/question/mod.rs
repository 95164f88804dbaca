//! The questions, one file for each subject. The files import what this module imports.

mod cold;
mod copy;
mod find;
mod flush;
mod grow;
pub(crate) mod instructions;
mod maps;
pub(crate) mod open;
mod resident;
mod sequential;
mod sizes;
mod threads;

use std::{
    env, fs,
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
};

use memchr::{memchr, memmem, memrchr};
use safemap::{Access, Advice, Map, Options};
use safemap_testing::TempFile;

use crate::{
    data::{ABSENT, Data, Maps, Offsets},
    measure::{Work, after, many},
    peers,
    row::{Row, skip},
    run::{GIB, KIB, MIB, Outcome, Run, sized},
};

/// A question of a user.
#[derive(Clone, Copy)]
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How it is measured, and where that is unfair.
    pub(crate) how: &'static str,
    pub(crate) answer: fn(&Run) -> Outcome,
}

/// The questions, in the order of the page.
pub(crate) const ALL: &[Question] = &[
    copy::READS,
    copy::WRITES,
    copy::WORDS,
    instructions::QUESTION,
    find::FORWARDS,
    find::BYTE,
    find::BACKWARDS,
    sequential::QUESTION,
    open::TIME,
    open::CALLS,
    grow::QUESTION,
    flush::QUESTION,
    cold::QUESTION,
    sizes::QUESTION,
    maps::QUESTION,
    threads::QUESTION,
    resident::QUESTION,
];

/// Why an access does not fail.
const IN_BOUNDS: &str = "the range is in bounds and the file is not truncated";

/// memmap2's slice and the `memchr` crate.
const SLICE: &str = "memmap2 + memchr";

/// Maps the file at `path` for reading.
fn open(path: &Path) -> Map {
    Map::open(path).expect("map a file")
}

/// Evicts a file from the page cache. Returns whether that succeeded.
fn evict(file: &TempFile) -> bool {
    peers::evict(&file.open()).unwrap_or(false)
}

/// Whether a program is installed. If not, prints that a row cannot be measured.
fn installed(program: &str, row: &str) -> bool {
    let started =
        Command::new(program).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if started.is_err() {
        skip(row, &format!("{program} is not installed"));
    }
    started.is_ok()
}
