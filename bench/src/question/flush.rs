//! How long does it take to write much and to flush it to the disk?

use std::os::unix::fs::FileExt;

use super::*;

pub(super) fn answer(run: &Run) -> Outcome {
    let (size, block) = (run.size(512 * MIB), vec![5; run.size(MIB)]);
    let offsets = || (0..size).step_by(block.len());
    for state in ["new", "cached", "cold"] {
        let ready = || made(state, size);
        let ours = |file: TempFile| {
            let map = file.map();
            offsets().for_each(|at| map.write_at(&block, at).expect(IN_BOUNDS));
            map.flush().expect("flush a map");
            file
        };
        let theirs = |file: TempFile| {
            let mut map = peers::map_mut(&file.open());
            offsets().for_each(|at| map[at..at + block.len()].copy_from_slice(&block));
            map.flush().expect("flush a map");
            file
        };
        let written = |file: TempFile| {
            let handle = file.open();
            offsets().for_each(|at| handle.write_all_at(&block, at as u64).expect("write a file"));
            handle.sync_all().expect("flush a file");
            file
        };
        let row = Row::new(format!("{}, {state}", sized(size)))
            .rounds(5)
            .with("safemap", after(ready, ours))
            .with("memmap2", after(ready, theirs))
            .with("pwrite + fsync", after(ready, written));
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
