//! Is nothing left of maps that were opened and closed?
#![forbid(unsafe_code)]

use std::{fs, io};

use safemap::{Access, Map, Options};

use crate::{
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, pattern},
};

pub(crate) fn run(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(10 * PAGE))?;
    let rounds = run.times(100_000, 1_000_000);
    // What the library keeps for ever it has after these.
    (0..1000).try_for_each(|round| turn(round, &file, run))?;
    let before = Used::now()?;
    (0..rounds).try_for_each(|round| turn(round, &file, run))?;
    let after = Used::now()?;
    assert_eq!(after.descriptors, before.descriptors, "descriptors were left");
    assert!(after.mappings <= before.mappings + 2, "mappings: {} before, {} after", before.mappings, after.mappings);
    assert!(
        after.resident <= before.resident + 1024,
        "KiB resident: {} before, {} after",
        before.resident,
        after.resident
    );
    let note = format!("{} KiB resident before, {} after", before.resident, after.resident);
    Ok(Facts::all(rounds, "maps opened and closed").note(note))
}

/// One map of one of five kinds.
fn turn(round: usize, file: &Scratch, run: &Run) -> safemap::Result<()> {
    let map = match round % 5 {
        0 => Map::open(file.path())?,
        1 => Options::new().access(Access::Write).offset(5000).open(file.path())?,
        2 => Options::new().access(Access::Copy).repair().open(file.path())?,
        3 => Options::new().len(PAGE).anonymous()?,
        _ => Options::new().untracked().len(PAGE).open(file.path())?,
    };
    if round % 5 == 3 {
        map.set(0, 1)?;
        // It moves, and leaves a region behind.
        map.resize(100 * PAGE)?;
    }
    if run.control && round.is_multiple_of(100) {
        std::mem::forget(map);
        return Ok(());
    }
    if round.is_multiple_of(2) { map.close() } else { Ok(()) }
}

/// What this process has.
struct Used {
    descriptors: usize,
    mappings: usize,
    /// In KiB.
    resident: usize,
}

impl Used {
    fn now() -> io::Result<Used> {
        let status = fs::read_to_string("/proc/self/status")?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next());
        Ok(Used {
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            mappings: fs::read_to_string("/proc/self/maps")?.lines().count(),
            resident: resident.and_then(|number| number.parse().ok()).ok_or(io::ErrorKind::InvalidData)?,
        })
    }
}
