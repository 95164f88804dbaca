//! Flush: much is written, and then has to be on the disk.

use std::os::unix::fs::FileExt;

use safemap::{Access, Options};

use super::Question;
use crate::{
    measure::after,
    peers,
    row::Row,
    run::{MIB, Outcome, Run, sized},
    scratch::Scratch,
};

pub(super) const QUESTION: Question = Question {
    name: "flush",
    title: "Rust: written through the map, then flushed",
    how: "512 MiB by the mebibyte: `write_at` and `flush`, the same with memmap2, and `pwrite` and `fsync`. *New*: into holes. *Cached*: over old bytes \
          in the page cache. *Cold*: over old bytes that are only on the disk. There a map has to read each page before a part of it can be \
          changed, and `pwrite` of whole pages has not: no aim, a warning. The disk decides most of this.",
    answer,
};

fn answer(run: &Run) -> Outcome {
    let (size, block) = (run.size(512 * MIB), vec![5; run.size(MIB)]);
    for state in ["new", "cached", "cold"] {
        let ready = || made(state, size);
        let row = Row::new(format!("{}, {state}", sized(size)))
            .rounds(5)
            .with("safemap", after(ready, |file| ours(&file, &block, size).map(|()| file)))
            .with("memmap2", after(ready, |file| theirs(&file, &block, size).map(|()| file)))
            .with("pwrite + fsync", after(ready, |file| written(&file, &block, size).map(|()| file)));
        if state == "cold" { row } else { row.aim("pwrite + fsync", 1.0) }.done(run);
    }
    Ok(())
}

fn made(state: &str, size: usize) -> Scratch {
    let file = match state {
        "new" => Scratch::sparse(size),
        _ => Scratch::repeated(&[3; MIB], size),
    };
    let file = file.expect("there is room for a file");
    if state == "cold" {
        file.cool();
    }
    file
}

fn ours(file: &Scratch, block: &[u8], size: usize) -> Outcome {
    let map = Options::new().access(Access::Write).open(file.path())?;
    for at in (0..size).step_by(block.len()) {
        map.write_at(block, at)?;
    }
    Ok(map.flush()?)
}

fn theirs(file: &Scratch, block: &[u8], size: usize) -> Outcome {
    let mut map = peers::map_mut(&file.handle()?)?;
    for at in (0..size).step_by(block.len()) {
        map[at..at + block.len()].copy_from_slice(block);
    }
    Ok(map.flush()?)
}

fn written(file: &Scratch, block: &[u8], size: usize) -> Outcome {
    let handle = file.handle()?;
    for at in (0..size).step_by(block.len()) {
        handle.write_all_at(block, at as u64)?;
    }
    Ok(handle.sync_all()?)
}
