//! Liveness tokens: the kernel says which processes are alive.
#![cfg(target_os = "linux")]
#![cfg(target_pointer_width = "64")]
#![allow(unsafe_code)]

use std::{
    fs::File,
    os::fd::AsRawFd,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use safemap::{Access, Error, Map, Options, Sharing, ipc::Liveness, page_size};
use safemap_testing::{
    PAGE, Stop, TempFile,
    memfd::memory_file,
    namespace::{overlay_with, unshare_pids},
    process::{Fork, close_descriptors, fork_without_handlers},
    signal::exit,
    succeeds_in_child,
};

/// How long a process may seem alive that was killed.
const RELEASE: Duration = Duration::from_millis(1500);

fn writable(path: &Path) -> Map {
    Options::new().access(Access::Write).open(path).unwrap()
}

/// A word that forked children share.
fn shared_word() -> Map {
    let mut options = Options::new();
    options.access(Access::Write).sharing(Sharing::Shared).len(8).anonymous().unwrap()
}

fn is_alive(map: &Map, id: u64) -> bool {
    Liveness::is_alive(map, id).unwrap()
}

fn assert_ends(map: &Map, id: u64, case: &str) {
    let start = Instant::now();
    while is_alive(map, id) {
        assert!(start.elapsed() < RELEASE, "{case}: still alive");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Forks a process that joins, calls `then`, and stays. Returns it with its id.
fn owner(map: &Map, then: impl FnOnce()) -> (Fork, u64) {
    let word = shared_word();
    let child = Fork::run_and_stay(|| {
        let liveness = Liveness::join(map).unwrap();
        word.store(liveness.id().unwrap(), 0).unwrap();
        then();
        liveness
    });
    (child.unwrap(), word.load(0).unwrap())
}

/// Calls `test` with maps of files on every kind of file system that is at hand. The flag says
/// whether a mapping keeps the token.
fn on_each_file_system(test: impl Fn(&Map, bool)) {
    let disk = TempFile::new(&[0; 100]);
    test(&writable(disk.path()), true);
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        test(&writable(TempFile::new_in(memory, &[0; 100]).path()), true);
    }
    let memfd = memory_file(false).unwrap();
    memfd.set_len(100).unwrap();
    test(&Options::new().access(Access::Write).map(&memfd).unwrap(), true);
    match overlay_with("file", &[0; 100]) {
        Ok(path) => test(&writable(&path), false),
        Err(error) => println!("skipped: no overlay file system ({error})"),
    }
}

/// How long children stay that outlive their parent. They keep the output of the test open.
const STAY: Duration = Duration::from_secs(3);

/// Forks without the C library, so that no handler runs.
fn clone_directly() {
    if fork_without_handlers() == 0 {
        thread::sleep(STAY);
        exit(0);
    }
}

fn fork_and_stay() {
    let child = Fork::run(|| {
        thread::sleep(STAY);
        0
    });
    child.unwrap();
}

#[allow(clippy::zombie_processes)] // Its parent is killed.
fn spawn() {
    Command::new("sleep").arg("3").spawn().unwrap();
}

#[test]
fn an_id_is_alive_until_it_is_dropped() {
    succeeds_in_child(|| {
        on_each_file_system(|map, _| {
            let (first, second) = (Liveness::join(map).unwrap(), Liveness::join(map).unwrap());
            let (id, other) = (first.id().unwrap(), second.id().unwrap());
            assert_ne!(id, other);
            assert!(is_alive(map, id) && is_alive(map, other));
            drop(first);
            assert!(!is_alive(map, id) && is_alive(map, other));
        });
    });
}

#[test]
fn the_id_of_a_killed_process_ends_beside_its_children() {
    succeeds_in_child(|| {
        on_each_file_system(|map, _| {
            let cases: [(&str, fn()); 3] =
                [("alone", || ()), ("forked child", fork_and_stay), ("started program", spawn)];
            for (case, then) in cases {
                let (child, id) = owner(map, then);
                assert!(is_alive(map, id), "{case}");
                child.kill().unwrap();
                assert_ends(map, id, case);
            }
        });
    });
}

#[test]
fn with_a_page_no_clone_prolongs_an_id_and_no_close_ends_it() {
    succeeds_in_child(|| {
        on_each_file_system(|map, has_page| {
            let close = || {
                // SAFETY: the child uses no descriptor after this.
                unsafe { close_descriptors() };
            };
            let cases: [(&str, &dyn Fn()); 2] = [("clone", &clone_directly), ("close", &close)];
            for (case, then) in cases.into_iter().filter(|_| has_page) {
                let word = shared_word();
                let child = Fork::run(|| {
                    let liveness = Liveness::join(map).unwrap();
                    then();
                    word.store(liveness.id().unwrap(), 0).unwrap();
                    thread::sleep(Duration::from_secs(60));
                    0
                });
                let child = child.unwrap();
                while word.load::<u64>(0).unwrap() == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
                let id = word.load(0).unwrap();
                assert!(is_alive(map, id), "{case}");
                child.kill().unwrap();
                assert_ends(map, id, case);
            }
        });
    });
}

/// Locks the byte of an id by hand, in one of the ways that the library avoids.
fn lock_by_hand(map: &Map, id: u64, keep_descriptor: bool) {
    let path = format!("/proc/self/fd/{}", map.file().unwrap().as_raw_fd());
    let file = File::open(path).unwrap();
    set_lock(&file, libc::F_OFD_SETLK, (1 << 62) + id as i64, 1).unwrap();
    let (null, page) = (std::ptr::null_mut(), PAGE);
    // SAFETY: a new mapping, which replaces no other.
    unsafe { libc::mmap(null, page, libc::PROT_NONE, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if keep_descriptor {
        std::mem::forget(file);
    }
}

fn set_lock(file: &File, command: i32, start: i64, len: i64) -> std::io::Result<()> {
    lock_with(file, command, libc::F_RDLCK, start, len)
}

fn lock_with(file: &File, command: i32, kind: i32, start: i64, len: i64) -> std::io::Result<()> {
    // SAFETY: a `flock` has only integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_start, lock.l_len) = (kind as i16, start, len);
    // SAFETY: the commands take a `flock`.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The control of the tests above: without `MADV_DONTFORK`, and with a descriptor that children
/// keep, an id outlives its process.
#[test]
fn control_a_page_or_descriptor_that_a_child_inherits_prolongs_an_id() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 100]);
        let map = writable(file.path());
        for (keep_descriptor, id) in [(false, 5), (true, 6)] {
            let word = shared_word();
            let child = Fork::run_and_stay(|| {
                lock_by_hand(&map, id, keep_descriptor);
                fork_and_stay();
                word.store(1_u64, 0).unwrap();
            });
            child.unwrap().kill().unwrap();
            assert_eq!(word.load::<u64>(0).unwrap(), 1);
            thread::sleep(Duration::from_millis(300));
            assert!(is_alive(&map, id), "the child does not prolong the id");
        }
    });
}

#[test]
fn a_stopped_process_is_alive() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 100]);
        let map = writable(file.path());
        let (child, id) = owner(&map, || ());
        child.send(libc::SIGSTOP).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            assert!(is_alive(&map, id));
            thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        assert_ends(&map, id, "stopped");
    });
}

/// Joins, and stores in several threads until the process is killed.
fn store_forever(map: &Map) -> i32 {
    let liveness = Liveness::join(map).unwrap();
    map.store(liveness.id().unwrap(), 0).unwrap();
    let store = |at: usize| {
        for number in 1_u64.. {
            map.store(number, at).unwrap();
        }
    };
    thread::scope(|scope| {
        for at in [8, 16, 24] {
            scope.spawn(move || store(at));
        }
    });
    1
}

#[test]
fn a_process_whose_id_has_ended_stores_no_more() {
    succeeds_in_child(|| {
        on_each_file_system(|map, _| {
            for _ in 0..50 {
                map.fill(0, ..32).unwrap();
                let child = Fork::run(|| store_forever(map)).unwrap();
                let start = Instant::now();
                while map.load::<u64>(8).unwrap() == 0 {
                    assert!(start.elapsed() < Duration::from_secs(20), "the child does not store");
                    thread::yield_now();
                }
                let id = map.load(0).unwrap();
                thread::sleep(Duration::from_micros(fastrand::u64(..3000)));
                child.send(libc::SIGKILL).unwrap();
                assert_ends(map, id, "killed while it stores");
                let stored = map.to_vec(..32).unwrap();
                thread::sleep(Duration::from_millis(1));
                assert_eq!(map.to_vec(..32).unwrap(), stored);
                child.wait().unwrap();
            }
        });
    });
}

#[test]
fn a_program_that_replaces_itself_has_left() {
    succeeds_in_child(|| {
        use std::os::unix::process::CommandExt;
        on_each_file_system(|map, _| {
            let word = shared_word();
            let child = Fork::run(|| {
                let liveness = Liveness::join(map).unwrap();
                word.store(liveness.id().unwrap(), 0).unwrap();
                let _ = Command::new("sleep").arg("60").exec();
                1
            });
            let child = child.unwrap();
            thread::sleep(Duration::from_millis(300));
            assert_ends(map, word.load(0).unwrap(), "execve");
            child.kill().unwrap();
        });
    });
}

/// Random numbers of `RandomState` would be equal in parent and child.
#[test]
fn a_forked_child_has_no_id_until_it_joins() {
    succeeds_in_child(|| {
        on_each_file_system(|map, _| {
            let mut liveness = Some(Liveness::join(map).unwrap());
            let id = liveness.as_ref().unwrap().id().unwrap();
            let child = Fork::run(|| {
                assert_eq!(liveness.as_ref().unwrap().id(), None);
                let own = Liveness::join(map).unwrap();
                assert_ne!(own.id(), Some(id));
                assert!(is_alive(map, own.id().unwrap()) && is_alive(map, id));
                drop(liveness.take());
                i32::from(!is_alive(map, id))
            });
            assert!(child.unwrap().wait().unwrap().success());
            assert!(is_alive(map, id));
        });
    });
}

#[test]
fn a_forked_child_does_not_unmap_what_is_where_the_page_was() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 100]);
        let map = writable(file.path());
        let before = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut liveness = Some(Liveness::join(&map).unwrap());
        let after = std::fs::read_to_string("/proc/self/maps").unwrap();
        let name = file.path().to_str().unwrap();
        let is_new = |line: &&str| line.ends_with(name) && !before.contains(&line[..20]);
        let line = after.lines().find(is_new).expect("the page is mapped");
        let address = usize::from_str_radix(line.split('-').next().unwrap(), 16).unwrap();
        // What is mapped there. It may begin before.
        let found = || {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let has_address = |line: &&str| {
                let bounds = line.split(' ').next().unwrap().split('-');
                let bounds: Vec<_> = bounds.map(|it| usize::from_str_radix(it, 16)).collect();
                matches!(bounds[..], [Ok(start), Ok(end)] if (start..end).contains(&address))
            };
            maps.lines().find(has_address).map(str::to_owned)
        };
        let child = Fork::run(|| {
            assert!(found().is_none_or(|line| !line.ends_with(name)), "the page was inherited");
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
            let (at, access) = (address as *mut libc::c_void, libc::PROT_READ);
            // The library may have mapped other memory there since.
            // SAFETY: the flag excludes that another mapping is replaced.
            unsafe { libc::mmap(at, page_size(), access, flags, -1, 0) };
            assert!(found().is_some());
            drop(liveness.take());
            i32::from(found().is_none())
        });
        assert!(child.unwrap().wait().unwrap().success());
    });
}

#[test]
fn forks_of_other_threads_do_not_prolong_an_id() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 100]);
        let map = writable(file.path());
        let stop = Stop::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut children = Vec::new();
                while !stop.is_set() {
                    children.push(Fork::run_and_stay(|| ()).unwrap());
                    if children.len() > 20 {
                        children.drain(..).for_each(|child| child.kill().unwrap());
                    }
                }
                children.into_iter().for_each(|child| child.kill().unwrap());
            });
            let _stop = stop.set_on_drop();
            let outlives = |_: &i32| {
                let liveness = Liveness::join(&map).unwrap();
                let id = liveness.id().unwrap();
                drop(liveness);
                is_alive(&map, id)
            };
            let count = (0..2000).filter(outlives).count();
            assert_eq!(count, 0, "children have the locks");
        });
    });
}

#[test]
fn the_file_of_the_map_counts_and_not_its_path() {
    let file = TempFile::new(&[0; 100]);
    let map = writable(file.path());
    std::fs::remove_file(file.path()).unwrap();
    let (before, _other) = (Liveness::join(&map).unwrap(), std::fs::write(file.path(), "other"));
    assert!(is_alive(&map, before.id().unwrap()));
    assert!(!is_alive(&Map::open(file.path()).unwrap(), before.id().unwrap()));
}

#[test]
fn a_map_for_reading_can_join() {
    let file = TempFile::new(&[0; 100]);
    let map = Options::new().map(File::open(file.path()).unwrap()).unwrap();
    let liveness = Liveness::join(&map).unwrap();
    assert!(is_alive(&map, liveness.id().unwrap()));
    assert!(is_alive(&writable(file.path()), liveness.id().unwrap()));
}

#[test]
fn an_empty_file_can_be_joined() {
    let file = TempFile::new(b"");
    let map = writable(file.path());
    let liveness = Liveness::join(&map).unwrap();
    assert!(is_alive(&map, liveness.id().unwrap()));
}

#[test]
fn a_lock_of_the_whole_file_is_reported() {
    succeeds_in_child(|| {
        on_each_file_system(|map, _| {
            for kind in [libc::F_RDLCK, libc::F_WRLCK] {
                let child = Fork::run_and_stay(|| {
                    let file = File::from(map.file().unwrap().try_clone_to_owned().unwrap());
                    lock_with(&file, libc::F_SETLK, kind, 0, 0).unwrap();
                    file
                });
                let error = Liveness::join(map).unwrap_err();
                assert!(matches!(error, Error::Locked { call: "join" }), "{error:?}");
                assert_eq!(error.to_string(), "join: another program has locked the whole file");
                child.unwrap().kill().unwrap();
                let _ = Liveness::join(map).unwrap();
            }
        });
    });
}

#[test]
fn numbers_that_no_process_has_are_not_alive() {
    let file = TempFile::new(&[0; 100]);
    let map = writable(file.path());
    let _liveness = Liveness::join(&map).unwrap();
    for id in [0, 1, 1 << 61, 1 << 62, u64::MAX] {
        assert!(!is_alive(&map, id));
    }
}

#[test]
fn maps_that_share_no_file_are_refused() {
    let file = TempFile::new(&[0; 100]);
    let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
    let private = Options::new().sharing(Sharing::Private).open(file.path()).unwrap();
    for map in [copy, private, shared_word()] {
        let error = Liveness::join(&map).unwrap_err();
        assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
        assert!(Liveness::is_alive(&map, 1).is_err());
    }
    let device = Options::new().len(10).open("/dev/zero").unwrap();
    assert!(matches!(Liveness::join(&device), Err(Error::Unsupported(_))));
    let untracked = Options::new().untracked(true).open(file.path()).unwrap();
    assert!(matches!(Liveness::join(&untracked), Err(Error::NoFile { call: "join" })));
}

#[test]
fn a_memory_file_can_be_sealed_while_it_is_joined() {
    let file = memory_file(false).unwrap();
    file.set_len(100).unwrap();
    let map = Options::new().access(Access::Write).map(&file).unwrap();
    let liveness = Liveness::join(&map).unwrap();
    let sealed = map.seal().unwrap();
    assert_eq!(sealed.len(), 100);
    assert!(liveness.id().is_some());
}

/// Runs `work` in the first process of a pid namespace, and returns its status. Returns none
/// without the rights for that.
fn in_pid_namespace(work: impl FnOnce() -> i32) -> Option<i32> {
    unshare_pids().ok()?;
    let child = Fork::run(|| {
        assert_eq!(std::process::id(), 1);
        work()
    });
    child.unwrap().wait().unwrap().code()
}

#[test]
fn processes_of_two_pid_namespaces_see_each_other() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 100]);
        let map = writable(file.path());
        let [id, seen] = [shared_word(), shared_word()];
        let wait_for = |word: &Map| {
            let start = Instant::now();
            while word.load::<u64>(0).unwrap() == 0 && start.elapsed() < Duration::from_secs(5) {
                thread::sleep(Duration::from_millis(1));
            }
            word.load::<u64>(0).unwrap()
        };
        // Both work in the process with id 1.
        let own = || {
            let liveness = Liveness::join(&map).unwrap();
            id.store(liveness.id().unwrap(), 0).unwrap();
            wait_for(&seen);
            exit(0)
        };
        let observe = || {
            let id = wait_for(&id);
            assert!(is_alive(&map, id));
            seen.store(1_u64, 0).unwrap();
            assert_ends(&map, id, "in another namespace");
            0
        };
        let owner = Fork::run(|| in_pid_namespace(own).unwrap_or(77)).unwrap();
        let observer = Fork::run(|| in_pid_namespace(observe).unwrap_or(77)).unwrap();
        match [owner, observer].map(|child| child.wait().unwrap().code()) {
            [Some(77), _] => println!("skipped: no pid namespaces"),
            codes => assert_eq!(codes, [Some(0), Some(0)]),
        }
    });
}

/// A program closes all descriptors, and opens another file under the number of the map's.
#[test]
fn an_id_does_not_end_when_the_program_closes_the_descriptor_of_the_map() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 8]);
        let map = writable(file.path());
        let liveness = Liveness::join(&map).unwrap();
        let number = map.file().unwrap().as_raw_fd();
        // SAFETY: the map is forgotten below, so that the number is not closed again.
        unsafe { libc::close(number) };
        let id = liveness.id().unwrap();
        assert!(Liveness::is_alive(&map, id).is_err());
        let other = TempFile::new(&[0; 8]).open();
        assert_eq!(other.as_raw_fd(), number);
        assert!(Liveness::is_alive(&map, id).is_err());
        assert!(Liveness::join(&map).is_err());
        assert!(is_alive(&writable(file.path()), id));
        std::mem::forget(map);
    });
}
