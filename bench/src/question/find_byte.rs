//! Find a byte: forwards and backwards.

use memchr::{memchr, memrchr};
use safemap::Map;

use super::Question;
use crate::{
    chance::Offsets,
    data::{ABSENT, Data},
    measure::many,
    peers,
    row::Row,
    run::{KIB, MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "find_byte",
    title: "Rust: find a byte",
    how: "`find` and `rfind` of one byte that is not there, and of the end of a line; beside `memchr` and `memrchr` on memmap2's slice, and (the limit) on private memory.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let data = Data::text();
    let byte = [ABSENT];
    for size in [100, 4 * KIB, 64 * KIB, MIB, run.size(64 * MIB)] {
        let file = Scratch::repeated(&data.block, size)?;
        let (ours, theirs) = (Map::open(file.path())?, peers::map(&file.handle()?)?);
        let private = theirs.to_vec();
        Row::new(format!("find, {}", sized(size)))
            .with("safemap", many(|| ours.find(&byte, ..)))
            .with("memmap2 + memchr", many(|| memchr(ABSENT, &theirs)))
            .with("private + memchr", many(|| memchr(ABSENT, &private)))
            .aim("memmap2 + memchr", 1.0)
            .done(run);
        Row::new(format!("rfind, {}", sized(size)))
            .with("safemap", many(|| ours.rfind(&byte, ..)))
            .with("memmap2 + memchr", many(|| memrchr(ABSENT, &theirs)))
            .with("private + memchr", many(|| memrchr(ABSENT, &private)))
            .aim("memmap2 + memchr", 1.0)
            .done(run);
    }
    let file = Scratch::repeated(&data.block, MIB)?;
    let (ours, theirs) = (Map::open(file.path())?, peers::map(&file.handle()?)?);
    let mut at = [0; 2].map(|_| Offsets::below(256 * KIB, 1));
    let [at0, at1] = &mut at;
    Row::new("find, a line's end from anywhere in it")
        .with("safemap", many(|| ours.find(b"\n", at0.next()..)))
        .with("memmap2 + memchr", many(|| memchr(b'\n', &theirs[at1.next()..])))
        .aim("memmap2 + memchr", 1.0)
        .done(run);
    Ok(())
}
