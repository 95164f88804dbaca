//! Are bytes that the system loses after they were written an error of `flush`?
#![forbid(unsafe_code)]

use safemap::{Error, Map};

use crate::{
    chance::Chance,
    device::Device,
    disk::Disk,
    run::{Facts, Outcome, Run},
    scratch::Scratch,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const ROOM: u64 = 4 << 20;
const LEN: usize = 6 << 20;

/// A file system that has room, on a disk that has none: storing succeeds, and writing back cannot.
pub(crate) fn full_disk(run: &Run) -> Outcome {
    let rounds = run.times(2, 12);
    let mut said = String::new();
    for _ in 0..rounds {
        let below = Disk::tmpfs(ROOM)?;
        let above = Disk::ext4_in(below.folder(), 32 << 20)?;
        said = lost_and_stored_again(run, &above, || below.make_room(64 << 20))?;
    }
    Ok(Facts::all(rounds, "flushes of what the disk could not take").note(format!("flush says: {said}")))
}

/// A device that answers writes with errors, and then takes them again.
pub(crate) fn failed_device(run: &Run) -> Outcome {
    let rounds = run.times(2, 12);
    let mut said = String::new();
    for _ in 0..rounds {
        let device = Device::compressed(64 << 20)?;
        let disk = Disk::ext4_on(device.path())?;
        device.limit(ROOM)?;
        said = lost_and_stored_again(run, &disk, || device.limit(64 << 20))?;
    }
    Ok(Facts::all(rounds, "flushes to a device that failed").note(format!("flush says: {said}")))
}

/// Has a flush fail, has `mend` take the cause away, and sees that the same map works again; returns what the flush said.
fn lost_and_stored_again(run: &Run, disk: &Disk, mend: impl FnOnce() -> Result<()>) -> Result<String> {
    let file = Scratch::file_in(disk.folder(), b"")?;
    file.handle()?.set_len(LEN as u64)?;
    let map = file.map()?;
    let mut chance = Chance::new(1);
    // No two pages alike, for a device that compresses.
    let bytes: Vec<u8> = (0..LEN).map(|_| chance.below(256) as u8).collect();
    map.write_at(&bytes, 0)?;
    let said = match flush(run, &map) {
        Err(Error::Os { call: "flush", source }) => source.to_string(),
        other => panic!("bytes were lost, and flush says {other:?}"),
    };
    mend()?;
    map.write_at(&bytes, 0)?;
    map.flush()?;
    assert!(map.compare(&bytes, 0)?.is_eq());
    Ok(said)
}

/// Flushes; without that nobody tells, not even `close`.
fn flush(run: &Run, map: &Map) -> safemap::Result<()> {
    if run.control { Ok(()) } else { map.flush() }
}
