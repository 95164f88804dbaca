//! Writes: bytes into a map, at random offsets.

use std::{hint::black_box, os::unix::fs::FileExt};

use safemap::{Access, Options};

use super::{
    Question,
    reads::{HOT, LENGTHS, THERE, aimed},
};
use crate::{
    chance::Offsets,
    measure::many,
    peers,
    row::Row,
    run::{MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "writes",
    title: "Rust: bytes into a map, at random offsets",
    how: "`write_at`, beside `copy_from_slice` into memmap2's slice, `pwrite`, and (the limit) `memcpy` into private memory. Otherwise as above.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let file = Scratch::file(&vec![1; 2 * MIB])?;
    let ours = Options::new().access(Access::Write).open(file.path())?;
    let handle = file.handle()?;
    let mut theirs = peers::map_mut(&handle)?;
    let mut private = vec![1; 2 * MIB];
    let from = vec![2; MIB];
    for len in LENGTHS {
        let from = &from[..len];
        let mut at = [0; 4].map(|_| Offsets::below(HOT, 1));
        let [at0, at1, at2, at3] = &mut at;
        let row = Row::new(sized(len))
            .with("safemap", many(|| ours.write_at(black_box(from), at0.next()).expect(THERE)))
            .with("memmap2", many(|| copy(&mut theirs, at1.next(), black_box(from))))
            .with("pwrite", many(|| handle.write_all_at(black_box(from), at2.next() as u64).expect(THERE)))
            .with("memcpy", many(|| copy(&mut private, at3.next(), black_box(from))));
        aimed(row, len).done(run);
    }
    Ok(())
}

#[inline]
fn copy(to: &mut [u8], at: usize, from: &[u8]) {
    black_box(&mut to[at..at + from.len()]).copy_from_slice(from);
}
