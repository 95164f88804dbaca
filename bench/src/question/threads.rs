//! Threads: do two get twice as much done?

use std::thread;

use safemap::{Access, Map, Options};

use super::Question;
use crate::{
    chance::Offsets,
    data::Data,
    measure::{Work, many},
    row::{Row, skip},
    run::{MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "threads",
    title: "Rust: do two threads get twice as much done?",
    how: "The same work by one thread, and by two with half of it each, on one map. The limit is two threads that each compute for themselves and share nothing: \
          where that row is above 0.56 as well, the machine did not have two processors for us.",
    answer,
};

/// 1.8 times as fast.
const AIM: f64 = 1.0 / 1.8;

fn answer(run: &Run) -> Outcome {
    if thread::available_parallelism()?.get() < 2 {
        skip("two threads", "there is one processor");
        return Ok(());
    }
    let (size, data) = (run.size(64 * MIB), Data::text());
    let file = Scratch::repeated(&data.block, size)?;
    let map = Options::new().access(Access::Write).open(file.path())?;
    let needle = &data.absent(8)[..];
    let turns = size / 16;
    let search = |part: usize, parts: usize| {
        let share = size / parts;
        std::hint::black_box(map.find(needle, part * share..(part + 1) * share).expect("nobody cuts the file"));
    };
    pair(run, &format!("find, {}", sized(size)), Some(AIM), &search);
    pair(run, "read_at, 64 bytes at random", Some(AIM), &|_, parts| reads(&map, turns / parts));
    pair(run, "load of a u64 at random", Some(AIM), &|_, parts| loads(&map, turns / parts));
    pair(run, "shared nothing, the limit", None, &|_, parts| counts(turns * 8 / parts));
    Ok(())
}

/// One part of so many.
type Part<'a> = &'a (dyn Fn(usize, usize) + Sync);

fn pair(run: &Run, name: &str, aim: Option<f64>, part: Part<'_>) {
    let row = Row::new(name).with("two threads", two(part)).with("one thread", many(move || part(0, 1)));
    aim.into_iter().fold(row, |row, aim| row.aim("one thread", aim)).done(run);
}

fn two<'a>(part: Part<'a>) -> Work<'a> {
    many(move || {
        thread::scope(|scope| {
            scope.spawn(|| part(1, 2));
            part(0, 2);
        });
    })
}

/// A line of the processor's cache. A buffer across two, or across two pages, would be one thread's bad luck.
#[repr(align(64))]
struct Line([u8; 64]);

fn reads(map: &Map, turns: usize) {
    let (mut at, mut buffer) = (Offsets::below(MIB / 2, 1), Line([0; 64]));
    for _ in 0..turns {
        map.read_at(std::hint::black_box(&mut buffer.0), at.next().min(map.len() - 64)).expect("nobody cuts the file");
    }
}

fn loads(map: &Map, turns: usize) {
    let (mut at, last) = (Offsets::below(MIB / 2, 8), map.len() - 8);
    for _ in 0..turns {
        std::hint::black_box(map.load::<u64>(at.next().min(last)).expect("nobody cuts the file"));
    }
}

fn counts(turns: usize) {
    for turn in 0..turns {
        std::hint::black_box(turn);
    }
}
