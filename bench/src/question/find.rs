//! Find: a needle that is not there.

use memchr::memmem;
use safemap::Map;

use super::Question;
use crate::{
    data::Data,
    measure::many,
    peers,
    row::Row,
    run::{KIB, MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "find",
    title: "Rust: find a needle that is not there",
    how: "`find`, beside `memchr::memmem::find` on memmap2's slice, the C library's `memmem` on it (what Python's fmmap does), and (the limit) \
          `memchr::memmem::find` on private memory. The text is a log, the binary file has records of numbers; the needle is a piece of it with two bytes exchanged.",
    answer,
};

const NEEDLES: [usize; 7] = [2, 3, 4, 8, 16, 64, 1000];

fn answer(run: &Run) -> Outcome {
    for data in [Data::text(), Data::binary()] {
        for size in [64 * KIB, run.size(64 * MIB)] {
            let file = Scratch::repeated(&data.block, size)?;
            let (ours, theirs) = (Map::open(file.path())?, peers::map(&file.handle()?)?);
            let private = theirs.to_vec();
            for len in NEEDLES {
                let needle = &data.absent(len)[..];
                Row::new(format!("{len} bytes, {} {}", sized(size), data.kind))
                    .with("safemap", many(|| ours.find(needle, ..)))
                    .with("memmap2 + memchr", many(|| memmem::find(&theirs, needle)))
                    .with("glibc memmem", many(|| peers::memmem(&theirs, needle)))
                    .with("private + memchr", many(|| memmem::find(&private, needle)))
                    .aim("memmap2 + memchr", 1.0 / 0.95)
                    .done(run);
            }
        }
    }
    Ok(())
}
