//! Maps that are opened and closed leave no descriptor, mapping or memory behind.

use std::io;

use super::*;

pub(crate) fn run(settings: &Settings) -> Result {
    let file = TempFile::new(&pattern(10 * PAGE));
    let rounds = settings.times(100_000, 1_000_000);
    // After the first maps the library has all that it keeps.
    (0..1000).try_for_each(|round| open_and_close(round, &file, settings))?;
    let before = Usage::now()?;
    (0..rounds).try_for_each(|round| open_and_close(round, &file, settings))?;
    let after = Usage::now()?;
    let grown = format!("{before:?} before, {after:?} after");
    assert_eq!(after.descriptors, before.descriptors, "descriptors were left: {grown}");
    assert!(after.mappings <= before.mappings + 2, "mappings were left: {grown}");
    assert!(after.resident_kib <= before.resident_kib + 1024, "memory was left: {grown}");
    let note = format!("{} KiB resident before, {} after", before.resident_kib, after.resident_kib);
    Ok(Report::new(rounds, "maps opened and closed").note(note))
}

/// Opens and closes a map of one of five kinds.
fn open_and_close(round: usize, file: &TempFile, settings: &Settings) -> safemap::Result<()> {
    let map = match round % 5 {
        0 => Map::open(file.path())?,
        1 => Options::new().access(Access::Write).offset(5000).open(file.path())?,
        2 => Options::new().access(Access::Copy).repair(true).open(file.path())?,
        3 => Options::new().len(PAGE).anonymous()?,
        _ => Options::new().untracked(true).len(PAGE).open(file.path())?,
    };
    if round % 5 == 3 {
        map.set(1, 0)?;
        // The map moves and leaves a region behind.
        map.resize(100 * PAGE)?;
    }
    if settings.control && round.is_multiple_of(100) {
        std::mem::forget(map);
        return Ok(());
    }
    if round.is_multiple_of(2) { map.close() } else { Ok(()) }
}

/// The resources of this process.
#[derive(Debug)]
struct Usage {
    descriptors: usize,
    mappings: usize,
    resident_kib: usize,
}

impl Usage {
    fn now() -> io::Result<Usage> {
        let status = fs::read_to_string("/proc/self/status")?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        let resident_kib = resident.and_then(|kib| kib.parse().ok());
        Ok(Usage {
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            mappings: fs::read_to_string("/proc/self/maps")?.lines().count(),
            resident_kib: resident_kib.ok_or(io::ErrorKind::InvalidData)?,
        })
    }
}
