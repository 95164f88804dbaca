//! Forks at every step of a resize. Each child finds the old length or the new one, the bytes, and
//! the protection.

use std::{cell::Cell, rc::Rc};

use crate::{
    Access, Map, Options, page_size,
    sys::fork::steps::{self, holds_in_fork},
};

/// Whether the map has one of the lengths, the bytes of `expected` as far as it reaches, and can be
/// written and resized.
fn is_consistent(map: &Map, lens: [usize; 2], expected: &[u8]) -> bool {
    let len = map.len();
    let kept = len.min(lens[0]).min(lens[1]);
    // The first call: it may have to make the memory accessible again.
    let is_writable = map.set(expected[0], 0).is_ok();
    let bytes = map.to_vec(..).or_else(|fault| {
        // The parent has cut the file before it changes the length of the map.
        if map.is_anonymous() { Err(fault) } else { map.to_vec(..kept) }
    });
    let is_kept = bytes.unwrap()[..kept] == expected[..kept] && map.capacity() >= len;
    let larger = lens[0].max(lens[1]) + 3 * page_size();
    let grows = map.resize(larger).is_ok() && map.set(1, larger - 1).is_ok();
    let behind = map.to_vec(len..larger - 1).unwrap();
    let are_zeros = behind.iter().all(|&byte| byte == 0);
    lens.contains(&len) && is_kept && is_writable && grows && are_zeros
}

/// Resizes the map, forks at each step, and in each child forks again at each step of its first
/// call.
fn fork_at_every_step(make: impl Fn() -> Map, from: usize, to: usize) {
    let map = Rc::new(make());
    let expected: Rc<Vec<u8>> = Rc::new((0..from).map(|i| (i % 251) as u8).collect());
    map.write_at(&expected, 0).unwrap();
    let count = Rc::new(Cell::new(0));
    let fork = {
        let (map, expected, count) = (Rc::clone(&map), Rc::clone(&expected), Rc::clone(&count));
        move || {
            count.set(count.get() + 1);
            let lens = [from, to];
            assert!(
                holds_in_fork(|| {
                    let (map, expected) = (Rc::clone(&map), Rc::clone(&expected));
                    let again = {
                        let map = Rc::clone(&map);
                        move || {
                            assert!(holds_in_fork(|| map.set(0, 0).is_ok() && map.capacity() > 0));
                        }
                    };
                    let mut holds = false;
                    steps::at_each(again, || holds = is_consistent(&map, lens, &expected));
                    holds
                }),
                "step {} from {from} to {to}",
                count.get()
            );
        }
    };
    steps::at_each(fork, || map.resize(to).unwrap());
    assert!(count.get() > 0 && is_consistent(&map, [from, to], &expected));
}

fn memory(len: usize) -> Map {
    Options::new().len(len).anonymous().unwrap()
}

fn file(len: usize) -> Map {
    let file = tempfile::tempfile().unwrap();
    Options::new().access(Access::Write).len(len).extend(true).map(&file).unwrap()
}

#[test]
fn a_child_is_consistent_at_every_step_of_moving_private_memory() {
    let page = page_size();
    fork_at_every_step(|| memory(2 * page), 2 * page, 9 * page);
    fork_at_every_step(|| memory(2 * page + 7), 2 * page + 7, 300 * page);
}

#[test]
fn a_child_is_consistent_at_every_step_of_shrinking_private_memory() {
    let page = page_size();
    fork_at_every_step(|| memory(5 * page), 5 * page, page + 5);
    fork_at_every_step(|| memory(5 * page), 5 * page, 4 * page);
}

/// The file is the parent's as well, so the child must not write or resize it.
fn is_a_consistent_view(map: &Map, lens: [usize; 2], expected: &[u8]) -> bool {
    let kept = lens[0].min(lens[1]);
    let bytes = map.to_vec(..kept);
    lens.contains(&map.len())
        && map.capacity() >= map.len()
        && bytes.is_ok_and(|bytes| bytes == expected[..kept])
}

#[test]
fn a_child_is_consistent_at_every_step_of_resizing_a_file() {
    let page = page_size();
    for [from, to] in [[2, 3], [3, 2], [2, 80], [5, 0]].map(|pair| pair.map(|pages| pages * page)) {
        let map = Rc::new(file(from));
        let expected: Vec<u8> = (0..from).map(|i| (i % 251) as u8).collect();
        map.write_at(&expected, 0).unwrap();
        let fork = {
            let map = Rc::clone(&map);
            move || assert!(holds_in_fork(|| is_a_consistent_view(&map, [from, to], &expected)))
        };
        steps::at_each(fork, || map.resize(to).unwrap());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_never_reads_pages_that_it_did_not_inherit() {
    let page = page_size();
    let map = Rc::new(memory(2 * page));
    map.fill(7, ..).unwrap();
    map.advise(crate::Advice::DontFork, ..page).unwrap();
    let fork = {
        let map = Rc::clone(&map);
        move || {
            // A move cancels the advice.
            let is_right = || matches!(map.get(0), Ok(7) | Err(crate::Error::Fault { offset: 0 }));
            let inherits_rest = || map.get(page).unwrap() == 7 && map.set(8, page).is_ok();
            assert!(holds_in_fork(|| is_right() && inherits_rest() && is_right()));
        }
    };
    steps::at_each(fork, || map.resize(9 * page).unwrap());
}

/// Appends by `append` to a map of two pages, and forks at each step. Returns whether each child
/// has the old length or the new one, changes no length, and finds no zeros in the file.
fn holds_at_each_step_of_appending(append: impl Fn(&Map, &[u8])) -> bool {
    let (page, file) = (page_size(), tempfile::tempfile().unwrap());
    let mut options = Options::new();
    let map = options.access(Access::Write).len(2 * page).extend(true).map(&file).unwrap();
    map.fill(1, ..).unwrap();
    let (map, holds) = (Rc::new(map), Rc::new(Cell::new(true)));
    let lens = [2 * page, 6 * page];
    let fork = {
        let (map, holds) = (Rc::clone(&map), Rc::clone(&holds));
        let shown = Options::new().map(&file).unwrap();
        move || {
            let file_len = shown.refresh().unwrap();
            let is_written = || shown.to_vec(..).unwrap().iter().all(|&byte| byte == 1);
            let is_kept = || {
                let is_old_or_new = lens.contains(&map.len()) && map.capacity() >= map.len();
                let is_readable = map.to_vec(..).unwrap().iter().all(|&byte| byte == 1);
                is_old_or_new && is_readable && map.file_len().unwrap() == file_len as u64
            };
            // In the child the lock of the parent's thread is void.
            let may_append = || map.append(b"").is_ok() == (map.len() == file_len);
            let child = holds_in_fork(|| is_kept() && may_append());
            holds.set(holds.get() && child && is_written());
        }
    };
    steps::at_each(fork, || append(&map, &vec![1; 4 * page]));
    assert_eq!((map.len(), map.file_len().unwrap()), (lens[1], lens[1] as u64));
    holds.get()
}

#[test]
fn a_child_is_consistent_at_every_step_of_appending() {
    assert!(holds_at_each_step_of_appending(|map, bytes| {
        map.append(bytes).unwrap();
    }));
}

/// The control.
#[test]
fn growing_before_writing_shows_zeros() {
    assert!(!holds_at_each_step_of_appending(|map, bytes| {
        let end = map.len();
        map.resize(end + bytes.len()).unwrap();
        map.write_at(bytes, end).unwrap();
    }));
}
