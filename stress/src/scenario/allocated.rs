//! Does "no space" come as an error of `resize` where space is allocated, with file and map as before?
#![forbid(unsafe_code)]

use std::{io::ErrorKind, thread};

use safemap::{Access, Error, Map, Options};

use crate::{
    disk::Disk,
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
    stop::Stop,
};

const SHORT: usize = 3 * PAGE + 5;
const LONG: usize = 60 * PAGE;
const CRUMBS: usize = 40;

pub(crate) fn run(run: &Run) -> Outcome {
    let disks = [Disk::tmpfs(1 << 20)?, Disk::ext4(8 << 20)?];
    let rounds = run.times(8, 150);
    for disk in disks.iter().cycle().take(rounds) {
        let file = Scratch::file_in(disk.folder(), &pattern(SHORT))?;
        let map = open(run, &file)?;
        // Room for most of it, in pieces: the system finds out late that it does not suffice.
        let ballast = disk.fill_but_crumbs(CRUMBS)?;
        refused(&map, &file)?;
        unchanged(&map, &file)?;
        drop(ballast);
        map.resize(LONG)?;
        // The room is ours now, however full the disk gets.
        let _ballast = disk.fill()?;
        map.fill(9, SHORT..LONG)?;
        map.flush()?;
    }
    Ok(Facts::all(rounds, "resizes on a full disk, tmpfs and ext4 in turn")
        .note("file and map as before, and nobody saw another length"))
}

/// Resizes in vain, and sees to it that nobody else finds the file longer meanwhile: he would write there, and lose it.
fn refused(map: &Map, file: &Scratch) -> Result<(), Box<dyn std::error::Error>> {
    let (handle, stop) = (file.handle()?, Stop::default());
    let resized = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !stop.now() {
                assert_eq!(handle.metadata().map(|data| data.len()).ok(), Some(SHORT as u64));
            }
        });
        let end = stop.at_end();
        let resized = map.resize(LONG);
        drop(end);
        watcher.join().map(|()| resized)
    });
    match resized {
        Ok(Err(Error::Os { call: "resize", source })) if source.kind() == ErrorKind::StorageFull => Ok(()),
        other => panic!("the disk is full, and resize says {other:?}"),
    }
}

fn open(run: &Run, file: &Scratch) -> safemap::Result<Map> {
    let mut options = Options::new();
    options.access(Access::Write);
    if !run.control {
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
