//! With `Options::allocate`, a full disk is an error of `resize` that changes neither file nor map.

use std::io::ErrorKind;

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
        assert_refused(&map, &file);
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

/// Resizes the map without success. Another thread checks that the file is never longer: a process
/// that writes there in between would lose its bytes.
fn assert_refused(map: &Map, file: &TempFile) {
    let (handle, stop) = (file.open(), Stop::default());
    let resized = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                assert_eq!(handle.metadata().map(|data| data.len()).ok(), Some(SHORT as u64));
            }
        });
        let _stop = stop.set_on_drop();
        map.resize(LONG)
    });
    match resized {
        Err(Error::Os { call: "resize", source }) if source.kind() == ErrorKind::StorageFull => {}
        other => panic!("the disk is full, and resize returned {other:?}"),
    }
}
