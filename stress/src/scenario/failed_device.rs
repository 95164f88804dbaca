//! The device under a mapped file fails, or a mapped block device shrinks.

use std::{fs::File, path::PathBuf};

use super::*;

const SIZE: u64 = 16 << 20;
/// What remains of the device. It contains the metadata of the file system.
const REMAINDER: u64 = 1 << 20;

/// Truncates the image of the file system. Reading a page that is not cached fails then.
pub(crate) fn file_system(settings: &Settings) -> Result {
    let disk = Disk::ext4(SIZE)?;
    let image = disk.image().ok_or("an ext4 disk has an image")?;
    let file = TempFile::new_in(disk.folder(), &vec![5; 8 << 20]);
    disk.remount()?;
    let map = file.map();
    // Prevents that the kernel reads ahead.
    map.advise(Advice::Random, ..)?;
    let (rounds, mut faults) = (settings.times(20, 100), 0);
    for start in page_offsets((2 << 20)..map.len(), rounds) {
        image.set_len(REMAINDER)?;
        faults += assert_page_faults(settings, &map, start..start + PAGE);
        image.set_len(SIZE)?;
        map.get(start)?;
        map.set(6, start)?;
        assert_eq!(map.get(start)?, 6);
    }
    let note = format!("the device worked again {rounds} times");
    Ok(Report::new(faults, "accesses to pages of a failed device").note(note))
}

/// Truncates the file behind a block device that is mapped itself.
pub(crate) fn block_device(settings: &Settings) -> Result {
    let backing = TempFile::new(&vec![5; SIZE as usize]);
    let map = Map::open(loop_device(backing.path())?)?;
    map.advise(Advice::Random, ..)?;
    backing.set_len(REMAINDER);
    let pages = page_offsets(REMAINDER as usize..map.len(), settings.times(20, 100));
    let faults = pages.map(|start| assert_page_faults(settings, &map, start..start + PAGE)).sum();
    assert_eq!(map.get(0)?, 5, "the remaining bytes are readable");
    Ok(Report::new(faults, "accesses behind the end of a block device"))
}

/// Maps a device that only returns errors. It needs a device mapper.
pub(crate) fn error_target(settings: &Settings) -> Result {
    let control = Path::new("/dev/mapper/control");
    require_mounts("creating devices")?;
    if !control.exists() {
        return Err(Skipped::because("there is no device mapper here"));
    }
    let name = format!("safemap-stress-{}", std::process::id());
    let dmsetup =
        |arguments: &[&str], reason| run_or_skip(Command::new("dmsetup").args(arguments), reason);
    dmsetup(&["create", &name, "--table", "0 2048 error"], "the device cannot be created")?;
    // The name is removed now, and the device with its last user, however this process ends.
    let map = Map::open(control.with_file_name(&name));
    dmsetup(&["remove", "--deferred", &name], "the device cannot be removed")?;
    let map = map?;
    let faults = assert_page_faults(settings, &map, 0..map.len());
    Ok(Report::new(faults, "reads of a device of errors"))
}

/// Returns `count` offsets of pages in a range, at equal distances.
fn page_offsets(range: Range<usize>, count: usize) -> impl Iterator<Item = usize> {
    let step = range.len() / count / PAGE * PAGE;
    (0..count).map(move |round| range.start + round * step)
}

/// Asserts that every operation that the map allows faults, and returns their number.
fn assert_page_faults(settings: &Settings, map: &Map, range: Range<usize>) -> usize {
    settings.get(map, range.start).expect_err("the device failed");
    let writable = map.access() == Access::Write;
    let sweeps = SWEEPS.iter().filter(|sweep| writable || !sweep.writes);
    1 + sweeps.map(|sweep| sweep.expect_fault(map, range.clone())).count()
}

/// Creates a block device of a file. It is removed with its last user, however this process ends.
fn loop_device(file: &Path) -> Result<PathBuf> {
    let reason = "creating devices is not allowed here";
    require_mounts("creating devices")?;
    let name = run_or_skip(Command::new("losetup").args(["--find", "--show"]).arg(file), reason)?;
    let device = PathBuf::from(name.trim());
    // A descriptor keeps the device until this process ends.
    std::mem::forget(File::open(&device)?);
    run_or_skip(Command::new("losetup").arg("--detach").arg(&device), reason)?;
    Ok(device)
}
