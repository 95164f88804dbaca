//! Stores of threads beside commits: none is lost.

#![allow(unsafe_code)]
#![allow(clippy::single_range_in_vec_init)] // The ranges are compared.

use std::{
    fs,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Folder,
    buffers::{append_as_another_program, open},
};
use crate::{Error, Map, Result, page_size, sys::fork, transaction::backend::steps};

const THREADS: usize = 6;
/// Each thread has a word in each of this many pages.
const PAGES: usize = 3;

fn place(thread: usize, page: usize) -> usize {
    page * 4096 + 64 * thread
}

fn word(bytes: &[u8], thread: usize, page: usize) -> u64 {
    let at = place(thread, page);
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Stores `value` in one of several ways.
type Store = fn(&Map, u64, usize);

const CALLS: [Store; THREADS] = [
    |map, value, at| map.store(value, at).unwrap(),
    |map, value, at| map.write_at(&value.to_ne_bytes(), at).unwrap(),
    |map, value, at| map.view(at..at + 8).unwrap().store(value, 0).unwrap(),
    |map, value, at| map.view(at..).unwrap().copy_from(&value.to_ne_bytes(), 0).unwrap(),
    |map, value, at| map.scatter(&value.to_ne_bytes(), at, 1).unwrap(),
    |map, value, at| map.store_le(value.to_le(), at).unwrap(),
];

fn by_pointer(map: &Map, value: u64, at: usize) {
    let to = map.as_ptr().cast_mut().wrapping_add(at).cast::<u64>();
    // SAFETY: an aligned word of the map, to which only this thread stores.
    unsafe { to.write_volatile(value) };
}

/// Has the threads stop when it is dropped, also by a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Runs threads that count in their words, while this one calls `commit`. A thread finds in its
/// words what it has stored. After each commit the file has at least the numbers that were complete
/// before it, and at the end it has the last ones.
fn count(folder: &Folder, stores: [Store; THREADS], map: &Map, mut commit: impl FnMut(&Map)) {
    let stop = AtomicBool::new(false);
    let done: Vec<AtomicU64> = (0..THREADS).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for (number, store) in stores.into_iter().enumerate() {
            let (stop, done) = (&stop, &done[number]);
            scope.spawn(move || {
                for value in 1.. {
                    (0..PAGES).for_each(|page| store(map, value, place(number, page)));
                    let found = [0, 1, 2].map(|page| map.load::<u64>(place(number, page)).unwrap());
                    assert_eq!(found, [value; PAGES], "thread {number} lost a store");
                    done.store(value, SeqCst);
                    if stop.load(SeqCst) {
                        break;
                    }
                }
            });
        }
        let _stop = Stop(&stop);
        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            let before: Vec<u64> = done.iter().map(|done| done.load(SeqCst)).collect();
            commit(map);
            ensure(folder, |number, value| value >= before[number]);
        }
    });
    commit(map);
    ensure(folder, |number, value| value == done[number].load(SeqCst));
}

fn ensure(folder: &Folder, holds: impl Fn(usize, u64) -> bool) {
    let file = fs::read(folder.data()).unwrap();
    for number in 0..THREADS {
        for page in 0..PAGES {
            let value = word(&file, number, page);
            assert!(holds(number, value), "thread {number} lost a store: {value}");
        }
    }
}

#[test]
fn no_store_by_a_call_is_lost() {
    let folder = Folder::in_memory(&[0; 5 * 4096]);
    let map = open(&folder, 0);
    count(&folder, CALLS, &map, |map| map.commit().unwrap());
}

#[test]
fn no_store_to_a_buffer_is_lost() {
    let folder = Folder::in_memory(&[0; 5 * 4096]);
    let map = open(&folder, 0);
    map.count_loan().unwrap();
    count(&folder, [by_pointer; THREADS], &map, |map| map.commit().unwrap());
    map.end_loan();
    map.set(1, 5 * 4096 - 1).unwrap();
    map.commit().unwrap();
    ensure(&folder, |_, value| value > 0);
}

#[test]
fn no_store_is_lost_beside_short_loans() {
    let folder = Folder::in_memory(&[0; 5 * 4096]);
    let map = open(&folder, 0);
    // Each store has another buffer.
    let lent: Store = |map, value, at| {
        map.count_loan().unwrap();
        by_pointer(map, value, at);
        map.end_loan();
    };
    let [a, b, c, ..] = CALLS;
    count(&folder, [a, b, c, lent, lent, lent], &map, |map| map.commit().unwrap());
}

/// The commit has copied pages, and is about to drop them.
#[test]
fn what_is_stored_while_a_commit_is_synced_is_kept_for_the_next_one() {
    let folder = Folder::in_memory(&vec![0; 13 * page_size()]);
    let map = Arc::new(open(&folder, 30 * page_size()));
    let at = |page| page * page_size() + 9;
    // A page that is dropped with those beside it, one that is dropped alone, and a new one.
    for stored in [1, 12, 20] {
        [0, 2, 12].into_iter().for_each(|page| map.set(stored as u8, at(page)).unwrap());
        map.append(&vec![1; 3 * page_size()]).unwrap();
        let other = Arc::clone(&map);
        steps::interrupt_sync(move || other.set(200, at(stored)).unwrap());
        map.commit().unwrap();
        assert_eq!(map.changed().unwrap(), [at(stored)..at(stored) + 1]);
        assert_ne!(fs::read(folder.data()).unwrap()[at(stored)], 200);
        map.commit().unwrap();
        assert_eq!(fs::read(folder.data()).unwrap()[at(stored)], 200);
    }
}

#[test]
fn a_buffer_is_not_exported_while_a_commit_copies_or_drops_pages() {
    let folder = Folder::in_memory(&[0; 4096]);
    let map = open(&folder, 0);
    let (_, changes) = map.changes("commit").unwrap();
    thread::scope(|scope| {
        // Dropped before the threads are joined, also by a panic.
        let closed = changes.close_gate("commit").unwrap();
        let lent = scope.spawn(|| map.count_loan().unwrap());
        let pointed = scope.spawn(|| {
            let _ = map.as_mut_ptr();
        });
        thread::sleep(Duration::from_millis(50));
        assert!(!lent.is_finished() && !pointed.is_finished() && !changes.is_exported());
        drop(closed);
    });
    assert!(changes.is_exported());
    map.end_loan();
}

#[test]
fn no_store_is_lost_beside_growth_and_moves() {
    let folder = Folder::in_memory(&[0; 5 * 4096]);
    let map = open(&folder, 6 * 4096);
    let mut rounds = 0;
    count(&folder, CALLS, &map, |map| {
        rounds += 1;
        map.append(&[7; 3000]).unwrap();
        map.commit().unwrap();
        match map.resize(map.len() + 5000 * (rounds % 2)) {
            Ok(()) | Err(Error::Pending { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    });
}

#[test]
fn a_thread_that_reads_may_store_while_another_one_waits_to_commit() {
    let folder = Folder::in_memory(&[0; 5 * 4096]);
    let map = open(&folder, 0);
    let reading = map.reading().unwrap();
    assert!(matches!(map.commit(), Err(Error::WouldDeadlock { call: "commit" })));
    map.set(1, 0).unwrap();
    thread::scope(|scope| {
        let commit = scope.spawn(|| map.commit());
        thread::sleep(Duration::from_millis(30));
        assert!(!commit.is_finished());
        map.set(2, 1).unwrap();
        map.append(b"more").unwrap();
        assert_eq!(fs::read(folder.data()).unwrap(), [0; 5 * 4096]);
        drop(reading);
        commit.join().unwrap().unwrap();
    });
    assert_eq!(fs::read(folder.data()).unwrap()[..2], [1, 2]);
}

#[test]
fn a_commit_has_what_its_thread_has_stored_to_a_page_that_another_one_notes() {
    let folder = Folder::in_memory(&[0; 4096]);
    let (map, path) = (Arc::new(open(&folder, 0)), folder.data());
    let (sender, receiver) = mpsc::channel();
    let mut other = Some((Arc::clone(&map), sender));
    let commit_beside = move || {
        let Some((map, sender)) = other.take() else { return };
        let path = path.clone();
        thread::spawn(move || {
            map.set(7, 64).unwrap();
            map.commit().unwrap();
            sender.send(fs::read(path).unwrap()[64]).unwrap();
        });
        // The other thread stores, and may have to wait for this one.
        thread::sleep(Duration::from_millis(100));
    };
    fork::steps::at_each(commit_beside, || map.set(1, 8).unwrap());
    assert_eq!(receiver.recv().unwrap(), 7);
}

/// As a signal handler does that interrupts a store, while another thread commits.
#[test]
fn a_store_inside_a_store_does_not_wait_for_a_commit_that_waits_for_it() {
    for others in [0, 4] {
        let folder = Folder::in_memory(&[0; 4096]);
        let map = open(&folder, 0);
        // They have the slots.
        let all = Barrier::new(others + 1);
        thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(|| {
                    map.set(1, 0).unwrap();
                    all.wait();
                });
            }
            all.wait();
            map.set(1, 0).unwrap();
            let inside = map.pass_gate("set").unwrap();
            let commit = scope.spawn(|| map.commit());
            while !map.is_gate_closed() {
                thread::yield_now();
            }
            let nested = map.set(2, 0);
            drop(inside);
            commit.join().unwrap().unwrap();
            assert!(matches!(nested, Err(Error::WouldDeadlock { call: "set" })), "{nested:?}");
        });
        map.set(3, 0).unwrap();
    }
}

/// Refreshes the map while another thread stores to it, and a third one has locked the regions, so
/// that the refresh cannot end. Returns the results of both.
fn store_beside_refresh(map: &Map, value: u8, at: usize) -> (Result<()>, Result<usize>) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let storing = scope.spawn(|| {
            let end = Instant::now() + Duration::from_millis(3);
            while !map.is_gate_closed() && Instant::now() < end {
                thread::yield_now();
            }
            map.set(value, at)
        });
        scope.spawn(|| {
            while !done.load(SeqCst) {
                let locked = map.lock_regions();
                thread::sleep(Duration::from_millis(3));
                drop(locked);
                thread::sleep(Duration::from_micros(20));
            }
        });
        thread::sleep(Duration::from_millis(1));
        let refreshed = map.refresh();
        done.store(true, SeqCst);
        (storing.join().unwrap(), refreshed)
    })
}

/// The store comes at the first step at which the gate is open.
#[test]
fn a_refresh_that_lengthens_the_map_keeps_what_is_stored_beside_it() {
    let at = 2 * page_size();
    let folder = Folder::in_memory(&[0; 100]);
    let map = Arc::new(open(&folder, 1 << 20));
    // The buffer keeps the pages by which the map has grown.
    map.count_loan().unwrap();
    map.append(&vec![1; 3 * page_size()]).unwrap();
    map.commit().unwrap();
    map.end_loan();
    append_as_another_program(&folder, &[2; 9]);
    let (other, mut is_stored) = (Arc::clone(&map), false);
    let store = move || is_stored = is_stored || other.set(7, at).is_ok();
    fork::steps::at_each(store, || assert_eq!(map.refresh().unwrap(), 109 + 3 * page_size()));
    assert_eq!(map.get(at).unwrap(), 7);
    assert_eq!(map.changed().unwrap(), [at..at + 1]);
    map.commit().unwrap();
    assert!(map.to_vec(..).unwrap() == fs::read(folder.data()).unwrap());
}

#[test]
fn no_store_is_lost_beside_a_refresh_that_shortens_the_map() {
    for _ in 0..20 {
        let folder = Folder::in_memory(&[0; 4000]);
        let map = open(&folder, 0);
        fs::File::options().write(true).open(folder.data()).unwrap().set_len(1000).unwrap();
        match store_beside_refresh(&map, 7, 3000) {
            (Err(Error::OutOfBounds { .. }), Ok(1000)) => {}
            (Ok(()), Err(Error::Pending { .. })) => assert_eq!(map.get(3000).unwrap(), 7),
            results => panic!("{results:?}"),
        }
    }
}

/// Nothing is noted then.
#[test]
fn a_map_is_not_shortened_under_what_a_buffer_has_stored() {
    let folder = Folder::in_memory(&[0; 4000]);
    let map = open(&folder, 0);
    map.count_loan().unwrap();
    by_pointer(&map, 7, 800);
    map.end_loan();
    fs::File::options().write(true).open(folder.data()).unwrap().set_len(1000).unwrap();
    let refreshed = map.refresh();
    assert!(matches!(refreshed, Err(Error::Pending { call: "refresh" })), "{refreshed:?}");
    map.rollback().unwrap();
    assert_eq!(map.refresh().unwrap(), 1000);
}
