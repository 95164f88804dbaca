//! `Advice::DontFork`: a forked child does not inherit pages of a map.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

use std::{cell::RefCell, time::Duration};

use safemap::{Advice, Error, Map, Options, Protection};
use safemap_testing::{
    PAGE, TempFile, pattern,
    process::{Fork, at_fork},
    succeeds_in_child,
};

fn assert_in_fork(body: impl FnOnce()) {
    let child = Fork::run(|| {
        body();
        0
    });
    let status = child.unwrap().wait_timeout(Duration::from_secs(20)).unwrap();
    let status = status.expect("the child hung");
    assert!(status.success(), "the child ended with {status}");
}

/// Reads a byte without the library's accessors.
fn read_directly(map: &Map, at: usize) -> u8 {
    // SAFETY: `at` is in the map, whose missing pages are replaced.
    unsafe { map.as_ptr().wrapping_add(at).read_volatile() }
}

fn is_fault<T>(result: safemap::Result<T>) -> bool {
    matches!(result, Err(Error::Fault { .. }))
}

/// Calls every method that uses pages, and expects an error.
fn assert_every_call_fails(map: &Map) {
    assert!(is_fault(map.get(5)) && is_fault(map.set(1, 5)));
    assert!(is_fault(map.read_at(&mut [0; 9], 2 * PAGE)) && is_fault(map.fill(1, ..)));
    assert!(map.resize(1).is_err() && map.resize(100 * PAGE).is_err());
    assert!(map.protect(Protection::READ, ..).is_err());
    assert!(map.lock(..).is_err() && map.unlock(..).is_err());
    assert!(map.advise(Advice::DoFork, ..).is_err() && map.residency(..).is_err());
    assert!(map.is_anonymous() || map.flush().is_err());
    assert!(!map.is_anonymous() || map.set_name("a").is_err());
    assert!(is_fault(map.get(5)));
}

#[test]
fn a_child_gets_an_error_for_pages_that_it_did_not_inherit() {
    succeeds_in_child(|| {
        for map in [TempFile::new(&pattern(4 * PAGE)).map(), memory()] {
            map.advise(Advice::DontFork, ..).unwrap();
            assert_in_fork(|| {
                assert_every_call_fails(&map);
                // A child of the child does not inherit them either.
                assert_in_fork(|| assert_every_call_fails(&map));
            });
            assert_eq!(map.to_vec(..).unwrap(), pattern(4 * PAGE));
        }
    });
}

fn memory() -> Map {
    let map = Options::new().len(4 * PAGE).anonymous().unwrap();
    map.write_at(&pattern(4 * PAGE), 0).unwrap();
    map
}

#[test]
fn a_child_inherits_the_other_pages() {
    succeeds_in_child(|| {
        let map = memory();
        map.advise(Advice::DontFork, ..).unwrap();
        map.advise(Advice::DoFork, PAGE..2 * PAGE).unwrap();
        map.advise(Advice::Other(10), 3 * PAGE..).unwrap();
        assert_in_fork(|| {
            let readable: Vec<_> = (0..4).map(|page| map.get(page * PAGE).is_ok()).collect();
            assert_eq!(readable, [false, true, false, false]);
            map.protect(Protection::READ, PAGE..2 * PAGE).unwrap();
            assert_eq!(map.to_vec(PAGE..2 * PAGE).unwrap(), pattern(4 * PAGE)[PAGE..2 * PAGE]);
        });
        map.advise(Advice::DoFork, ..).unwrap();
        assert_in_fork(|| assert_eq!(map.to_vec(..).unwrap(), pattern(4 * PAGE)));
    });
}

/// A secret is covered although it does not fill its pages.
#[test]
fn a_child_does_not_inherit_pages_that_the_range_covers_in_part() {
    succeeds_in_child(|| {
        let map = memory();
        map.advise(Advice::DontFork, PAGE + 5..2 * PAGE + 1).unwrap();
        assert_in_fork(|| {
            let readable: Vec<_> = (0..4).map(|page| map.get(page * PAGE).is_ok()).collect();
            assert_eq!(readable, [true, false, false, true]);
        });
        map.advise(Advice::DoFork, PAGE + 5..2 * PAGE + 1).unwrap();
        assert_in_fork(|| assert_eq!(map.to_vec(..).unwrap(), pattern(4 * PAGE)));
    });
}

thread_local! {
    static LATER: RefCell<Vec<Map>> = const { RefCell::new(Vec::new()) };
}

/// Allocates as a library would do whose handler runs in the child before this crate's.
extern "C" fn allocate() {
    let maps = (0..64).map(|_| {
        let map = Options::new().len(4 * PAGE).anonymous().unwrap();
        map.fill(7, ..).unwrap();
        map
    });
    LATER.with_borrow_mut(|later| later.extend(maps));
}

fn assert_later_maps_are_unchanged(count: usize) {
    LATER.with_borrow(|later| {
        assert_eq!(later.len(), count);
        assert!(later.iter().all(|map| map.to_vec(..).unwrap() == vec![7; 4 * PAGE]));
    });
}

/// Registered before or after the crate's handlers, the handler of another library allocates.
fn other_memory_is_left_alone(registered_first: bool) {
    succeeds_in_child(|| {
        if registered_first {
            at_fork(None, Some(allocate));
        }
        let map = memory();
        if !registered_first {
            at_fork(None, Some(allocate));
        }
        map.advise(Advice::DontFork, ..).unwrap();
        assert_in_fork(|| {
            allocate();
            assert!(is_fault(map.fill(1, ..)));
            assert_later_maps_are_unchanged(128);
            drop(map);
            assert_later_maps_are_unchanged(128);
        });
    });
}

#[test]
fn memory_that_an_earlier_handler_allocated_in_the_child_is_left_alone() {
    other_memory_is_left_alone(true);
}

#[test]
fn memory_that_a_later_handler_allocated_in_the_child_is_left_alone() {
    other_memory_is_left_alone(false);
}

#[test]
fn regions_that_the_map_has_left_are_not_inherited_either() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(4 * PAGE));
        let map = file.map();
        map.advise(Advice::DontFork, ..).unwrap();
        let left = map.as_ptr();
        map.resize(300 * PAGE).unwrap();
        assert_ne!(map.as_ptr(), left);
        assert_in_fork(|| {
            // A move cancels the advice.
            assert_eq!(map.get(5).unwrap(), 5);
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let line = maps.lines().find(|line| line.starts_with(&format!("{:x}-", left.addr())));
            assert!(line.is_some_and(|line| line.contains("---p")), "{line:?}");
            drop(map);
        });
    });
}

#[test]
fn the_addresses_of_a_dropped_map_are_inherited_by_what_is_mapped_there_next() {
    succeeds_in_child(|| {
        let map = memory();
        map.advise(Advice::DontFork, ..).unwrap();
        let address = map.as_ptr();
        drop(map);
        let maps: Vec<_> = (0..8).map(|_| memory()).collect();
        assert!(maps.iter().any(|map| map.as_ptr() == address), "the addresses are not reused");
        assert_in_fork(|| {
            assert!(maps.iter().all(|map| map.to_vec(..).unwrap() == pattern(4 * PAGE)));
        });
    });
}

#[test]
fn pages_that_were_repaired_are_not_inherited_either() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(4 * PAGE));
        let map =
            Options::new().access(safemap::Access::Write).repair(true).open(file.path()).unwrap();
        file.set_len(PAGE as u64);
        assert_eq!(read_directly(&map, 3 * PAGE), 0);
        map.advise(Advice::DontFork, ..).unwrap();
        assert_in_fork(|| {
            file.set_len(4 * PAGE as u64);
            assert!(map.get(5).is_err() && map.resize(5 * PAGE).is_err());
            assert!(map.restore().is_err() && map.get(5).is_err());
        });
        map.restore().unwrap();
        assert_eq!(map.get(5).unwrap(), 5);
    });
}

/// Maps pages until the process has reached its limit of mappings.
fn use_up_mappings() {
    let protections = [libc::PROT_READ, libc::PROT_NONE].into_iter().cycle();
    for protection in protections {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping, which replaces no other.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return;
        }
    }
}

#[test]
fn a_child_gets_an_error_at_the_limit_of_mappings() {
    succeeds_in_child(|| {
        let (map, file) = (memory(), TempFile::new(&pattern(4 * PAGE)));
        let of_file = file.map();
        for map in [&map, &of_file] {
            map.advise(Advice::DontFork, PAGE..2 * PAGE).unwrap();
            map.advise(Advice::DontFork, 3 * PAGE..).unwrap();
        }
        use_up_mappings();
        assert_in_fork(|| {
            for map in [&map, &of_file] {
                assert!(is_fault(map.get(PAGE)) && is_fault(map.get(3 * PAGE)));
                assert_eq!(
                    map.to_vec(2 * PAGE..3 * PAGE).unwrap(),
                    pattern(4 * PAGE)[2 * PAGE..3 * PAGE]
                );
                // A child of the child does not inherit them either.
                assert_in_fork(|| assert!(is_fault(map.get(PAGE))));
            }
        });
    });
}

#[test]
fn advice_that_a_child_could_not_follow_is_refused() {
    succeeds_in_child(|| {
        let map = memory();
        use_up_mappings();
        assert!(matches!(map.advise(Advice::DontFork, ..PAGE), Err(Error::Os { .. })));
    });
}
