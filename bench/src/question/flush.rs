//! How long does it take to write much and to flush it to the disk?

use std::os::unix::fs::FileExt;

use super::*;

pub(super) const QUESTION: Question = Question {
    name: "flush",
    title: "Rust: write through the map, then flush",
    how: "512 MiB, a mebibyte at a time: `write_at` and `flush`, the same with memmap2, and \
          `pwrite` and `fsync`. *New*: into holes. *Cached*: over old bytes in the page cache. \
          *Cold*: over old bytes that are on the disk only. There a map reads each page before a \
          part of it can be changed, and `pwrite` of whole pages does not, so that this row has \
          no aim. The disk determines most of the time.",
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
            .with(
                "pwrite + fsync",
                after(ready, |file| written(&file, &block, size).map(|()| file)),
            );
        if state == "cold" { row } else { row.aim("pwrite + fsync", 1.0) }.done(run);
    }
    Ok(())
}

fn made(state: &str, size: usize) -> TempFile {
    if state == "new" {
        return TempFile::sparse(size as u64);
    }
    let file = TempFile::repeated(&[3; MIB], size);
    let _ = state == "cold" && evict(&file);
    file
}

fn ours(file: &TempFile, block: &[u8], size: usize) -> Outcome {
    let map = file.map();
    for at in (0..size).step_by(block.len()) {
        map.write_at(block, at)?;
    }
    Ok(map.flush()?)
}

fn theirs(file: &TempFile, block: &[u8], size: usize) -> Outcome {
    let mut map = peers::map_mut(&file.open());
    for at in (0..size).step_by(block.len()) {
        map[at..at + block.len()].copy_from_slice(block);
    }
    Ok(map.flush()?)
}

fn written(file: &TempFile, block: &[u8], size: usize) -> Outcome {
    let handle = file.open();
    for at in (0..size).step_by(block.len()) {
        handle.write_all_at(block, at as u64)?;
    }
    Ok(handle.sync_all()?)
}
