//! Processes that share a mutex are killed or stopped at random instants.
//!
//! The mutex protects two words, which are equal whenever it is unlocked, and a word that says
//! which process is inside. The processes count in the file what they notice.

use std::os::unix::process::parent_id;

use safemap::ipc::Mutex;

use super::*;

const WORKERS: usize = 3;
const LONGEST_WAIT: Duration = Duration::from_millis(1500);

/// Where the words are.
const FIRST: usize = 64;
const SECOND: usize = 72;
const INSIDE: usize = 80;
const VIOLATIONS: usize = 88;
const TAKEOVERS: usize = 96;
/// In microseconds.
const WAITED: usize = 104;

pub(crate) fn killed(settings: &Settings) -> Result {
    let file = TempFile::new(&[0; PAGE]);
    let kills = settings.times(300, 10_000);
    let start = |id: usize| Fork::run(|| work(settings, file.path(), id as u64));
    kill_at_random(kills, WORKERS, start)?;
    let map = file.map();
    let [violations, takeovers, waited, rounds] =
        [VIOLATIONS, TAKEOVERS, WAITED, FIRST].map(|at| map.load::<u64>(at));
    assert_eq!(violations?, 0, "two processes were inside, or a crash was not reported");
    let waited = Duration::from_micros(waited?);
    assert!(waited < LONGEST_WAIT, "a process waited for {waited:?}");
    let takeovers = takeovers?;
    assert!(takeovers as usize >= settings.times(1, 100), "{takeovers} locks taken over");
    // The lock of the last owners can still be taken over.
    drop(Mutex::new(&map, 0)?.lock_timeout(LONGEST_WAIT)?.expect("no owner is alive"));
    let note = format!("{} rounds, {takeovers} taken over, longest wait {waited:?}", rounds?);
    Ok(Report::new(kills, "processes killed that share a mutex").note(note))
}

pub(crate) fn stopped(settings: &Settings) -> Result {
    let file = TempFile::new(&[0; PAGE]);
    let map = file.map();
    let owner = Fork::run(|| hold(settings, file.path()).map_or(1, |()| 0))?;
    while map.load::<u64>(INSIDE)? == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    owner.send(libc::SIGSTOP)?;
    let time = settings.time(1000, 5000);
    let mutex = Mutex::new(&map, 0)?;
    assert!(mutex.lock_timeout(time)?.is_none(), "the lock of a stopped owner was taken");
    owner.send(libc::SIGCONT)?;
    let guard = mutex.lock_timeout(LONGEST_WAIT)?.expect("the owner unlocks");
    assert!(!guard.owner_died(), "the owner was stopped, and is reported as crashed");
    assert!(owner.wait()?.success(), "the owner found another one inside");
    Ok(Report::new(1, "owner stopped").note(format!("for {time:?}")))
}

/// Holds the lock for 200 ms.
fn hold(settings: &Settings, path: &Path) -> Result<()> {
    let map = open(path)?;
    let mutex = joined(settings, &map, path)?;
    let guard = mutex.lock()?;
    map.store(1_u64, INSIDE)?;
    thread::sleep(Duration::from_millis(200));
    assert_eq!(map.load::<u64>(INSIDE)?, 1);
    Ok(guard.unlock()?)
}

fn open(path: &Path) -> safemap::Result<Map> {
    Options::new().access(Access::Write).open(path)
}

/// Returns the mutex. Without the protection all owners count as crashed.
fn joined<'a>(settings: &Settings, map: &'a Map, path: &Path) -> Result<Mutex<'a>> {
    let mutex = Mutex::new(map, 0)?;
    if settings.control {
        unmap_inaccessible_pages(path)?;
    }
    Ok(mutex)
}

/// The main function of a worker, which is killed in the end.
fn work(settings: &Settings, path: &Path, id: u64) -> i32 {
    let run = || -> Result<()> {
        let map = open(path)?;
        let mutex = joined(settings, &map, path)?;
        let parent = parent_id();
        // A control ends with a panic in the parent.
        while parent_id() == parent {
            (0..1000).try_for_each(|_| enter(&map, mutex, id))?;
        }
        Ok(())
    };
    eprintln!("a worker ended: {:?}", run());
    1
}

/// Locks, checks what the last owner left, and changes both words.
fn enter(map: &Map, mutex: Mutex<'_>, id: u64) -> Result<()> {
    let start = Instant::now();
    let guard = mutex.lock()?;
    let waited = start.elapsed().as_micros() as u64;
    map.store(id, INSIDE)?;
    let (first, second) = (map.load::<u64>(FIRST)?, map.load::<u64>(SECOND)?);
    if guard.owner_died() {
        map.store(map.load::<u64>(TAKEOVERS)? + 1, TAKEOVERS)?;
        map.store(first, SECOND)?;
        guard.mark_consistent();
    } else if first != second {
        add_violation(map)?;
    }
    map.store(map.load::<u64>(WAITED)?.max(waited), WAITED)?;
    map.store(first + 1, FIRST)?;
    // Long enough that some are killed inside.
    (0..id % 64).for_each(|_| std::hint::spin_loop());
    if map.load::<u64>(INSIDE)? != id {
        add_violation(map)?;
    }
    map.store(first + 1, SECOND)?;
    Ok(guard.unlock()?)
}

fn add_violation(map: &Map) -> Result<()> {
    map.atomic::<u64>(VIOLATIONS)?.fetch_add(1, SeqCst)?;
    Ok(())
}
