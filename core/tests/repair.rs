//! Memory that was lent out, and a file that is cut under it. In child processes, which would die without the repair.
#![cfg(unix)]
#![allow(unsafe_code)] // What is tested is the memory itself.

mod support;

use std::{
    os::unix::{fs::FileExt, process::ExitStatusExt},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
};

use safemap::{Access, Error, Map, Options};
use support::{PAGE, file_with, in_child, other_handle, pattern, survives, writable};
use tempfile::NamedTempFile;

/// The signals of a page that a file does not give, and of an access that is not allowed; elsewhere both may be either.
const MISSING: &[i32] = if cfg!(target_os = "linux") { &[libc::SIGBUS] } else { &[libc::SIGBUS, libc::SIGSEGV] };
const FORBIDDEN: &[i32] = if cfg!(target_os = "linux") { &[libc::SIGSEGV] } else { MISSING };

fn repaired(file: &NamedTempFile) -> Map {
    Options::new().access(Access::Write).repair().open(file.path()).unwrap()
}

/// Reads a byte as foreign code does.
fn look(map: &Map, at: usize) -> u8 {
    let byte = map.as_ptr().wrapping_add(at);
    // SAFETY: `at` lies in the map, which lives; that its page may be gone is what the test is about.
    unsafe { byte.read_volatile() }
}

/// The offset that is told of damage at `at`: the system names no more than the page on s390x.
const fn told(at: usize) -> usize {
    if cfg!(target_arch = "s390x") { at - at % PAGE } else { at }
}

#[test]
fn foreign_code_reads_zeros_and_the_next_call_says_where() {
    survives("foreign_code_reads_zeros_and_the_next_call_says_where", || {
        let file = file_with(&pattern(4 * PAGE));
        let map = repaired(&file);
        let other = other_handle(&file);
        other.set_len(PAGE as u64).unwrap();
        assert_eq!(map.damage(), None);
        assert_eq!(look(&map, 3 * PAGE + 5), 0);
        assert_eq!(look(&map, 2 * PAGE + 7), 0);
        assert_eq!(look(&map, 10), 10);
        assert_eq!(map.damage(), Some(told(2 * PAGE + 7)));
        for refused in [map.get(0).map(drop), map.set(0, 1), map.find(b"xy", ..).map(drop), map.flush(), map.resize(10)]
        {
            assert!(matches!(refused, Err(Error::Damaged { offset }) if offset == told(2 * PAGE + 7)), "{refused:?}");
        }
        assert_eq!(map.len(), 4 * PAGE);
        map.close().unwrap();
    });
}

#[test]
fn a_map_is_restored_when_the_file_has_grown_back() {
    survives("a_map_is_restored_when_the_file_has_grown_back", || {
        for offset in [0, 100, 5000] {
            let bytes = pattern(4 * PAGE);
            let file = file_with(&bytes);
            let map = Options::new().access(Access::Write).offset(offset as u64).repair().open(file.path()).unwrap();
            let other = other_handle(&file);
            other.set_len(0).unwrap();
            assert_eq!(look(&map, 0), 0);
            assert_eq!(look(&map, 2 * PAGE), 0);
            assert!(matches!(map.restore(), Err(Error::Fault { offset: 0 })));
            assert_eq!(map.damage(), Some(0));
            std::fs::write(file.path(), &bytes).unwrap();
            map.restore().unwrap();
            assert_eq!(map.damage(), None);
            assert_eq!(map.to_vec(..).unwrap(), bytes[offset..]);
            map.set(0, 1).unwrap();
            assert_eq!(std::fs::read(file.path()).unwrap()[offset], 1, "the page is the file's again");
        }
    });
}

#[test]
fn a_private_map_keeps_its_own_bytes_when_it_is_restored() {
    survives("a_private_map_keeps_its_own_bytes_when_it_is_restored", || {
        let bytes = pattern(3 * PAGE);
        let file = file_with(&bytes);
        let map = Options::new().access(Access::Copy).repair().open(file.path()).unwrap();
        map.set(0, 99).unwrap();
        let other = other_handle(&file);
        other.set_len(PAGE as u64).unwrap();
        assert_eq!(look(&map, PAGE), 0);
        // Not through an empty file: that takes the private pages as well.
        other.set_len(3 * PAGE as u64).unwrap();
        other.write_all_at(&bytes[PAGE..], PAGE as u64).unwrap();
        map.restore().unwrap();
        assert_eq!((map.get(0).unwrap(), map.get(PAGE).unwrap()), (99, bytes[PAGE]));
    });
}

/// The control: without the repair the child dies of SIGBUS.
#[test]
fn without_repair_foreign_code_dies() {
    if let Some(child) = in_child("without_repair_foreign_code_dies") {
        assert!(child.status.signal().is_some_and(|signal| MISSING.contains(&signal)), "{}", child.status);
        return;
    }
    let file = file_with(&pattern(2 * PAGE));
    let map = writable(&file);
    other_handle(&file).set_len(0).unwrap();
    look(&map, 0);
}

#[test]
fn writing_to_what_may_only_be_read_is_not_repaired() {
    if let Some(child) = in_child("writing_to_what_may_only_be_read_is_not_repaired") {
        assert!(child.status.signal().is_some_and(|signal| FORBIDDEN.contains(&signal)), "{}", child.status);
        return;
    }
    let file = file_with(&pattern(2 * PAGE));
    let map = Options::new().repair().open(file.path()).unwrap();
    // SAFETY: not safe at all: the page may only be read, and this process is meant to die of it.
    unsafe { map.as_mut_ptr().write_volatile(1) };
}

#[test]
fn calls_of_the_map_itself_report_faults_and_damage_nothing() {
    survives("calls_of_the_map_itself_report_faults_and_damage_nothing", || {
        let file = file_with(&pattern(2 * PAGE));
        let map = repaired(&file);
        other_handle(&file).set_len(PAGE as u64).unwrap();
        assert!(matches!(map.get(PAGE), Err(Error::Fault { offset: PAGE })));
        assert_eq!(map.damage(), None);
        assert_eq!(map.get(7).unwrap(), 7);
    });
}

#[test]
fn repair_follows_a_map_that_moves() {
    survives("repair_follows_a_map_that_moves", || {
        let file = file_with(&pattern(PAGE));
        let map = repaired(&file);
        map.resize(100 * PAGE).unwrap();
        other_handle(&file).set_len(0).unwrap();
        assert_eq!(look(&map, 99 * PAGE), 0);
        assert_eq!(map.damage(), Some(99 * PAGE));
    });
}

#[test]
fn memory_without_a_file_is_not_repaired() {
    assert!(matches!(Options::new().len(PAGE).repair().anonymous(), Err(Error::Unsupported(_))));
}

/// Foreign readers fault in some maps while others come and go: the list must never lead the handler to a dead one.
#[test]
fn maps_come_and_go_while_threads_fault() {
    survives("maps_come_and_go_while_threads_fault", || {
        let file = file_with(&pattern(8 * PAGE));
        other_handle(&file).set_len(8 * PAGE as u64).unwrap();
        let stop = AtomicBool::new(false);
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    while !stop.load(Ordering::Relaxed) {
                        let own = file_with(&pattern(4 * PAGE));
                        let map = repaired(&own);
                        other_handle(&own).set_len(0).unwrap();
                        for page in 0..4 {
                            assert_eq!(look(&map, page * PAGE), 0);
                        }
                        assert_eq!(map.damage(), Some(0));
                    }
                });
            }
            scope.spawn(|| {
                start.wait();
                while !stop.load(Ordering::Relaxed) {
                    let maps: Vec<Map> = (0..200).map(|_| repaired(&file)).collect();
                    assert!(maps.iter().all(|map| map.get(5).unwrap() == 5));
                }
            });
            start.wait();
            std::thread::sleep(std::time::Duration::from_millis(300));
            stop.store(true, Ordering::Relaxed);
        });
    });
}

/// A page of memory at `at`, of which the system makes one mapping with zeros beside it; none if there is something already.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
struct Neighbour(*mut libc::c_void);

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
impl Neighbour {
    fn at(at: *const u8) -> Option<Neighbour> {
        let at = at.cast_mut().cast();
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: a new mapping, which replaces none.
        let got = unsafe { libc::mmap(at, PAGE, protection, flags, -1, 0) };
        (got == at).then_some(Neighbour(at))
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
impl Drop for Neighbour {
    fn drop(&mut self) {
        // SAFETY: mapped by `at`, and used by nobody.
        unsafe { libc::munmap(self.0, PAGE) };
    }
}

/// With as many mappings more as `more` says, as it matters whether one is left at the end or none.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn meets_the_limit(pages: usize, more: usize) {
    let _more: Vec<Map> = (0..more).map(|_| Options::new().len(PAGE).anonymous().unwrap()).collect();
    let file = file_with(b"");
    let other = other_handle(&file);
    other.set_len((pages * PAGE) as u64).unwrap();
    let map = repaired(&file);
    let ends = [map.as_ptr().wrapping_sub(PAGE), map.as_ptr().wrapping_add(pages * PAGE)];
    let neighbours = ends.map(Neighbour::at);
    assert!(neighbours.iter().any(Option::is_some), "nothing can be put beside the map");
    other.set_len(0).unwrap();
    // The pages at both ends first.
    let places = [0, pages - 1].into_iter().chain((2..pages - 2).step_by(2)).chain((1..pages).step_by(2));
    // SAFETY: no conditions; below a variable of this thread's.
    let number = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { number.write(libc::EXFULL) };
    assert!(places.map(|page| page * PAGE).all(|at| look(&map, at) == 0));
    // SAFETY: as above.
    assert_eq!(unsafe { number.read() }, libc::EXFULL, "the interrupted code finds an error that is not its own");
    other.set_len((pages * PAGE) as u64).unwrap();
    map.restore().unwrap();
    map.set(0, 1).unwrap();
    assert_eq!(map.get(0).unwrap(), 1);
}

#[test]
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn the_limit_of_mappings_is_survived_beside_memory_of_others() {
    survives("the_limit_of_mappings_is_survived_beside_memory_of_others", || {
        let limit = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
        let pages = limit.trim().parse::<usize>().unwrap() + 1000;
        if pages > 200_000 {
            return println!("skipped: nobody reaches a limit of {pages} mappings");
        }
        [0, 1].into_iter().for_each(|more| meets_the_limit(pages, more));
    });
}
