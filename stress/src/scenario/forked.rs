//! A process with maps forks. Children exit, drop the maps, resize them or meet a fault.

use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use super::*;

const LEN: usize = 4 * PAGE;

/// The maps of the process.
struct Maps {
    file: Map,
    repaired: Map,
    shared: Map,
    private: Map,
}

pub(crate) fn run(settings: &Settings) -> Result {
    let rounds = settings.times(100, 2000);
    for round in 0..rounds {
        let (file, map) = file_and_map(4);
        let mut memory = Options::new();
        memory.len(LEN);
        let mut maps = Some(Maps {
            file: map,
            repaired: Options::new().access(Access::Write).repair(true).open(file.path())?,
            shared: memory.clone().sharing(Sharing::Shared).reserve(2 * LEN).anonymous()?,
            private: memory.anonymous()?,
        });
        let child = Fork::run(|| i32::from(!works_in_child(settings, round, &mut maps, &file)))?;
        let status = child.wait()?;
        assert_eq!(status.code(), Some(0), "child {round} ended with {status}");
        assert_unchanged_in_parent(&maps.ok_or("the child has a copy")?, &file)?;
    }
    Ok(Report::new(rounds, "children that exit, drop maps, resize or fault, in turn")
        .note("the parent's maps work"))
}

fn works_in_child(
    settings: &Settings,
    round: usize,
    owned: &mut Option<Maps>,
    file: &TempFile,
) -> bool {
    let Some(maps) = owned.as_ref() else { return false };
    match round % 4 {
        0 => true,
        1 => owned.take().is_some(),
        2 => {
            maps.file.resize(20 * LEN).is_ok()
                && maps.private.resize(20 * LEN).is_ok()
                && maps.shared.set(9, 0).is_ok()
        }
        _ => {
            file.set_len(PAGE as u64);
            let fault = matches!(settings.get(&maps.file, 2 * PAGE), Err(Error::Fault { .. }));
            let zero = read_directly(&maps.repaired, 3 * PAGE) == 0;
            fault && zero && maps.repaired.damage() == Some(3 * PAGE)
        }
    }
}

/// Restores the length of the file. All maps of the parent work as before then.
fn assert_unchanged_in_parent(maps: &Maps, file: &TempFile) -> Result<()> {
    file.set_len(LEN as u64);
    assert_eq!(maps.repaired.damage(), None, "the damage is the child's");
    for map in [&maps.file, &maps.repaired, &maps.shared, &maps.private] {
        map.set(3, LEN - 1)?;
        assert_eq!((map.len(), map.get(LEN - 1)?), (LEN, 3));
    }
    maps.private.resize(2 * LEN)?;
    Ok(maps.file.resize(2 * LEN)?)
}

/// Forks while another thread resizes, meets faults and opens maps. The child must not wait for
/// that thread, which does not exist there.
pub(crate) fn beside_threads(settings: &Settings) -> Result {
    let rounds = settings.times(60, 1000);
    let file = TempFile::new(&pattern(LEN));
    let (map, stop) = (file.map(), Stop::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in (0..).take_while(|_| !stop.is_set()) {
                map.resize(PAGE + round % 40 * PAGE).expect("the disk has space");
                let _ = map.get(30 * PAGE);
                drop(Options::new().repair(true).open(file.path()).expect("the file exists"));
            }
        });
        let _stop = stop.set_on_drop();
        (0..rounds).try_for_each(|_| assert_child_ends(settings, &map, &file))
    })?;
    Ok(Report::new(rounds, "forks while another thread resizes and faults"))
}

fn assert_child_ends(settings: &Settings, map: &Map, file: &TempFile) -> Result<()> {
    let child = Fork::run(|| {
        file.set_len(0);
        let fault = settings.get(map, 0).is_err();
        let _ = map.resize(2 * PAGE);
        i32::from(!fault && map.get(0).is_err())
    })?;
    assert_success(child)
}

fn assert_success(child: Fork) -> Result<()> {
    let status = child.wait_timeout(Duration::from_secs(2))?.ok_or("a child hung")?;
    assert!(status.success(), "the child ended with {status}");
    Ok(())
}

/// Whether a call waits for pages. The fork handler of the control waits for that call.
static WAITING: AtomicBool = AtomicBool::new(false);

extern "C" fn wait_for_call() {
    while WAITING.load(Ordering::Acquire) {
        thread::yield_now();
    }
}

/// Forks while another thread waits for storage inside a call. Neither the fork nor the child may
/// wait for that thread.
pub(crate) fn beside_slow_storage(settings: &Settings) -> Result {
    if settings.control {
        at_fork(Some(wait_for_call), None);
    }
    let rounds = settings.times(30, 600);
    (0..rounds).try_for_each(|round| fork_beside_slow_call(round).map(drop))?;
    Ok(Report::new(rounds, "forks while another thread waits for pages that do not arrive"))
}

fn fork_beside_slow_call(round: usize) -> Result<()> {
    let map = Options::new().len(LEN).anonymous()?;
    map.set(5, 0)?;
    let stalled = Stalled::new(map.as_ptr().wrapping_add(PAGE), LEN - PAGE)
        .map_err(|error| Skipped::because(format!("userfaultfd: {error}")))?;
    thread::scope(|scope| {
        WAITING.store(true, Ordering::Release);
        scope.spawn(|| {
            let _ = match round % 3 {
                0 => map.lock(..),
                1 => map.advise(Advice::PopulateRead, ..),
                _ => map.resize(20 * LEN),
            };
            WAITING.store(false, Ordering::Release);
        });
        stalled.wait_for_call();
        let (forked, is_forked) = mpsc::channel::<()>();
        let pages = scope.spawn(move || {
            let in_time = is_forked.recv_timeout(Duration::from_secs(2));
            // The pages arrive.
            drop(stalled);
            in_time
        });
        let child = Fork::run(|| i32::from(!uses_map_in_child(&map)))?;
        let ends = assert_success(child);
        let _ = forked.send(());
        let in_time = pages.join().expect("the thread does not panic");
        in_time.map_err(|_| "a fork waited for storage")?;
        ends
    })
}

fn uses_map_in_child(map: &Map) -> bool {
    let unchanged = map.get(0).is_ok_and(|byte| byte == 5) && [LEN, 20 * LEN].contains(&map.len());
    unchanged
        && map.set(6, 1).is_ok()
        && map.resize(30 * LEN).is_ok()
        && map.set(1, 30 * LEN - 1).is_ok()
}
