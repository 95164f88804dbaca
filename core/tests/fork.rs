//! Forks while another thread uses a map. The child must find consistent maps and no lock held by a
//! thread that does not exist there.
#![cfg(unix)]
#![forbid(unsafe_code)]

use std::time::Duration;

use safemap::{Advice, Error, Map, Options};
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
            unchanged && map.resize(1 << 22).is_ok() && map.set(1, (1 << 22) - 1).is_ok()
        });
    });
}

/// A fork may come while the memory is being moved away from the address that the view has.
#[test]
fn a_child_can_use_a_view_of_memory_that_moves() {
    succeeds_in_child(|| {
        let map = Options::new().len(8 * PAGE).anonymous().unwrap();
        map.write_at(&pattern(8 * PAGE), 0).unwrap();
        let stop = Stop::default();
        std::thread::scope(|scope| {
            let sizes = (0..).map(|round: usize| 8 * PAGE + round.wrapping_mul(7919) % (1 << 21));
            scope.spawn(|| {
                sizes.take_while(|_| !stop.is_set()).for_each(|len| map.resize(len).unwrap());
            });
            let _stop = stop.set_on_drop();
            for round in 0..60 {
                let view = map.view(PAGE..8 * PAGE).unwrap();
                let holds = holds_in_fork(|| {
                    let mut bytes = vec![0; 7 * PAGE];
                    view.copy_to(&mut bytes, 0).unwrap();
                    view.set(77, 3).unwrap();
                    bytes == pattern(8 * PAGE)[PAGE..] && map.get(PAGE + 3).unwrap() == 77
                });
                assert!(holds, "the child of round {round} hung or found other bytes");
                assert_eq!(view.get(3).unwrap(), pattern(8 * PAGE)[PAGE + 3]);
            }
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

/// Runs `call` on stalled memory in another thread, and forks while it waits.
#[cfg(target_os = "linux")]
fn fork_beside_stalled(call: impl Fn(&Map) + Sync) {
    use safemap_testing::Stalled;

    let map = Options::new().len(8 * PAGE).anonymous().unwrap();
    map.set(5, 0).unwrap();
    let rest = map.as_ptr().wrapping_add(PAGE);
    let Ok(stalled) = Stalled::new(rest, 7 * PAGE) else {
        println!("skipped: this process may not use userfaultfd");
        return;
    };
    std::thread::scope(|scope| {
        scope.spawn(|| call(&map));
        stalled.wait_for_call();
        let (forked, is_forked) = std::sync::mpsc::channel();
        scope.spawn(move || {
            // Ends the call, and thereby a fork that waits for it.
            let in_time = is_forked.recv_timeout(Duration::from_secs(5));
            drop(stalled);
            in_time.expect("the fork waited for the call");
        });
        let holds = holds_in_fork(|| {
            map.get(0).is_ok_and(|byte| byte == 5)
                && map.set(6, 0).is_ok()
                && [8 * PAGE, 64 * PAGE].contains(&map.len())
                && map.resize(9 * PAGE).is_ok()
                && map.set(1, 8 * PAGE).is_ok()
                && map.to_vec(..).is_ok()
        });
        let _ = forked.send(());
        assert!(holds, "the child hung or could not use the map");
    });
    assert_eq!(map.get(0).unwrap(), 5);
}

#[cfg(target_os = "linux")]
#[test]
fn a_fork_waits_for_no_call_that_touches_storage() {
    succeeds_in_child(|| {
        fork_beside_stalled(|map| map.lock(..).unwrap());
        fork_beside_stalled(|map| map.advise(Advice::PopulateRead, ..).unwrap());
        // Moves the memory, and waits while it copies the bytes.
        fork_beside_stalled(|map| map.resize(64 * PAGE).unwrap());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_forked_child_refuses_the_seal_until_it_ends() {
    succeeds_in_child(|| {
        let map = Options::new().len(3 * PAGE).memfd("test").unwrap();
        map.write_at(&pattern(3 * PAGE), 0).unwrap();
        let (reader, writer) = safemap_testing::pipe().unwrap();
        let child = Fork::run(|| {
            let mut byte = [0];
            i32::from(std::io::Read::read_exact(&mut &reader, &mut byte).is_err())
        });
        let (error, map) = map.seal().expect_err("the child has the map");
        // The child ends before anything can panic here.
        let written = map.set(200, 0).and_then(|()| map.get(0));
        std::io::Write::write_all(&mut &writer, b"x").unwrap();
        assert!(child.unwrap().wait().unwrap().success());
        let Error::Os { call: "seal", source } = error else { panic!("{error}") };
        assert_eq!(source.kind(), std::io::ErrorKind::ResourceBusy);
        assert_eq!(written.unwrap(), 200);
        let bytes = map.seal().unwrap();
        assert!(bytes[0] == 200 && bytes[1..] == pattern(3 * PAGE)[1..]);
    });
}

/// The advice of the map is void for the slice.
#[cfg(target_os = "linux")]
#[test]
fn a_sealed_slice_is_whole_in_a_child() {
    succeeds_in_child(|| {
        let map = Options::new().len(3 * PAGE).memfd("test").unwrap();
        map.write_at(&pattern(3 * PAGE), 0).unwrap();
        map.advise(Advice::DontFork, ..PAGE).unwrap();
        let bytes = map.seal().unwrap();
        assert!(holds_in_fork(|| *bytes == *pattern(3 * PAGE)));
    });
}
