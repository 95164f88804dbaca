//! Reads: bytes out of a map, at random offsets.

use std::{hint::black_box, os::unix::fs::FileExt};

use safemap::Map;

use super::Question;
use crate::{
    chance::Offsets,
    data::Data,
    measure::many,
    peers,
    row::Row,
    run::{KIB, MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "reads",
    title: "Rust: bytes out of a map, at random offsets",
    how: "`read_at` into a buffer, beside `copy_from_slice` from memmap2's slice, `pread`, and (the limit) `memcpy` from private memory. \
          The offsets fall into 256 KiB, and no length is known to the compiler: where one is, a short copy from a slice is an instruction \
          or two, and `load` is the one to compare with it.",
    answer,
};

/// Lengths of pieces.
pub(super) const LENGTHS: [usize; 16] =
    [1, 2, 4, 8, 16, 32, 64, 128, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, 512 * KIB, MIB];
/// Offsets fall into so many bytes.
pub(super) const HOT: usize = 256 * KIB;

/// Why no read or write fails. Slices have a panic for that as well.
pub(super) const THERE: &str = "all of it lies in the file";

/// From here on the aim is a ratio, below it a difference.
pub(super) const LONG: usize = 64;

fn answer(run: &Run) -> Outcome {
    let file = Scratch::repeated(&Data::text().block, 2 * MIB)?;
    let (ours, handle) = (Map::open(file.path())?, file.handle()?);
    let theirs = peers::map(&handle)?;
    let private = theirs.to_vec();
    for len in LENGTHS {
        let mut at = [0; 4].map(|_| Offsets::below(HOT, 1));
        let [at0, at1, at2, at3] = &mut at;
        let mut buffers = [0; 4].map(|_| vec![0; len]);
        let [to0, to1, to2, to3] = &mut buffers;
        let row = Row::new(sized(len))
            .with("safemap", many(|| ours.read_at(black_box(&mut to0[..]), at0.next()).expect(THERE)))
            .with("memmap2", many(|| copy(black_box(&mut to1[..]), &theirs, at1.next())))
            .with("pread", many(|| handle.read_exact_at(black_box(&mut to2[..]), at2.next() as u64).expect(THERE)))
            .with("memcpy", many(|| copy(black_box(&mut to3[..]), &private, at3.next())));
        aimed(row, len).done(run);
    }
    Ok(())
}

#[inline]
fn copy(to: &mut [u8], from: &[u8], at: usize) {
    to.copy_from_slice(&from[at..at + to.len()]);
}

pub(super) fn aimed(row: Row<'_>, len: usize) -> Row<'_> {
    if len < LONG { row.aim_plus("memmap2", 1.0, 2.0) } else { row.aim("memmap2", 1.05) }
}
