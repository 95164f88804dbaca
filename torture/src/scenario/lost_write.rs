//! Are bytes that the system loses after they were written an error of `flush`?
#![forbid(unsafe_code)]

use safemap::{Error, Map, Result};

use crate::{
    disk::Disk,
    run::{Facts, Outcome, Run},
    scratch::Scratch,
};

const ROOM: u64 = 4 << 20;
const LEN: usize = 6 << 20;

/// A file system that has room, on a disk that has none: storing succeeds, and writing back cannot.
pub(crate) fn run(run: &Run) -> Outcome {
    let rounds = run.times(2, 12);
    let mut said = String::new();
    for _ in 0..rounds {
        let below = Disk::tmpfs(ROOM)?;
        let above = Disk::ext4_in(below.folder(), 32 << 20)?;
        let file = Scratch::file_in(above.folder(), b"")?;
        file.handle()?.set_len(LEN as u64)?;
        let map = file.map()?;
        map.fill(1, ..)?;
        match flush(run, &map) {
            Err(Error::Os { call: "flush", source }) => said = source.to_string(),
            other => panic!("bytes were lost, and flush says {other:?}"),
        }
        below.make_room(64 << 20)?;
        map.fill(2, ..)?;
        map.flush()?;
        assert_eq!(map.get(LEN - 1)?, 2);
    }
    Ok(Facts::all(rounds, "flushes of what the disk could not take").note(format!("flush says: {said}")))
}

/// Flushes; without that nobody tells, not even `close`.
fn flush(run: &Run, map: &Map) -> Result<()> {
    if run.sabotage { Ok(()) } else { map.flush() }
}
