//! Locks of ranges of a file.
#![cfg(target_os = "linux")]
#![cfg(target_pointer_width = "64")]
#![allow(unsafe_code)]

use std::{
    fs::File,
    os::fd::AsRawFd,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use quickcheck::{Arbitrary, Gen, quickcheck};
use safemap::{
    Access, Error, Map, Options, Sharing,
    ipc::{LockKind, RangeGuard},
};
use safemap_testing::{
    TempFile,
    namespace::overlay_with,
    process::{Fork, drop_root_rights, fork_without_handlers},
    succeeds_in_child,
};

use LockKind::{Exclusive, Shared};

/// How long a killed process may keep its locks.
const RELEASE: Duration = Duration::from_millis(1500);

const LEN: usize = 100;

fn writable(path: &Path) -> Map {
    Options::new().access(Access::Write).open(path).unwrap()
}

fn from_offset(path: &Path, offset: u64) -> Map {
    Options::new().access(Access::Write).offset(offset).open(path).unwrap()
}

fn is_free(map: &Map, range: std::ops::Range<usize>) -> bool {
    map.try_lock_range(range, Exclusive).unwrap().is_some()
}

fn assert_is_released(map: &Map, case: &str) {
    let locked = map.lock_range_timeout(.., Exclusive, RELEASE).unwrap();
    assert!(locked.is_some(), "{case}: still locked");
}

/// Calls `test` with the path of a file on a disk, and on an overlay if one can be mounted.
fn on_each_file_system(test: impl Fn(&Path)) {
    test(TempFile::new(&[0; LEN]).path());
    match overlay_with("file", &[0; LEN]) {
        Ok(path) => test(&path),
        Err(error) => println!("skipped: no overlay file system ({error})"),
    }
}

/// A step of the property test.
#[derive(Clone, Debug)]
enum Step {
    /// Locks a range of one of the maps if it is free.
    Lock { map: usize, start: usize, len: usize, kind: LockKind },
    /// Drops one of the guards.
    Drop(usize),
}

impl Arbitrary for Step {
    fn arbitrary(gen_: &mut Gen) -> Step {
        if *gen_.choose(&[true, true, false]).unwrap() {
            let kind = *gen_.choose(&[Shared, Exclusive]).unwrap();
            let [map, start, len] = [3, 40, 20].map(|limit| usize::arbitrary(gen_) % limit);
            Step::Lock { map, start, len, kind }
        } else {
            Step::Drop(usize::arbitrary(gen_))
        }
    }
}

/// The reference model: the locked ranges of the file.
#[derive(Default)]
struct Model(Vec<(usize, usize, LockKind)>);

impl Model {
    fn allows(&self, start: usize, end: usize, kind: LockKind) -> bool {
        let overlaps =
            |from: usize, to: usize| from < to && start < end && from < end && start < to;
        let excludes = |other| other == Exclusive || kind == Exclusive;
        !self.0.iter().any(|&(from, to, other)| overlaps(from, to) && excludes(other))
    }
}

const OFFSETS: [usize; 3] = [0, 7, 20];

fn agrees_with_the_model(steps: &[Step]) {
    let file = TempFile::new(&[0; LEN]);
    let maps = OFFSETS.map(|offset| from_offset(file.path(), offset as u64));
    let (mut model, mut guards) = (Model::default(), Vec::<RangeGuard>::new());
    for step in steps {
        match *step {
            Step::Lock { map, start, len, kind } => {
                let guard = maps[map].try_lock_range(start..start + len, kind).unwrap();
                let (from, to) = (OFFSETS[map] + start, OFFSETS[map] + start + len);
                assert_eq!(guard.is_some(), model.allows(from, to, kind), "{step:?}");
                model.0.extend(guard.is_some().then_some((from, to, kind)));
                guards.extend(guard);
            }
            Step::Drop(_) if guards.is_empty() => {}
            Step::Drop(number) => {
                let number = number % guards.len();
                drop(guards.swap_remove(number));
                model.0.swap_remove(number);
            }
        }
    }
}

quickcheck! {
    fn locks_agree_with_a_model(steps: Vec<Step>) -> bool {
        agrees_with_the_model(&steps);
        true
    }
}

#[test]
fn maps_with_different_offsets_agree() {
    let file = TempFile::new(&[0; LEN]);
    let (whole, part) = (writable(file.path()), from_offset(file.path(), 10));
    let _guard = part.lock_range(5..8, Exclusive).unwrap();
    let free: Vec<_> = (0..30).map(|at| is_free(&whole, at..at + 1)).collect();
    assert_eq!(free, (0..30).map(|at| !(15..18).contains(&at)).collect::<Vec<_>>());
}

/// Adds to the word in two steps, between which other threads or processes may run.
fn add(map: &Map, times: u32, kind: Option<LockKind>) {
    for _ in 0..times {
        let _guard = kind.map(|kind| map.lock_range(..8, kind).unwrap());
        let old = map.load::<u64>(0).unwrap();
        thread::sleep(Duration::from_micros(1));
        map.store(old + 1, 0).unwrap();
    }
}

fn sum_of_threads(kind: Option<LockKind>) -> u64 {
    let file = TempFile::new(&[0; LEN]);
    let map = writable(file.path());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| add(&map, 100, kind));
        }
    });
    map.load(0).unwrap()
}

#[test]
fn threads_of_one_process_exclude_each_other() {
    assert_eq!(sum_of_threads(Some(Exclusive)), 400);
}

#[test]
fn control_without_an_exclusive_lock_additions_are_lost() {
    assert!([None, Some(Shared)].into_iter().all(|kind| sum_of_threads(kind) < 400));
}

#[test]
fn processes_exclude_each_other() {
    succeeds_in_child(|| {
        on_each_file_system(|path| {
            let map = writable(path);
            let work = || {
                add(&map, 100, Some(Exclusive));
                0
            };
            let children = [(); 3].map(|()| Fork::run(work).unwrap());
            assert!(children.into_iter().all(|child| child.wait().unwrap().success()));
            assert_eq!(map.load::<u64>(0).unwrap(), 300);
        });
    });
}

/// Forks a child that outlives its parent. It keeps the output of the test open.
fn stay() {
    let child = Fork::run(|| {
        thread::sleep(Duration::from_secs(3));
        0
    });
    child.unwrap();
}

#[test]
fn the_locks_of_a_killed_process_are_released() {
    succeeds_in_child(|| {
        on_each_file_system(|path| {
            let map = writable(path);
            for has_child in [false, true] {
                let owner = Fork::run_and_stay(|| {
                    let guard = map.lock_range(.., Exclusive).unwrap();
                    if has_child {
                        stay();
                    }
                    guard
                });
                assert!(!is_free(&map, 0..1));
                owner.unwrap().kill().unwrap();
                assert_is_released(&map, "killed");
            }
        });
    });
}

/// Locks a range for two stores, again and again, until it is killed.
fn store_twice_forever(map: &Map) -> i32 {
    for number in 1_u64.. {
        let guard = map.lock_range(..16, Exclusive).unwrap();
        map.store(number, 0).unwrap();
        (0..1000).for_each(|_| std::hint::spin_loop());
        map.store(number, 8).unwrap();
        drop(guard);
    }
    1
}

/// Takes the lock over from a process that was killed, and returns whether it was killed between
/// the two stores.
fn take_over(map: &Map) -> bool {
    let guard = map.lock_range_timeout(..16, Exclusive, RELEASE).unwrap();
    let _guard = guard.expect("a killed process keeps the lock");
    let [first, second] = [0, 8].map(|at| map.load::<u64>(at).unwrap());
    // It cannot store any more.
    map.store(u64::MAX, 0).unwrap();
    thread::sleep(Duration::from_micros(100));
    assert_eq!([0, 8].map(|at| map.load::<u64>(at).unwrap()), [u64::MAX, second]);
    first != second
}

#[test]
fn a_process_that_has_lost_its_lock_by_a_kill_stores_no_more() {
    succeeds_in_child(|| {
        on_each_file_system(|path| {
            let map = writable(path);
            let (mut rounds, mut taken) = (0, 0);
            // In an emulated computer the time between the stores is a small part of each round.
            while rounds < 150 || (taken == 0 && rounds < 5000) {
                rounds += 1;
                map.store_le(0_u64, 0).unwrap();
                map.store_le(0_u64, 8).unwrap();
                let child = Fork::run(|| store_twice_forever(&map)).unwrap();
                while map.load::<u64>(8).unwrap() == 0 {
                    thread::yield_now();
                }
                thread::sleep(Duration::from_micros(fastrand::u64(..3000)));
                child.send(libc::SIGKILL).unwrap();
                taken += u32::from(take_over(&map));
                child.wait().unwrap();
            }
            println!("{taken} of {rounds} processes were killed between two stores");
            assert!(taken > 0);
        });
    });
}

/// The control of the test above: a child that keeps the descriptor keeps the lock.
#[test]
fn control_a_descriptor_that_a_child_keeps_prolongs_a_lock() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; LEN]);
        let map = writable(file.path());
        let owner = Fork::run_and_stay(|| {
            let guard = map.lock_range(.., Exclusive).unwrap();
            if fork_without_handlers() == 0 {
                thread::sleep(Duration::from_secs(2));
                safemap_testing::signal::exit(0);
            }
            guard
        });
        owner.unwrap().kill().unwrap();
        thread::sleep(Duration::from_millis(300));
        assert!(!is_free(&map, 0..1));
    });
}

#[test]
fn nothing_is_taken_from_a_stopped_process() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; LEN]);
        let map = writable(file.path());
        let owner = Fork::run_and_stay(|| map.lock_range(3..4, Shared).unwrap()).unwrap();
        owner.send(libc::SIGSTOP).unwrap();
        let timeout = Duration::from_secs(2);
        assert!(map.lock_range_timeout(.., Exclusive, timeout).unwrap().is_none());
        owner.kill().unwrap();
        assert_is_released(&map, "stopped");
    });
}

#[test]
fn a_child_that_drops_the_guard_of_its_parent_releases_nothing() {
    succeeds_in_child(|| {
        on_each_file_system(|path| {
            let map = writable(path);
            let mut guard = Some(map.lock_range(..8, Exclusive).unwrap());
            let child = Fork::run(|| {
                drop(guard.take());
                // The number of the guard's descriptor may belong to this file now.
                let other = File::open("/proc/self/stat").unwrap();
                let is_released = is_free(&map, 0..8);
                i32::from(is_released || other.metadata().is_err())
            });
            assert!(child.unwrap().wait().unwrap().success());
            assert!(!is_free(&map, 0..8));
            drop(guard);
            assert!(is_free(&map, 0..8));
        });
    });
}

/// The child closes its copy of the descriptor on which a thread of its parent waits.
#[test]
fn a_child_forked_during_a_wait_does_not_get_the_lock() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; LEN]);
        let map = writable(file.path());
        let guard = map.lock_range(.., Exclusive).unwrap();
        let owner = Fork::run_and_stay(|| {
            let map = writable(file.path());
            let thread = thread::spawn(move || {
                let guard = map.lock_range(8.., Exclusive).unwrap();
                map.set(1, 0).unwrap();
                std::mem::forget(guard);
            });
            thread::sleep(Duration::from_millis(200));
            stay();
            thread
        });
        drop(guard);
        while map.get(0).unwrap() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        owner.unwrap().kill().unwrap();
        assert_is_released(&map, "forked during the wait");
    });
}

#[test]
fn closing_another_descriptor_of_the_file_releases_nothing() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; LEN]);
        let map = writable(file.path());
        let _guard = map.lock_range(..8, Exclusive).unwrap();
        drop(File::open(file.path()).unwrap());
        drop(Map::open(file.path()).unwrap());
        assert!(!is_free(&map, 0..8));
        let child = Fork::run(|| i32::from(is_free(&map, 0..8)));
        assert!(child.unwrap().wait().unwrap().success());
    });
}

#[test]
fn a_timeout_passes_or_the_range_becomes_free() {
    let file = TempFile::new(&[0; LEN]);
    let map = writable(file.path());
    let guard = map.lock_range(.., Shared).unwrap();
    let (start, timeout) = (Instant::now(), Duration::from_millis(50));
    assert!(map.lock_range_timeout(.., Exclusive, timeout).unwrap().is_none());
    assert!(start.elapsed() >= timeout);
    assert!(map.lock_range_timeout(.., Shared, Duration::ZERO).unwrap().is_some());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| map.lock_range_timeout(.., Exclusive, Duration::MAX).unwrap());
        thread::sleep(Duration::from_millis(50));
        drop(guard);
        assert!(waiting.join().unwrap().is_some());
    });
}

extern "C" fn ignore(_: i32) {}

#[test]
fn a_signal_does_not_end_a_wait() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; LEN]);
        let map = writable(file.path());
        // Without SA_RESTART.
        safemap_testing::signal::install_plain(libc::SIGALRM, ignore, 0);
        let owner = Fork::run_and_stay(|| map.lock_range(.., Exclusive).unwrap()).unwrap();
        let waiting = Fork::run(|| {
            let _guard = map.lock_range(.., Exclusive).unwrap();
            0
        });
        let waiting = waiting.unwrap();
        thread::sleep(Duration::from_millis(100));
        waiting.send(libc::SIGALRM).unwrap();
        thread::sleep(Duration::from_millis(50));
        assert!(waiting.try_wait().unwrap().is_none());
        owner.kill().unwrap();
        assert!(waiting.wait_timeout(RELEASE).unwrap().is_some_and(|status| status.success()));
    });
}

/// Takes or releases a lock as `fcntl.lockf` of Python does.
fn lockf(file: &File, kind: i32, start: i64, len: i64) -> bool {
    // SAFETY: a `flock` has only integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_start, lock.l_len) = (kind as i16, start, len);
    // SAFETY: the command takes a `flock`.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw mut lock) == 0 }
}

#[test]
fn locks_of_fcntl_and_guards_exclude_each_other() {
    let file = TempFile::new(&[0; LEN]);
    let (map, other) = (writable(file.path()), file.open());
    let guard = map.lock_range(5..10, Exclusive).unwrap();
    assert!(!lockf(&other, libc::F_WRLCK, 9, 1) && lockf(&other, libc::F_WRLCK, 10, 1));
    drop(guard);
    assert!(lockf(&other, libc::F_WRLCK, 9, 1) && !is_free(&map, 5..10));
    // Closing the descriptor of that attempt has released the lock of this process.
    assert!(is_free(&map, 5..10));
}

#[test]
fn an_empty_range_excludes_nothing() {
    let file = TempFile::new(&[0; LEN]);
    let map = writable(file.path());
    let _guard = map.lock_range(.., Exclusive).unwrap();
    let _empty = map.lock_range(50..50, Exclusive).unwrap();
    let empty = map.try_lock_range(LEN.., Exclusive).unwrap();
    assert!(empty.is_some());
}

#[test]
fn the_file_of_the_map_counts_and_not_its_path() {
    let file = TempFile::new(&[0; LEN]);
    let map = writable(file.path());
    let second = writable(file.path());
    std::fs::remove_file(file.path()).unwrap();
    std::fs::write(file.path(), [0; LEN]).unwrap();
    let _guard = map.lock_range(.., Exclusive).unwrap();
    assert!(!is_free(&second, 0..1) && is_free(&writable(file.path()), 0..1));
}

#[test]
fn ranges_and_maps_that_cannot_be_locked_are_refused() {
    let file = TempFile::new(&[0; LEN]);
    let map = writable(file.path());
    let error = map.lock_range(90..101, Shared).unwrap_err();
    assert!(matches!(error, Error::OutOfBounds { call: "lock_range", end: 101, .. }), "{error:?}");
    let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
    let private = Options::new().sharing(Sharing::Private).open(file.path()).unwrap();
    let memory = Options::new().len(LEN).anonymous().unwrap();
    for map in [copy, private, memory] {
        let error = map.lock_range(.., Shared).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
    }
    let untracked = Options::new().untracked(true).open(file.path()).unwrap();
    let error = untracked.try_lock_range(.., Shared).unwrap_err();
    assert!(matches!(error, Error::NoFile { call: "try_lock_range" }), "{error:?}");
}

#[test]
fn an_exclusive_lock_needs_the_permission_to_write() {
    succeeds_in_child(|| {
        use std::os::unix::fs::PermissionsExt;
        let file = TempFile::new(&[0; LEN]);
        std::fs::set_permissions(file.path(), PermissionsExt::from_mode(0o444)).unwrap();
        let map = Map::open(file.path()).unwrap();
        let _ = drop_root_rights();
        let error = map.lock_range(.., Exclusive).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{error}");
        assert!(error.to_string().contains("open the file again"), "{error}");
        let _ = map.lock_range(.., Shared).unwrap();
    });
}
