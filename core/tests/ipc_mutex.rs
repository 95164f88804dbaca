//! Mutexes between processes: exclusion, crashes, stopped owners, forks, refusals.
#![forbid(unsafe_code)]
#![cfg(all(
    any(target_os = "linux", target_os = "android"),
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(safemap_portable)
))]

use std::{
    cell::RefCell,
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Access, Error, Map, Options, Sharing,
    ipc::{Mutex, Spin},
};
use safemap_testing::{PAGE, TempFile, process::Fork, succeeds_in_child};

/// Where the data begins that the mutex at 0 protects.
const DATA: usize = 64;
const SOON: Duration = Duration::from_millis(1500);

/// Adds 1 to two words, which are equal whenever the mutex is unlocked.
fn add(map: &Map, mutex: Mutex<'_>) {
    let guard = mutex.lock().unwrap();
    let [first, second] = [0, 8].map(|at| map.load::<u64>(DATA + at).unwrap());
    if guard.owner_died() {
        map.store(first, DATA + 8).unwrap();
        guard.mark_consistent();
    } else {
        assert_eq!(first, second);
    }
    map.store(first + 1, DATA).unwrap();
    map.store(first + 1, DATA + 8).unwrap();
    guard.unlock().unwrap();
}

#[test]
fn threads_and_processes_exclude_each_other() {
    for spin in [Spin::Learn, Spin::Never] {
        let file = TempFile::new(&[0; 128]);
        let work = || {
            let map = Options::new().access(Access::Write).spin(spin).open(file.path()).unwrap();
            let mutex = Mutex::new(&map, 0).unwrap();
            let add_many = || (0..2000).for_each(|_| add(&map, mutex));
            thread::scope(|scope| {
                [0, 1].map(|_| scope.spawn(add_many)).map(|it| it.join().unwrap())
            });
            0
        };
        let children = [0, 1].map(|_| Fork::run(work).unwrap());
        assert!(children.into_iter().all(|child| child.wait().unwrap().success()));
        assert_eq!(file.map().load::<u64>(DATA).unwrap(), 8000);
    }
}

/// Two maps of a file in one process have an id each.
#[test]
fn mutexes_of_two_maps_are_the_same() {
    let file = TempFile::new(&[0; 64]);
    let (one, other) = (file.map(), file.map());
    let guard = Mutex::new(&one, 0).unwrap().lock().unwrap();
    let mutex = Mutex::new(&other, 0).unwrap();
    assert!(mutex.try_lock().unwrap().is_none());
    assert!(mutex.lock_timeout(Duration::from_millis(20)).unwrap().is_none());
    drop(guard);
    assert!(!mutex.try_lock().unwrap().unwrap().owner_died());
}

#[test]
fn a_mutex_leaves_the_bytes_beside_it_alone() {
    let file = TempFile::new(&[0xa5; 64]);
    let map = file.map();
    map.fill(0, 16..32).unwrap();
    let mutex = Mutex::new(&map, 16).unwrap();
    let guard = mutex.lock().unwrap();
    assert_eq!(mutex.holder().unwrap(), Some(std::process::id()));
    drop(guard);
    assert_eq!(mutex.holder().unwrap(), None);
    assert_eq!(map.load::<u64>(16).unwrap(), 0, "zero means unlocked");
    assert!(map.to_vec(..16).unwrap().iter().chain(&map.to_vec(32..).unwrap()).all(|&b| b == 0xa5));
}

/// Locks the mutex in a child that runs `inside`, and waits until it has it.
fn locked_in_child(file: &TempFile, inside: impl FnOnce()) -> Fork {
    let child = Fork::run(|| {
        let map = file.map();
        let _guard = Mutex::new(&map, 0).unwrap().lock().unwrap();
        inside();
        map.store(1_u64, DATA).unwrap();
        thread::sleep(Duration::from_secs(60));
        1
    });
    let map = file.map();
    while map.load::<u64>(DATA).unwrap() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    child.unwrap()
}

#[test]
fn a_successor_gets_the_lock_of_a_killed_owner_and_a_report() {
    let file = TempFile::new(&[0; 128]);
    let child = locked_in_child(&file, || {});
    let map = file.map();
    let mutex = Mutex::new(&map, 0).unwrap();
    assert!(mutex.try_lock().unwrap().is_none());
    child.send(libc_kill()).unwrap();
    let start = Instant::now();
    let guard = mutex.lock().unwrap();
    assert!(start.elapsed() < SOON && guard.owner_died());
    drop(guard);
    child.wait().unwrap();
    // Reported until an owner ends that.
    let guard = mutex.lock().unwrap();
    assert!(guard.owner_died());
    guard.mark_consistent();
    drop(guard);
    assert!(!mutex.lock().unwrap().owner_died());
}

/// SIGKILL.
fn libc_kill() -> i32 {
    9
}

#[test]
fn threads_that_wait_get_the_lock_of_a_killed_owner() {
    let file = TempFile::new(&[0; 128]);
    let child = locked_in_child(&file, || {});
    let map = file.map();
    let mutex = Mutex::new(&map, 0).unwrap();
    thread::scope(|scope| {
        let waiting = [0, 1, 2].map(|_| {
            scope.spawn(|| {
                let guard = mutex.lock().unwrap();
                let (died, now) = (guard.owner_died(), Instant::now());
                guard.mark_consistent();
                (died, now)
            })
        });
        thread::sleep(Duration::from_millis(50));
        let killed = Instant::now();
        child.send(libc_kill()).unwrap();
        let reports = waiting.map(|thread| thread.join().unwrap());
        assert_eq!(reports.iter().filter(|(died, _)| *died).count(), 1);
        assert!(reports.iter().all(|(_, now)| now.duration_since(killed) < SOON));
    });
    child.wait().unwrap();
}

#[test]
fn a_stopped_owner_keeps_the_lock() {
    const STOP: i32 = 19;
    const CONTINUE: i32 = 18;
    let file = TempFile::new(&[0; 128]);
    let child = locked_in_child(&file, || {});
    child.send(STOP).unwrap();
    let map = file.map();
    let mutex = Mutex::new(&map, 0).unwrap();
    assert!(mutex.lock_timeout(Duration::from_secs(2)).unwrap().is_none());
    child.send(CONTINUE).unwrap();
    assert!(mutex.try_lock().unwrap().is_none());
    child.send(libc_kill()).unwrap();
    assert!(mutex.lock().unwrap().owner_died());
    child.wait().unwrap();
}

/// The child of the owner runs on, and must neither keep the lock nor unlock it.
#[test]
fn a_forked_child_does_not_own_the_lock_of_its_parent() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 128]);
        let map = file.map();
        let mutex = Mutex::new(&map, 0).unwrap();
        let guard = RefCell::new(Some(mutex.lock().unwrap()));
        let child = Fork::run(|| {
            drop(guard.take());
            let tried = mutex.try_lock().unwrap();
            let waited = mutex.lock_timeout(Duration::from_millis(20)).unwrap();
            i32::from(tried.is_some() || waited.is_some())
        });
        assert!(child.unwrap().wait().unwrap().success());
        assert!(mutex.try_lock().unwrap().is_none());
        drop(guard);
        assert!(!mutex.try_lock().unwrap().unwrap().owner_died());
    });
}

#[test]
fn a_child_of_a_killed_owner_does_not_keep_the_lock() {
    let file = TempFile::new(&[0; 128]);
    let child = locked_in_child(&file, || {
        // Sleeps on after its parent was killed.
        let _grandchild = Fork::run(|| {
            thread::sleep(Duration::from_secs(5));
            0
        });
    });
    let map = file.map();
    child.send(libc_kill()).unwrap();
    let guard = Mutex::new(&map, 0).unwrap().lock_timeout(SOON).unwrap();
    assert!(guard.is_some_and(|guard| guard.owner_died()));
    child.wait().unwrap();
}

#[test]
fn unfit_maps_are_refused() {
    let file = TempFile::new(&[0; 64]);
    let read_only = Map::open(file.path()).unwrap();
    assert!(matches!(Mutex::new(&read_only, 0), Err(Error::ReadOnly { .. })));
    let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
    let memory = Options::new().len(64).sharing(Sharing::Shared).anonymous().unwrap();
    for map in [copy, memory] {
        assert!(matches!(Mutex::new(&map, 0), Err(Error::Unsupported(_))));
    }
    let map = file.map();
    assert!(matches!(Mutex::new(&map, 49), Err(Error::OutOfBounds { .. })));
    let unaligned = Mutex::new(&map, 4).unwrap_err().to_string();
    assert_eq!(unaligned, "Mutex::new: offset 4 is not a multiple of 8");
    let untracked = Options::new().access(Access::Write).untracked(true).open(file.path()).unwrap();
    assert!(matches!(Mutex::new(&untracked, 0), Err(Error::NoFile { .. })));
}

#[test]
fn a_memory_file_has_mutexes() {
    let map = Options::new().len(64).memfd("mutex").unwrap();
    let mutex = Mutex::new(&map, 0).unwrap();
    let guard = mutex.lock().unwrap();
    assert!(mutex.try_lock().unwrap().is_none());
    drop(guard);
}

/// An id that no process has counts as that of a crashed one.
#[test]
fn any_content_of_the_word_leads_to_a_lock() {
    let file = TempFile::new(&[0; 64]);
    let map = file.map();
    let mutex = Mutex::new(&map, 0).unwrap();
    for word in [1, 2, 3, 4, u64::MAX, 1 << 63, 0x1234_5678_9abc_def0] {
        map.store::<u64>(word, 0).unwrap();
        let guard = mutex.lock_timeout(SOON).unwrap().unwrap_or_else(|| panic!("{word:#x}"));
        assert_eq!(guard.owner_died(), word != 1, "{word:#x}");
        guard.mark_consistent();
    }
}

#[test]
fn a_truncated_file_is_a_fault() {
    let file = TempFile::new(&[0; 2 * PAGE]);
    let map = file.map();
    let mutex = Mutex::new(&map, PAGE).unwrap();
    let guard = mutex.lock().unwrap();
    file.set_len(PAGE as u64);
    assert!(matches!(guard.unlock(), Err(Error::Fault { offset: PAGE })));
    assert!(matches!(mutex.try_lock(), Err(Error::Fault { offset: PAGE })));
    assert!(matches!(mutex.lock(), Err(Error::Fault { offset: PAGE })));
}

/// The process id, a hint, is on a page that the file has lost.
#[test]
fn a_mutex_across_a_truncated_page_can_be_locked_and_unlocked() {
    let file = TempFile::new(&[0; 2 * PAGE]);
    let map = file.map();
    let mutex = Mutex::new(&map, PAGE - 8).unwrap();
    file.set_len(PAGE as u64);
    for _ in 0..2 {
        mutex.try_lock().unwrap().expect("no thread has it").unlock().unwrap();
        mutex.lock_timeout(SOON).unwrap().expect("no thread has it").unlock().unwrap();
    }
}
