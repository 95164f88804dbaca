//! How many bytes reach the disk?

use super::*;
use crate::{
    disk::Disk,
    stores::{CHANGED, Changes, Commit, PAGE, flushes, transactional, transactions, writes},
};

const FLUSH: &str = "mmap + flush";
const WRITE: &str = "pwrite + fdatasync";
const CHANGES: usize = 100;

/// How the pages came into memory.
const STATES: [&str; 4] = ["written by 1 MiB", "written by 4 KiB", "read", "read, random"];

pub(super) fn answer(run: &Run) -> Outcome {
    let folder = env::temp_dir();
    let Some(disk) = Disk::of(&folder) else {
        skip(
            "bytes written to the disk",
            "the folder for temporary files is not on a block device",
        );
        return Ok(());
    };
    let changed = CHANGES * CHANGED;
    let row = Row::new(format!("{CHANGES} changes of {CHANGED} bytes, per byte, written by 1 MiB"));
    rows(run, &disk, row.unit("bytes").per(changed).aim(FLUSH, 0.02), STATES[0], CHANGED);
    for state in STATES {
        let row = Row::new(format!("{CHANGES} changes of 1 byte, file {state}"));
        rows(run, &disk, row.unit("KiB").per(KIB), state, 1);
    }
    Ok(())
}

fn rows(run: &Run, disk: &Disk, row: Row<'_>, state: &'static str, len: usize) {
    let size = run.size(256 * MIB);
    let measured = |commits: fn(&TempFile) -> Commit<'static>| -> Work<'_> {
        let file = ready(state, size);
        let (mut commit, mut changes) = (commits(&file), Changes::new(size / PAGE, len));
        Box::new(move |_| {
            let _ = &file;
            disk.written_by(|| commit(&changes.spread(CHANGES)))
        })
    };
    row.rounds(5)
        .with("safemap", measured(with_checkpoint))
        .with(FLUSH, measured(flushes))
        .with(WRITE, measured(|file| writes(file.open())))
        .done(run);
}

/// A transaction and the checkpoint that writes its bytes into the file.
fn with_checkpoint(file: &TempFile) -> Commit<'static> {
    let map = transactional(file);
    Box::new(move |changes| {
        transactions(&map)(changes);
        map.checkpoint().expect("checkpoint");
    })
}

/// A file whose pages are in memory.
fn ready(state: &str, size: usize) -> TempFile {
    let piece = if state == "written by 4 KiB" { 4 * KIB } else { MIB };
    let file = TempFile::repeated(&vec![7; piece], size);
    if state.starts_with("read") {
        let advice = if state == "read, random" { Advice::Random } else { Advice::Normal };
        let _ = evict(&file);
        let map = Options::new().advise(advice).open(file.path()).expect("map a file");
        for at in (0..size).step_by(PAGE) {
            black_box(map.get(at).expect(IN_BOUNDS));
        }
    }
    file
}
