//! Waiting until a word changes, between threads and processes.
#![forbid(unsafe_code)]
#![cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(safemap_portable)))]

use std::{
    sync::atomic::Ordering::{Acquire, Release, SeqCst},
    thread,
    time::{Duration, Instant},
};

use safemap::{
    Access, Error, Map, Options, Sharing,
    ipc::{Spin, Waited},
};
use safemap_testing::{PAGE, TempFile, can_truncate_mapped, succeeds_in_child};

const SPINS: [Spin; 3] = [Spin::Learn, Spin::Never, Spin::Always];
const LONG: Option<Duration> = Some(Duration::from_secs(20));

fn shared(spin: Spin) -> Map {
    Options::new().len(PAGE).sharing(Sharing::Shared).spin(spin).anonymous().unwrap()
}

#[test]
fn a_word_that_is_not_the_expected_one_ends_the_wait_at_once() {
    for spin in SPINS {
        assert_eq!(shared(spin).wait(4, 1, None).unwrap(), Waited::Changed);
    }
}

#[test]
fn a_wait_ends_when_its_time_has_passed() {
    for spin in SPINS {
        for time in [Duration::ZERO, Duration::from_micros(10), Duration::from_millis(30)] {
            let (map, start) = (shared(spin), Instant::now());
            assert_eq!(map.wait(0, 0, Some(time)).unwrap(), Waited::TimedOut);
            assert!(start.elapsed() >= time && start.elapsed() < Duration::from_secs(10));
        }
    }
}

/// The thread must be asleep when it is woken: no store ends the wait before.
#[test]
fn a_notified_thread_wakes_up() {
    // Without a wake-up the wait lasts for all of its time.
    let polls = !cfg!(any(target_os = "linux", target_os = "android", windows));
    let time = if polls { Some(Duration::from_millis(100)) } else { LONG };
    for spin in SPINS {
        let map = shared(spin);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| map.wait(8, 0, time).unwrap());
            while !waiting.is_finished() {
                map.notify(8, 1).unwrap();
                // Of a neighbour, and of no thread.
                map.notify(12, u32::MAX).unwrap();
                map.notify(8, 0).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
            let result = waiting.join().unwrap();
            assert_eq!(result, if polls { Waited::TimedOut } else { Waited::Notified });
        });
    }
}

#[test]
fn a_notification_of_no_thread_wakes_none() {
    let (map, time) = (shared(Spin::Never), Some(Duration::from_millis(100)));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| map.wait(8, 0, time).unwrap());
        while !waiting.is_finished() {
            map.notify(8, 0).unwrap();
        }
        assert_eq!(waiting.join().unwrap(), Waited::TimedOut);
    });
}

#[cfg(any(target_os = "linux", target_os = "android", windows))]
#[test]
fn a_notification_of_one_thread_wakes_one() {
    let (map, time) = (shared(Spin::Never), Some(Duration::from_millis(300)));
    thread::scope(|scope| {
        let waiting = [(); 3].map(|()| scope.spawn(|| map.wait(8, 0, time).unwrap()));
        thread::sleep(Duration::from_millis(100));
        map.notify(8, 1).unwrap();
        let results = waiting.map(|thread| thread.join().unwrap());
        let woken = results.iter().filter(|&&result| result == Waited::Notified).count();
        assert_eq!(woken, 1, "{results:?}");
    });
}

/// Two sides change one word in turn. Without timeouts, so that a lost wake-up never ends.
fn alternate(first: &Map, second: &Map, rounds: u32) {
    thread::scope(|scope| {
        for (side, map) in [first, second].into_iter().enumerate() {
            scope.spawn(move || take_turns(map, side as u32, rounds));
        }
    });
}

/// Waits for each number of one parity and stores the next one.
fn take_turns(map: &Map, side: u32, rounds: u32) {
    let word = map.atomic::<u32>(0).unwrap();
    for turn in (side..2 * rounds).step_by(2) {
        loop {
            let seen = word.load(Acquire).unwrap();
            if seen == turn {
                break;
            }
            map.wait(0, seen, None).unwrap();
        }
        word.store(turn + 1, Release).unwrap();
        map.notify(0, u32::MAX).unwrap();
    }
}

#[test]
fn no_wake_up_is_lost_between_threads() {
    succeeds_in_child(|| SPINS.into_iter().for_each(|spin| alternate_once(&shared(spin))));
}

fn alternate_once(map: &Map) {
    alternate(map, map, 5000);
    assert_eq!(map.load::<u32>(0).unwrap(), 10_000);
}

/// The offsets in the file count, not the addresses or offsets in the maps.
#[test]
fn maps_of_one_file_wake_each_other() {
    succeeds_in_child(|| {
        let file = TempFile::new(&[0; 2 * PAGE]);
        let whole = file.map();
        let mut options = Options::new();
        options.access(Access::Write).offset(PAGE as u64);
        let part = options.open(file.path()).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                part.atomic::<u32>(0).unwrap().store(1, SeqCst).unwrap();
                part.notify(0, 1).unwrap();
            });
            while whole.load::<u32>(PAGE).unwrap() == 0 {
                whole.wait(PAGE, 0, LONG).unwrap();
            }
        });
    });
}

#[cfg(unix)]
#[test]
fn no_wake_up_is_lost_between_processes() {
    use safemap_testing::process::Fork;

    for spin in SPINS {
        let file = TempFile::new(&[0; 8]);
        let turns = |side| {
            let map = Options::new().access(Access::Write).spin(spin).open(file.path()).unwrap();
            take_turns(&map, side, 3000);
            0
        };
        let sides = [0, 1].map(|side| Fork::run(|| turns(side)).unwrap());
        for side in sides {
            let status = side.wait_timeout(Duration::from_secs(60)).unwrap();
            assert!(status.is_some_and(|status| status.success()), "{spin:?}: {status:?}");
        }
        assert_eq!(file.map().load::<u32>(0).unwrap(), 6000);
    }
}

#[cfg(unix)]
#[test]
fn a_read_only_map_can_wait_and_notify() {
    let file = TempFile::new(&[0; 8]);
    let (map, writer) = (Map::open(file.path()).unwrap(), file.map());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| map.wait(4, 0, LONG).unwrap());
        thread::sleep(Duration::from_millis(20));
        writer.atomic::<u32>(4).unwrap().store(1, SeqCst).unwrap();
        while !waiting.is_finished() {
            map.notify(4, 1).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
        assert_ne!(waiting.join().unwrap(), Waited::TimedOut);
    });
}

/// A resize moves the map to other addresses while a thread sleeps on the old one.
#[cfg(unix)]
#[test]
fn a_thread_that_sleeps_while_the_map_moves_is_woken() {
    succeeds_in_child(|| {
        let map = TempFile::new(&[0; PAGE]).map();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                while map.load::<u32>(0).unwrap() == 0 {
                    map.wait(0, 0, LONG).unwrap();
                }
            });
            thread::sleep(Duration::from_millis(20));
            for pages in 2..40 {
                map.resize(pages * PAGE).unwrap();
            }
            let start = Instant::now();
            map.store(1_u32, 0).unwrap();
            map.notify(0, 1).unwrap();
            waiting.join().unwrap();
            assert!(start.elapsed() < Duration::from_secs(5));
        });
    });
}

#[test]
fn waits_on_private_maps_are_refused() {
    let file = TempFile::new(&[0; 8]);
    let copy = Options::new().access(Access::Copy).open(file.path()).unwrap();
    for map in [copy, Options::new().len(8).anonymous().unwrap()] {
        assert!(matches!(map.wait(0, 0, LONG), Err(Error::Unsupported(_))));
        assert!(matches!(map.notify(0, 1), Err(Error::Unsupported(_))));
    }
}

#[test]
fn words_out_of_bounds_or_misaligned_are_refused() {
    let map = shared(Spin::Learn);
    for (at, is_expected) in [
        (PAGE - 3, (|error| matches!(error, Error::OutOfBounds { .. })) as fn(&Error) -> bool),
        (usize::MAX, |error| matches!(error, Error::OutOfBounds { .. })),
        (2, |error| matches!(error, Error::Unaligned { .. })),
    ] {
        assert!(map.wait(at, 0, LONG).is_err_and(|error| is_expected(&error)), "{at}");
        assert!(map.notify(at, 1).is_err_and(|error| is_expected(&error)), "{at}");
    }
}

#[test]
fn a_truncated_page_is_a_fault() {
    if !can_truncate_mapped() {
        return;
    }
    for spin in SPINS {
        let file = TempFile::new(&[0; 2 * PAGE]);
        let map = Options::new().access(Access::Write).spin(spin).open(file.path()).unwrap();
        file.set_len(PAGE as u64);
        let waited = map.wait(PAGE, 0, LONG);
        assert!(matches!(waited, Err(Error::Fault { offset: PAGE })), "{waited:?}");
    }
}

/// The kernel needs the page to find the threads.
#[cfg(target_os = "linux")]
#[test]
fn a_notification_on_a_truncated_page_is_a_fault() {
    let file = TempFile::new(&[0; 2 * PAGE]);
    let map = file.map();
    file.set_len(PAGE as u64);
    let notified = map.notify(PAGE, 1);
    assert!(matches!(notified, Err(Error::Fault { offset: PAGE })), "{notified:?}");
}
