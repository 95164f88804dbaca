//! Grow: a file that is made longer step by step under its map.

use std::fs::File;

use memmap2::MmapMut;
use safemap::{Access, Map, Options};

use super::Question;
use crate::{
    measure::{Work, after},
    peers,
    row::Row,
    run::{GIB, KIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "grow",
    title: "Rust: a file that grows by 4 KiB at a time",
    how: "From 4 KiB to 1 GiB under a writable map, 262143 steps; the figures are for one step. `resize`, without and with `reserve`; memmap2 \
          by unmapping, `ftruncate` and mapping again, and by its `remap` (`mremap`, Linux only); the limit is `ftruncate` alone. \"And 64 bytes stored\" puts them into each new page, \
          which makes the file system find a place for it: that costs all contenders the same, and more than the rest.",
    answer,
};

const STEP: usize = 4 * KIB;

fn answer(run: &Run) -> Outcome {
    let size = run.size(GIB);
    for store in [false, true] {
        let name = format!("to {}{}", sized(size), if store { ", and 64 bytes stored in each step" } else { "" });
        Row::new(&name)
            .rounds(5)
            .per(size / STEP - 1)
            .with("safemap", ours(Options::new().access(Access::Write), size, store))
            .with("unmap and map", stepwise(size, store, again))
            .with("memmap2 remap", stepwise(size, store, remap))
            .aim("unmap and map", 0.1)
            .done(run);
        Row::new(name + ", reserved")
            .rounds(5)
            .per(size / STEP - 1)
            .with("safemap", ours(Options::new().access(Access::Write).reserve(size), size, store))
            .with("ftruncate", truncated(size, store))
            .aim("ftruncate", 1.0)
            .done(run);
    }
    Ok(())
}

fn scratch() -> Scratch {
    Scratch::file(&[0; STEP]).expect("a file can be made")
}

fn ours<'a>(options: &Options, size: usize, store: bool) -> Work<'a> {
    let options = options.clone();
    let ready = move || {
        let file = scratch();
        (options.open(file.path()).expect("the file can be mapped"), file)
    };
    after(ready, move |(map, file)| {
        for len in (STEP..size).step_by(STEP) {
            grow_ours(&map, len, store).expect("the file can grow");
        }
        (map, file)
    })
}

fn grow_ours(map: &Map, len: usize, store: bool) -> safemap::Result<()> {
    map.resize(len + STEP)?;
    if store { map.write_at(&[7; 64], len) } else { Ok(()) }
}

/// Grows a map of memmap2 from a length to one that is a step longer.
type Step = fn(MmapMut, &File, usize) -> MmapMut;

fn again(map: MmapMut, file: &File, len: usize) -> MmapMut {
    drop(map);
    file.set_len(len as u64).expect("the file can grow");
    peers::map_mut(file).expect("the file can be mapped")
}

fn remap(mut map: MmapMut, file: &File, len: usize) -> MmapMut {
    file.set_len(len as u64).expect("the file can grow");
    peers::remap(&mut map, len).expect("the map can grow");
    map
}

fn stepwise<'a>(size: usize, store: bool, step: Step) -> Work<'a> {
    let ready = || {
        let file = scratch();
        let handle = file.handle().expect("the file is there");
        (peers::map_mut(&handle).expect("the file can be mapped"), handle, file)
    };
    after(ready, move |(mut map, handle, file)| {
        for len in (STEP..size).step_by(STEP) {
            map = step(map, &handle, len + STEP);
            stored(&mut map, len, store);
        }
        (map, handle, file)
    })
}

/// The file alone grows; what is stored goes through a map that was too long from the start.
fn truncated<'a>(size: usize, store: bool) -> Work<'a> {
    let ready = move || {
        let file = scratch();
        let handle = file.handle().expect("the file is there");
        (peers::map_beyond(&handle, size).expect("the file can be mapped"), handle, file)
    };
    after(ready, move |(mut map, handle, file)| {
        for len in (STEP..size).step_by(STEP) {
            handle.set_len((len + STEP) as u64).expect("the file can grow");
            stored(&mut map, len, store);
        }
        (map, handle, file)
    })
}

#[inline]
fn stored(map: &mut MmapMut, at: usize, store: bool) {
    if store {
        map[at..at + 64].copy_from_slice(&[7; 64]);
    }
}
