//! Words: integers at random offsets.

use safemap::{Access, Options};

use super::{
    Question,
    reads::{HOT, THERE},
};
use crate::{
    chance::Offsets,
    measure::many,
    peers,
    row::Row,
    run::{MIB, Outcome, Run},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "words",
    title: "Rust: integers at random offsets",
    how: "`load::<u64>` and `store::<u64>`, beside volatile access to memmap2's slice, whose bounds are checked as well. The offsets fall into 256 KiB.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let file = Scratch::file(&vec![1; MIB])?;
    let ours = Options::new().access(Access::Write).open(file.path())?;
    let mut theirs = peers::map_mut(&file.handle()?)?;
    let mut at = [0; 2].map(|_| Offsets::below(HOT, 8));
    let [at0, at1] = &mut at;
    Row::new("load a u64")
        .with("safemap", many(|| ours.load::<u64>(at0.next()).expect(THERE)))
        .with("memmap2", many(|| peers::load(&theirs, at1.next())))
        .aim_plus("memmap2", 1.0, 2.0)
        .done(run);
    Row::new("store a u64")
        .with("safemap", many(|| ours.store(at0.next(), 7_u64).expect(THERE)))
        .with("memmap2", many(|| peers::store(&mut theirs, at1.next(), 7)))
        .aim_plus("memmap2", 1.0, 2.0)
        .done(run);
    Ok(())
}
