//! Does a map survive that the device under its file fails, or that a device which is mapped itself ends?
#![forbid(unsafe_code)]

use std::{
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use safemap::{Advice, Map};

use crate::{
    disk::{Disk, allowed},
    operations::{all, expect_fault, look},
    run::{Facts, Outcome, Run, Skipped, may_mount},
    scratch::{PAGE, Scratch},
};

const SIZE: u64 = 16 << 20;
/// What is left of the device: enough for what tells where the files lie.
const STUMP: u64 = 1 << 20;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The file system's own image is cut: every page that is not in memory yet is an error of input.
pub(crate) fn file_system(run: &Run) -> Outcome {
    let mut disk = Disk::ext4(SIZE)?;
    let image = disk.image().ok_or("an ext4 disk has an image")??;
    let file = Scratch::file_in(disk.folder(), &vec![5; 8 << 20])?;
    disk.unmount()?;
    disk.mount_again()?;
    let map = file.map()?;
    // Without it the system reads ahead, and pages are there before they were asked for.
    map.advise(Advice::Random, ..)?;
    fails_and_comes_back(run, &map, &image, (2 << 20)..map.len())
}

/// A block device of which only the beginning is left.
pub(crate) fn block_device(run: &Run) -> Outcome {
    let backing = Scratch::file(&vec![5; SIZE as usize])?;
    let map = Map::open(loop_device(backing.path())?)?;
    map.advise(Advice::Random, ..)?;
    ends(run, &map, &backing.handle()?, STUMP as usize..map.len())
}

/// A device that answers nothing but errors. Only where the system has a device mapper.
pub(crate) fn error_target(run: &Run) -> Outcome {
    let control = Path::new("/dev/mapper/control");
    if !may_mount() || !control.exists() {
        return Err(Skipped::because("there is no device mapper here"));
    }
    let name = format!("safemap-stress-{}", std::process::id());
    allowed(Command::new("dmsetup").args(["create", &name, "--table", "0 2048 error"]), "no device can be made")?;
    // The name goes now, or the device would outlive a scenario that dies; it itself goes with its last user.
    let map = Map::open(control.with_file_name(&name));
    allowed(Command::new("dmsetup").args(["remove", "--deferred", &name]), "no device can be removed")?;
    let map = map?;
    look(run, &map, 0).expect_err("the device answers nothing");
    all_fault(&map, 0..map.len());
    Ok(Facts::all(2, "reads of a device of errors"))
}

fn fails_and_comes_back(run: &Run, map: &Map, image: &File, part: Range<usize>) -> Outcome {
    let rounds = run.times(20, 100);
    let step = part.len() / rounds / PAGE * PAGE;
    let mut faults = 0;
    for start in (0..rounds).map(|round| part.start + round * step) {
        image.set_len(STUMP)?;
        look(run, map, start).expect_err("the device failed");
        faults += 1 + all_fault(map, start..start + PAGE);
        image.set_len(SIZE)?;
        map.get(start)?;
        map.set(start, 6)?;
        assert_eq!(map.get(start)?, 6);
    }
    Ok(Facts::all(faults, "pages that a failed device did not give")
        .note(format!("the device came back {rounds} times")))
}

fn ends(run: &Run, map: &Map, backing: &File, part: Range<usize>) -> Outcome {
    let rounds = run.times(20, 100);
    let step = part.len() / rounds / PAGE * PAGE;
    backing.set_len(STUMP)?;
    let mut faults = 0;
    for start in (0..rounds).map(|round| part.start + round * step) {
        look(run, map, start).expect_err("the device ended");
        faults += 1 + all_fault(map, start..start + PAGE);
    }
    assert_eq!(map.get(0)?, 5, "what is left is there");
    Ok(Facts::all(faults, "pages behind the end of a block device"))
}

/// Has every operation that the map allows meet the fault; returns how many did.
fn all_fault(map: &Map, range: Range<usize>) -> usize {
    let writes = map.access() == safemap::Access::Write;
    let able = if writes { all().count() } else { crate::operations::READS.len() };
    all().take(able).for_each(|(name, operation)| expect_fault(name, &range, operation(map, range.clone())));
    able
}

/// Makes a block device of a file. It goes when nobody uses it any more, however this process ends.
fn loop_device(file: &Path) -> Result<PathBuf> {
    if !may_mount() {
        return Err(Skipped::because("making devices is not allowed here"));
    }
    let made = Command::new("losetup").args(["--find", "--show"]).arg(file).output()?;
    if !made.status.success() {
        return Err(Skipped::because("making devices is not allowed here"));
    }
    let device = PathBuf::from(String::from_utf8(made.stdout)?.trim());
    let held = File::open(&device)?;
    allowed(Command::new("losetup").arg("--detach").arg(&device), "the device cannot be let go")?;
    // Open as long as this process lives.
    std::mem::forget(held);
    Ok(device)
}
