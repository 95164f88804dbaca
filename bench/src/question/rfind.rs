//! Find backwards: a needle that is not there.

use memchr::memmem;
use safemap::Map;

use super::Question;
use crate::{
    data::Data,
    measure::many,
    peers,
    row::Row,
    run::{MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "rfind",
    title: "Rust: find a needle backwards",
    how: "`rfind`, beside `memchr::memmem::rfind` on memmap2's slice. Otherwise as `find`.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let size = run.size(64 * MIB);
    for data in [Data::text(), Data::binary()] {
        let file = Scratch::repeated(&data.block, size)?;
        let (ours, theirs) = (Map::open(file.path())?, peers::map(&file.handle()?)?);
        for len in [2, 8, 64, 1000] {
            let needle = &data.absent(len)[..];
            Row::new(format!("{len} bytes, {} {}", sized(size), data.kind))
                .with("safemap", many(|| ours.rfind(needle, ..)))
                .with("memmap2 + memchr", many(|| memmem::rfind(&theirs, needle)))
                .aim("memmap2 + memchr", 1.0 / 0.95)
                .done(run);
        }
    }
    Ok(())
}
