//! Open: from a path to a byte, and back.

use std::{fs::File, hint::black_box, os::unix::fs::FileExt, path::Path};

use safemap::Map;

use super::Question;
use crate::{
    measure::many,
    peers,
    row::Row,
    run::{KIB, MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "open",
    title: "Rust: open, map, touch a byte, unmap, close",
    how: "`Map::open`, `get`, drop, beside the same with memmap2, and a descriptor that is opened, read from once (`pread` of 64 bytes) and closed.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    for size in [4 * KIB, MIB] {
        let file = Scratch::file(&vec![1; size])?;
        let path = file.path();
        Row::new(sized(size))
            .with("safemap", many(|| ours(path)))
            .with("memmap2", many(|| theirs(path)))
            .with("pread", many(|| read(path)))
            .aim("memmap2", 1.05)
            .done(run);
    }
    Ok(())
}

pub(super) fn ours(path: &Path) -> u8 {
    let map = Map::open(path).expect("the file can be mapped");
    map.get(black_box(0)).expect("the file has a byte")
}

pub(super) fn theirs(path: &Path) -> u8 {
    let map = peers::map(&File::open(path).expect("the file is there")).expect("the file can be mapped");
    map[black_box(0)]
}

fn read(path: &Path) -> u8 {
    let mut bytes = [0; 64];
    let file = File::open(path).expect("the file is there");
    file.read_exact_at(&mut bytes, 0).expect("the file can be read");
    bytes[0]
}
