//! External code reads truncated maps with repair from many threads, while other maps are created
//! and dropped.

use super::*;

const LEN: usize = 32 * PAGE;
const READERS: usize = 4;

/// In each round the file is truncated, threads read everything, and the file is restored.
pub(crate) fn run(settings: &Settings) -> Result {
    let bytes = pattern(LEN);
    let file = TempFile::new(&bytes);
    let handle = file.open();
    let map = open(settings, &file)?;
    let rounds = settings.times(100, 3000);
    let (stop, others) = (Stop::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| create_and_drop(settings, &file, &stop, &others));
        }
        let _stop = stop.set_on_drop();
        for round in 0..rounds {
            let remaining = round % 16;
            file.set_len((remaining * PAGE) as u64);
            let before = damages();
            assert_reads_zeros(&map, remaining);
            assert!(damages() >= before + LEN / PAGE - remaining, "a fault was not counted");
            let first = remaining * PAGE;
            assert_eq!((map.damage_in(..first), map.damage_in(..)), (None, Some(first)));
            // The offset is that of the reader that was first at the first missing page.
            let damage = map.damage().ok_or("there was damage")?;
            let reader = damage - remaining * PAGE;
            assert!((1..=READERS).contains(&reader), "damage at {damage}, {remaining} pages left");
            map.get(0).expect_err("the map is damaged");
            handle.write_all_at(&bytes, 0)?;
            map.restore()?;
            assert!(map.to_vec(..)? == bytes, "the map shows the file again");
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    let note = format!(
        "{READERS} threads each time; {} other maps were created, read and dropped",
        others.load(SeqCst)
    );
    Ok(Report::new(rounds, "truncations under external readers").note(note))
}

/// Reads pages that are not adjacent. Each repaired page splits a mapping in three, and the number
/// of mappings is limited.
pub(crate) fn scattered(settings: &Settings) -> Result {
    let pages = settings.times(40_000, 100_000);
    let len = (2 * pages * PAGE) as u64;
    let file = TempFile::sparse(len);
    for _ in 0..settings.times(1, 3) {
        let map = open(settings, &file)?;
        file.set_len(0);
        assert_zeros(&map, (0..pages).map(|page| 2 * page * PAGE));
        assert_eq!(map.damage(), Some(0));
        file.set_len(len);
        map.restore()?;
        map.set(1, 0)?;
        assert_eq!(byte_of(&file, 0)?, 1, "the page is the page of the file again");
    }
    Ok(Report::new(pages, "scattered pages of a truncated map, read by external code"))
}

/// Restores large maps while their files are cut. If a restoration succeeds and no damage is
/// recorded, stores reach the file.
pub(crate) fn restored(settings: &Settings) -> Result {
    let pages = settings.times(1 << 14, 1 << 18);
    let last = (pages - 1) * PAGE;
    let file = TempFile::sparse((pages * PAGE) as u64);
    let map = Options::new().access(Access::Write).repair(true).open(file.path())?;
    let rounds = settings.times(5, 15);
    let mut failed = 0;
    for round in 1..=rounds {
        file.set_len(0);
        assert_zeros(&map, (0..pages).map(|page| page * PAGE));
        file.set_len((pages * PAGE) as u64);
        failed += restore_beside_cuts(&map, &file, last, || read_directly(&map, last))?;
        if settings.control {
            // Whether a cut came during the last restoration is chance. This one always counts.
            file.set_len(0);
            read_directly(&map, last);
            file.set_len((pages * PAGE) as u64);
        } else if map.damage().is_some() {
            map.restore()?;
        }
        map.set(round as u8, last)?;
        assert_eq!(byte_of(&file, last)?, round as u8, "a store does not reach the file");
    }
    let note =
        format!("maps of {} MiB; {failed} attempts failed because of a cut", (pages * PAGE) >> 20);
    Ok(Report::new(rounds, "restorations of a map while its file was cut").note(note))
}

fn open(settings: &Settings, file: &TempFile) -> safemap::Result<Map> {
    Options::new().access(Access::Write).repair(!settings.control).open(file.path())
}

/// Asserts that missing pages read as zeros in several threads.
fn assert_reads_zeros(map: &Map, remaining: usize) {
    thread::scope(|scope| {
        for reader in 0..READERS {
            scope.spawn(move || {
                assert_zeros(map, (remaining..LEN / PAGE).map(|page| page * PAGE + reader + 1));
            });
        }
    });
}

fn assert_zeros(map: &Map, mut offsets: impl Iterator<Item = usize>) {
    assert!(offsets.all(|at| read_directly(map, at) == 0), "missing pages read as zeros");
}

/// Creates maps of the same file, reads them while the file may be truncated, and drops them.
fn create_and_drop(settings: &Settings, file: &TempFile, stop: &Stop, count: &AtomicUsize) {
    while !stop.is_set() {
        let maps: Vec<Map> =
            (0..3).map(|_| open(settings, file).expect("the file exists")).collect();
        // A map that was created while the file was empty has nothing to read.
        for map in maps.iter().filter(|map| !map.is_empty()) {
            read_directly(map, map.len() - 1);
        }
        count.fetch_add(maps.len(), SeqCst);
    }
}
