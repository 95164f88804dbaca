//! Does a map survive that a hole of its file is written on a full disk, and go on when there is room again?
#![forbid(unsafe_code)]

use safemap::Map;

use crate::{
    disk::Disk,
    operations::{WRITES, expect_fault, put},
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch},
};

/// Longer than what any operation here writes in a round.
const HOLE: usize = 64 * PAGE;

pub(crate) fn tmpfs(run: &Run) -> Outcome {
    // Memory is needed to read a hole as well.
    holes(run, &Disk::tmpfs(1 << 20)?, |map| {
        expect_fault("get", &(HOLE / 2..HOLE), map.get(HOLE / 2).map(drop));
    })
}

pub(crate) fn ext4(run: &Run) -> Outcome {
    holes(run, &Disk::ext4(8 << 20)?, |map| {
        assert_eq!(map.get(HOLE / 2).ok(), Some(0), "a hole can be read");
    })
}

fn holes(run: &Run, disk: &Disk, read: impl Fn(&Map)) -> Outcome {
    let rounds = run.times(10, 200);
    for _ in 0..rounds {
        // A new file each time: what was written once is no hole any more.
        let file = Scratch::file_in(disk.folder(), b"")?;
        file.handle()?.set_len(HOLE as u64)?;
        let map = file.map()?;
        map.set(0, 7)?;
        let ballast = disk.fill()?;
        put(run, &map, HOLE / 2, 1).expect_err("the disk is full");
        each_write(|name, range, answer| expect_fault(name, &range, answer), &map);
        assert_eq!(map.get(0)?, 7, "what was there is there");
        read(&map);
        map.set(1, 8)?;
        drop(ballast);
        each_write(|name, _, answer| answer.unwrap_or_else(|error| panic!("{name}, with room again: {error}")), &map);
        map.flush()?;
        assert_eq!(map.to_vec(..2)?, [7, 8]);
    }
    Ok(Facts::all(rounds * (WRITES.len() + 1), "writes to holes of a full disk")
        .note("each worked when there was room"))
}

/// Has every operation write to pages of its own.
fn each_write(judge: impl Fn(&str, std::ops::Range<usize>, safemap::Result<()>), map: &Map) {
    for (index, (name, operation)) in WRITES.iter().enumerate() {
        let start = (2 * index + 2) * PAGE;
        judge(name, start..start + 2 * PAGE, operation(map, start..start + 2 * PAGE));
    }
}
