//! Processes that lock a range of a file are killed at random instants.
//!
//! The lock protects a word that says which process is inside.

use std::os::unix::process::parent_id;

use safemap::ipc::LockKind;

use super::*;

const WORKERS: usize = 3;
const LONGEST_WAIT: Duration = Duration::from_millis(1500);

/// Where the words are.
const INSIDE: usize = 0;
const VIOLATIONS: usize = 8;
const ROUNDS: usize = 16;
/// In microseconds.
const WAITED: usize = 24;

pub(crate) fn killed(settings: &Settings) -> Result {
    let file = TempFile::new(&[0; PAGE]);
    let kills = settings.times(300, 10_000);
    let start = |id: usize| Fork::run(|| work(settings, file.path(), id as u64));
    kill_at_random(kills, WORKERS, start)?;
    let map = file.map();
    assert_eq!(map.load::<u64>(VIOLATIONS)?, 0, "two processes were inside");
    let waited = Duration::from_micros(map.load(WAITED)?);
    assert!(waited < LONGEST_WAIT, "a process waited for {waited:?}");
    let free = map.lock_range_timeout(.., LockKind::Exclusive, LONGEST_WAIT)?;
    drop(free.expect("no owner is alive"));
    let note = format!("{} rounds, longest wait {waited:?}", map.load::<u64>(ROUNDS)?);
    Ok(Report::new(kills, "processes killed that lock a range").note(note))
}

/// The main function of a worker, which is killed in the end.
fn work(settings: &Settings, path: &Path, id: u64) -> i32 {
    let run = || -> Result<()> {
        let map = Options::new().access(Access::Write).open(path)?;
        let parent = parent_id();
        // A control ends with a panic in the parent.
        while parent_id() == parent {
            enter(settings, &map, id)?;
        }
        Ok(())
    };
    eprintln!("a worker ended: {:?}", run());
    1
}

fn enter(settings: &Settings, map: &Map, id: u64) -> Result<()> {
    let start = Instant::now();
    let lock = || map.lock_range(..8, LockKind::Exclusive);
    let _guard = (!settings.control).then(lock).transpose()?;
    let waited = start.elapsed().as_micros() as u64;
    map.store(id, INSIDE)?;
    map.store(map.load::<u64>(WAITED)?.max(waited), WAITED)?;
    map.store(map.load::<u64>(ROUNDS)? + 1, ROUNDS)?;
    // Long enough that some are killed inside.
    (0..id % 64 * 10).for_each(|_| std::hint::spin_loop());
    if map.load::<u64>(INSIDE)? != id {
        map.atomic::<u64>(VIOLATIONS)?.fetch_add(1, SeqCst)?;
    }
    Ok(())
}
