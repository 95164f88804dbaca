//! Forks beside threads that resize: the child finds its maps whole, and no lock held by somebody who is not there.
#![cfg(unix)]
#![allow(unsafe_code)] // The standard library has no fork.

mod support;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use safemap::{Error, Map, Options};
use support::{PAGE, file_with, other_handle, pattern, survives, writable};

/// Runs `body` in a forked child and returns whether it ended well, and in time.
fn forked(body: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `body` and ends without unwinding into what the parent's threads hold.
    match unsafe { libc::fork() } {
        0 => {
            let code = if body() { 0 } else { 1 };
            // SAFETY: ends the process at once, without the parent's handlers.
            unsafe { libc::_exit(code) }
        }
        child => ends_well(child),
    }
}

fn ends_well(child: libc::pid_t) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    let mut status = 0;
    while Instant::now() < end {
        // SAFETY: `status` is there to be filled.
        if unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == child {
            return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        }
        std::thread::yield_now();
    }
    // SAFETY: the child exists: it was not waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    false
}

fn forks_beside_resizes(map: &Map) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                map.resize(8 * PAGE + usize::wrapping_mul(round, 7919) % (1 << 21)).unwrap();
            }
        });
        for round in 0..60 {
            let whole = forked(|| {
                let seen = map.to_vec(..8 * PAGE).is_ok_and(|bytes| bytes == pattern(8 * PAGE));
                seen && (map.resize(1 << 22).is_ok() && map.set((1 << 22) - 1, 1).is_ok())
            });
            if !whole {
                stop.store(true, Ordering::Relaxed);
                panic!("the child of round {round} hung or found other bytes");
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_child_finds_private_memory_whole() {
    survives("a_child_finds_private_memory_whole", || {
        let map = Options::new().len(8 * PAGE).anonymous().unwrap();
        map.write_at(&pattern(8 * PAGE), 0).unwrap();
        forks_beside_resizes(&map);
    });
}

#[test]
fn a_child_can_use_the_map_of_a_file() {
    survives("a_child_can_use_the_map_of_a_file", || {
        let file = file_with(&pattern(8 * PAGE));
        let map = writable(&file);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    map.resize(8 * PAGE).unwrap();
                    map.resize(80 * PAGE).unwrap();
                }
            });
            let all_well =
                (0..60).all(|_| forked(|| map.get(5).is_ok_and(|byte| byte == 5) && map.resize(9 * PAGE).is_ok()));
            stop.store(true, Ordering::Relaxed);
            assert!(all_well);
        });
    });
}

#[test]
fn a_child_takes_a_fault_as_its_parent_does() {
    survives("a_child_takes_a_fault_as_its_parent_does", || {
        let file = file_with(&pattern(8 * PAGE));
        let map = writable(&file);
        other_handle(&file).set_len(0).unwrap();
        assert!(forked(|| matches!(map.get(5), Err(Error::Fault { offset: 5 }))));
        assert!(matches!(map.get(5), Err(Error::Fault { offset: 5 })));
    });
}
