//! Maps: does one cost more beside many others?

use std::{fs, fs::File};

use memmap2::{Mmap, MmapMut};
use safemap::{Map, Options};

use super::Question;
use crate::{
    measure::after,
    peers,
    row::{Row, skip},
    run::{KIB, Outcome, Run},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "maps",
    title: "Rust: does a map cost more beside many others?",
    how: "So many maps of 4 KiB are made, each has a byte touched, and all are dropped; the figures are for one. *File*: without a descriptor of its own, \
          as the limit of descriptors comes first. *Anonymous*: the system joins neighbours, so that 100 000 of them fit below its limit of mappings (65530 as a rule). Beside memmap2, \
          and beside 100 maps in the same round.",
    answer,
};

const FLAT: f64 = 1.25;
const FEW: usize = 100;

fn answer(run: &Run) -> Outcome {
    let file = Scratch::file(&[1; 4 * KIB])?;
    let handle = &file.handle()?;
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count")?.trim().parse::<usize>()?;
    for count in [1, 10_000, 60_000, 100_000].map(|count| if run.quick { count / 100 + 1 } else { count }) {
        let name = format!("file, {count}");
        if count + 1000 > limit {
            skip(&name, &format!("the system allows a process {limit} mappings"));
            continue;
        }
        row(name, count)
            .with("safemap", after(|| Vec::with_capacity(count), move |maps| fill(maps, count, || of_file(handle))))
            .with("memmap2", after(|| Vec::with_capacity(count), move |maps| fill(maps, count, || their_file(handle))))
            .with("safemap, 100", hundred(count, move || of_file(handle)))
            .aim("memmap2", 1.05)
            .aim("safemap, 100", FLAT)
            .done(run);
    }
    for count in [1, 100_000].map(|count| if run.quick { count / 100 + 1 } else { count }) {
        row(format!("anonymous, {count}"), count)
            .with("safemap", after(|| Vec::with_capacity(count), move |maps| fill(maps, count, of_memory)))
            .with("memmap2", after(|| Vec::with_capacity(count), move |maps| fill(maps, count, their_memory)))
            .with("safemap, 100", hundred(count, of_memory))
            .aim("memmap2", 1.05)
            .aim("safemap, 100", FLAT)
            .done(run);
    }
    Ok(())
}

fn row<'a>(name: String, count: usize) -> Row<'a> {
    Row::new(name).per(count)
}

/// A hundred maps, counted as if they were `count`.
fn hundred<'a>(count: usize, make: impl Fn() -> Map + 'a) -> crate::measure::Work<'a> {
    let mut few = after(|| Vec::with_capacity(FEW), move |maps| fill(maps, FEW, &make));
    Box::new(move |times| few(times) * count as f64 / FEW as f64)
}

/// Makes the maps, and drops them within the time.
fn fill<M>(mut maps: Vec<M>, count: usize, make: impl Fn() -> M) {
    maps.extend((0..count).map(|_| make()));
}

fn of_file(file: &File) -> Map {
    let map = Options::new().untracked().map(file).expect("the file can be mapped");
    map.get(0).expect("the file has a byte");
    map
}

fn their_file(file: &File) -> Mmap {
    let map = peers::map(file).expect("the file can be mapped");
    std::hint::black_box(map[0]);
    map
}

fn of_memory() -> Map {
    let map = Options::new().len(4 * KIB).anonymous().expect("there is memory");
    map.set(0, 1).expect("there is memory");
    map
}

fn their_memory() -> MmapMut {
    let mut map = MmapMut::map_anon(4 * KIB).expect("there is memory");
    std::hint::black_box(&mut map)[0] = 1;
    map
}
