//! Forks while another thread uses a map. The child must find consistent maps and no lock held by a
//! thread that does not exist there.
#![cfg(unix)]
#![forbid(unsafe_code)]

use std::time::Duration;

use safemap::{Error, Map, Options};
use safemap_testing::{PAGE, Stop, TempFile, pattern, process::Fork, succeeds_in_child};

/// Runs `body` in a forked child and returns whether it returned true within 20 seconds.
fn holds_in_fork(body: impl FnOnce() -> bool) -> bool {
    let child = Fork::run(|| i32::from(!body())).unwrap();
    child.wait_timeout(Duration::from_secs(20)).unwrap().is_some_and(|status| status.success())
}

/// Forks 60 times while another thread calls `work`. `holds` has to be true in each child.
fn fork_beside(work: impl Fn(usize) + Sync, holds: impl Fn() -> bool) {
    let stop = Stop::default();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..).take_while(|_| !stop.is_set()).for_each(&work));
        let _stop = stop.set_on_drop();
        for round in 0..60 {
            assert!(holds_in_fork(&holds), "the child of round {round} hung or found other bytes");
        }
    });
}

#[test]
fn a_child_finds_private_memory_unchanged() {
    succeeds_in_child(|| {
        let map = Options::new().len(8 * PAGE).anonymous().unwrap();
        map.write_at(&pattern(8 * PAGE), 0).unwrap();
        let resize =
            |round: usize| map.resize(8 * PAGE + round.wrapping_mul(7919) % (1 << 21)).unwrap();
        fork_beside(resize, || {
            let unchanged = map.to_vec(..8 * PAGE).is_ok_and(|bytes| bytes == pattern(8 * PAGE));
            unchanged && map.resize(1 << 22).is_ok() && map.set((1 << 22) - 1, 1).is_ok()
        });
    });
}

#[test]
fn a_child_can_use_the_map_of_a_file() {
    succeeds_in_child(|| {
        let map = TempFile::new(&pattern(8 * PAGE)).map();
        let resize = |_| [8, 80].into_iter().for_each(|pages| map.resize(pages * PAGE).unwrap());
        fork_beside(resize, || {
            map.get(5).is_ok_and(|byte| byte == 5) && map.resize(9 * PAGE).is_ok()
        });
    });
}

#[test]
fn a_fault_in_a_child_is_an_error_as_in_its_parent() {
    succeeds_in_child(|| {
        let file = TempFile::new(&pattern(8 * PAGE));
        let map = file.map();
        file.set_len(0);
        let faults = |map: &Map| matches!(map.get(5), Err(Error::Fault { offset: 5 }));
        assert!(holds_in_fork(|| faults(&map)));
        assert!(faults(&map));
    });
}
