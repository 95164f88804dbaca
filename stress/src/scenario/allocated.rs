//! A full disk is an error that changes neither file nor map: of `resize` with `Options::allocate`,
//! and of `append`.

use std::io::{self, ErrorKind};

use super::*;

const SHORT: usize = 3 * PAGE + 5;
const LONG: usize = 60 * PAGE;
/// Not enough blocks for the long file.
const FREE_BLOCKS: usize = 40;

pub(crate) fn run(settings: &Settings) -> Result {
    let disks = [Disk::tmpfs(1 << 20)?, Disk::ext4(8 << 20)?];
    let rounds = settings.times(8, 150);
    for disk in disks.iter().cycle().take(rounds) {
        let file = TempFile::new_in(disk.folder(), &pattern(SHORT));
        let map =
            Options::new().access(Access::Write).allocate(!settings.control).open(file.path())?;
        // Most of the blocks are free but not adjacent, so that the system runs out of space late.
        let filling = disk.fill_except(FREE_BLOCKS)?;
        match is_refused(&file, || map.resize(LONG)) {
            Err(Error::Os { call: "resize", source }) if is_full(&source) => {}
            other => panic!("the disk is full, and resize returned {other:?}"),
        }
        assert_eq!((map.len(), map.file_len()?), (SHORT, SHORT as u64));
        assert!(map.to_vec(..)? == pattern(SHORT) && file.read() == pattern(SHORT));
        drop(filling);
        map.resize(LONG)?;
        // The blocks are allocated now. A full disk is no obstacle.
        let _filling = disk.fill()?;
        map.fill(9, SHORT..LONG)?;
        map.flush()?;
    }
    let note = "file and map are unchanged, and no other length was visible";
    Ok(Report::new(rounds, "resizes on a full disk, tmpfs and ext4 in turn").note(note))
}

/// Runs `grow`, which is to fail. Another thread checks that the file is never longer: a process
/// that writes there in between would lose its bytes.
fn is_refused<R>(file: &TempFile, grow: impl FnOnce() -> R) -> R {
    let (handle, stop) = (file.open(), Stop::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                assert_eq!(handle.metadata().map(|data| data.len()).ok(), Some(SHORT as u64));
            }
        });
        let _stop = stop.set_on_drop();
        grow()
    })
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == ErrorKind::StorageFull
}

pub(crate) fn appended(settings: &Settings) -> Result {
    let disks = [Disk::tmpfs(1 << 20)?, Disk::ext4(8 << 20)?];
    let rounds = settings.times(8, 150);
    for disk in disks.iter().cycle().take(rounds) {
        let file = TempFile::new_in(disk.folder(), &pattern(SHORT));
        let map = Options::new().access(Access::Write).open(file.path())?;
        let filling = disk.fill_except(FREE_BLOCKS)?;
        let bytes = vec![7; LONG - SHORT];
        match is_refused(&file, || append(settings, &map, &bytes)) {
            Err(Error::Os { call: "append", source }) if is_full(&source) => {}
            other => panic!("the disk is full, and append returned {other:?}"),
        }
        assert_eq!((map.len(), map.file_len()?), (SHORT, SHORT as u64));
        assert!(map.to_vec(..)? == pattern(SHORT) && file.read() == pattern(SHORT));
        // The blocks that were allocated are free again.
        let small = TempFile::new_in(disk.folder(), &pattern((FREE_BLOCKS - 4) * PAGE));
        small.open().sync_all()?;
        drop((small, filling));
        assert_eq!(append(settings, &map, &bytes)?, SHORT);
        assert!(file.read()[SHORT..] == bytes);
    }
    let note = "file and map are unchanged, and no other length was visible";
    Ok(Report::new(rounds, "appends on a full disk, tmpfs and ext4 in turn").note(note))
}

fn append(settings: &Settings, map: &Map, bytes: &[u8]) -> safemap::Result<usize> {
    if !settings.control {
        return map.append(bytes);
    }
    let end = map.len();
    map.resize(end + bytes.len())?;
    map.write_at(bytes, end)?;
    Ok(end)
}
