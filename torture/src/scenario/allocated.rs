//! Does "no space" come as an error of `resize` where space is allocated, with file and map as before?
#![forbid(unsafe_code)]

use std::io::ErrorKind;

use safemap::{Access, Error, Map, Options};

use crate::{
    disk::Disk,
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
};

const SHORT: usize = 3 * PAGE + 5;
const LONG: usize = 60 * PAGE;

pub(crate) fn run(run: &Run) -> Outcome {
    let disks = [Disk::tmpfs(1 << 20)?, Disk::ext4(8 << 20)?];
    let rounds = run.times(8, 150);
    for disk in disks.iter().cycle().take(rounds) {
        let file = Scratch::file_in(disk.folder(), &pattern(SHORT))?;
        let map = open(run, &file)?;
        let ballast = disk.fill()?;
        match map.resize(LONG) {
            Err(Error::Os { call: "resize", source }) => assert_eq!(source.kind(), ErrorKind::StorageFull),
            other => panic!("the disk is full, and resize says {other:?}"),
        }
        unchanged(&map, &file)?;
        drop(ballast);
        map.resize(LONG)?;
        // The room is ours now, however full the disk gets.
        let _ballast = disk.fill()?;
        map.fill(9, SHORT..LONG)?;
        map.flush()?;
    }
    Ok(Facts::all(rounds, "resizes on a full disk, tmpfs and ext4 in turn").note("file and map as before"))
}

fn open(run: &Run, file: &Scratch) -> safemap::Result<Map> {
    let mut options = Options::new();
    options.access(Access::Write);
    if !run.sabotage {
        options.allocate();
    }
    options.open(file.path())
}

fn unchanged(map: &Map, file: &Scratch) -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!((map.len(), map.file_len()?), (SHORT, SHORT as u64));
    assert_eq!(map.to_vec(..)?, pattern(SHORT));
    assert_eq!(std::fs::read(file.path())?, pattern(SHORT));
    Ok(())
}
