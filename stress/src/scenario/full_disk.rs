//! Writes to a hole of a file on a full disk fail, and work when the disk has space again.

use super::*;

/// More than the sweeps of a round write.
const HOLE: usize = 64 * PAGE;

pub(crate) fn tmpfs(settings: &Settings) -> Result {
    // A tmpfs needs memory to read a hole as well.
    write_to_holes(settings, &Disk::tmpfs(1 << 20)?, |map| {
        assert!(matches!(map.get(HOLE / 2), Err(Error::Fault { offset }) if offset == HOLE / 2));
    })
}

pub(crate) fn ext4(settings: &Settings) -> Result {
    write_to_holes(settings, &Disk::ext4(8 << 20)?, |map| {
        assert_eq!(map.get(HOLE / 2).ok(), Some(0), "a hole can be read");
    })
}

fn write_to_holes(settings: &Settings, disk: &Disk, read: impl Fn(&Map)) -> Result {
    let rounds = settings.times(10, 200);
    for _ in 0..rounds {
        // A page that was written once is not a hole any more. So each round creates a file.
        let file = TempFile::new_in(disk.folder(), b"");
        file.set_len(HOLE as u64);
        let map = file.map();
        map.set(7, 0)?;
        let filling = disk.fill()?;
        settings.set(&map, HOLE / 2, 1).expect_err("the disk is full");
        writes().for_each(|(sweep, pages)| sweep.expect_fault(&map, pages));
        assert_eq!(map.get(0)?, 7, "written bytes are unchanged");
        read(&map);
        map.set(8, 1)?;
        drop(filling);
        writes().try_for_each(|(sweep, pages)| sweep.run(&map, pages))?;
        map.flush()?;
        assert_eq!(map.to_vec(..2)?, [7, 8]);
    }
    let note = "each worked when there was space again";
    Ok(Report::new(rounds * (writes().count() + 1), "writes to holes of a full disk").note(note))
}

/// Returns the sweeps that write, and pages for each.
fn writes() -> impl Iterator<Item = (&'static Sweep, Range<usize>)> {
    let starts = (2 * PAGE..).step_by(2 * PAGE);
    SWEEPS.iter().filter(|sweep| sweep.writes).zip(starts.map(|start| start..start + 2 * PAGE))
}
