//! Resident: how much memory a scan of a large file takes.

use std::fs;

use memchr::memchr;
use safemap::{Advice, Map};

use super::Question;
use crate::{
    data::{ABSENT, Data},
    measure::{Work, many},
    peers,
    row::Row,
    run::{GIB, MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "resident",
    title: "Rust: the memory that a scan takes, when it is asked to take little",
    how: "A search for a byte that is not there through 1 GiB in the page cache. *Bounded*: 16 MiB at a time, and `advise(DontNeed)` on what is done; \
          the file's pages stay in the page cache. The first row is the most that the process had resident (of files), the second the time.",
    answer,
};

const WINDOW: usize = 16 * MIB;

fn answer(run: &Run) -> Outcome {
    let size = run.size(GIB);
    let file = Scratch::repeated(&Data::text().block, size)?;
    Row::new(format!("resident, {}", sized(size)))
        .unit("MiB")
        .rounds(3)
        .with("safemap, bounded", peak(|note| bounded(&file, note)))
        .with("safemap", peak(|note| whole(&file, note)))
        .with("memmap2 + memchr", peak(|note| theirs(&file, note)))
        .with("two windows", Box::new(|_| (2 * WINDOW / MIB) as f64))
        .aim("two windows", 1.0)
        .done(run);
    Row::new(format!("time, {}", sized(size)))
        .with("safemap, bounded", many(|| bounded(&file, &mut || ())))
        .with("safemap", many(|| whole(&file, &mut || ())))
        .with("memmap2 + memchr", many(|| theirs(&file, &mut || ())))
        .aim("memmap2 + memchr", 1.1)
        .done(run);
    Ok(())
}

/// Called when much may be resident.
type Note<'a> = &'a mut dyn FnMut();

/// The largest number of mebibytes of files that were resident when `scan` gave note.
fn peak<'a>(scan: impl Fn(Note<'_>) + 'a) -> Work<'a> {
    Box::new(move |_| {
        let before = resident();
        let mut most = before;
        scan(&mut || most = most.max(resident()));
        most - before
    })
}

/// The process's resident pages of files, in MiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssFile:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn bounded(file: &Scratch, note: Note<'_>) {
    let map = Map::open(file.path()).expect("the file can be mapped");
    for at in (0..map.len()).step_by(WINDOW) {
        let window = at..map.len().min(at + WINDOW);
        map.find(&[ABSENT], window.clone()).expect("nobody cuts the file");
        note();
        map.advise(Advice::DontNeed, window).expect("the pages can go");
    }
}

fn whole(file: &Scratch, note: Note<'_>) {
    let map = Map::open(file.path()).expect("the file can be mapped");
    map.find(&[ABSENT], ..).expect("nobody cuts the file");
    note();
}

fn theirs(file: &Scratch, note: Note<'_>) {
    let map = peers::map(&file.handle().expect("the file is there")).expect("the file can be mapped");
    std::hint::black_box(memchr(ABSENT, &map));
    note();
}
