//! Transactional maps whose memory code outside the library has, as buffers or as a pointer.

#![allow(unsafe_code)]
#![allow(clippy::single_range_in_vec_init)] // The ranges are compared.

use std::{fs, os::unix::fs::FileExt};

use super::Folder;
use crate::{Access, Error, Map, Options, page_size};

pub(super) fn open(folder: &Folder, reserve: usize) -> Map {
    let mut options = Options::new();
    options.access(Access::Write).transactional(true).reserve(reserve);
    options.open(folder.data()).unwrap()
}

/// Stores as the owner of a buffer does.
fn store(map: &Map, bytes: &[u8], at: usize) {
    assert!(at + bytes.len() <= map.len());
    let to = map.as_ptr().cast_mut().wrapping_add(at);
    // SAFETY: the bytes lie in the map, and nothing else accesses them at this moment.
    unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// A map, how many buffers of it there are, and what it should have.
struct World {
    folder: Folder,
    map: Map,
    loans: usize,
    committed: Vec<u8>,
    pending: Vec<u8>,
    random: fastrand::Rng,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let committed: Vec<u8> = (0..random.usize(0..5 * page_size())).map(|at| at as u8).collect();
        let folder = Folder::with(&committed);
        let map = open(&folder, 50 * page_size());
        World { folder, map, loans: 0, pending: committed.clone(), committed, random }
    }

    fn some_bytes(&mut self) -> Vec<u8> {
        let max = [3, 100, 2 * page_size()][self.random.usize(0..3)];
        (0..self.random.usize(0..max)).map(|_| self.random.u8(..)).collect()
    }

    fn step(&mut self) {
        let bytes = self.some_bytes();
        let at = self.random.usize(0..=self.pending.len());
        match self.random.u8(0..12) {
            0 => {
                self.map.count_loan().unwrap();
                self.loans += 1;
            }
            1 if self.loans > 0 => {
                self.map.end_loan();
                self.loans -= 1;
            }
            2..=5 => {
                let bytes = &bytes[..bytes.len().min(self.pending.len() - at)];
                match self.loans {
                    0 => self.map.write_at(bytes, at).unwrap(),
                    _ => store(&self.map, bytes, at),
                }
                self.pending[at..at + bytes.len()].copy_from_slice(bytes);
            }
            6 if self.pending.len() < 30 * page_size() => {
                self.map.append(&bytes).unwrap();
                self.pending.extend(bytes);
            }
            7 | 8 => {
                self.map.commit().unwrap();
                self.committed = self.pending.clone();
                assert!(fs::read(self.folder.data()).unwrap() == self.committed);
            }
            9 => {
                self.map.rollback().unwrap();
                self.pending = self.committed.clone();
            }
            10 => self.resize(at),
            _ => self.block(&bytes),
        }
        assert!(self.map.to_vec(..).unwrap() == self.pending);
    }

    fn resize(&mut self, at: usize) {
        let new_len = if self.random.bool() { at } else { self.pending.len() + at / 3 };
        let result = self.map.resize(new_len.min(35 * page_size()));
        let new_len = new_len.min(35 * page_size());
        if self.pending != self.committed {
            assert!(matches!(result, Err(Error::Pending { .. })), "{result:?}");
        } else if new_len < self.pending.len() && self.loans > 0 {
            assert!(matches!(result, Err(Error::InUse { .. })), "{result:?}");
        } else {
            result.unwrap();
            self.pending.resize(new_len, 0);
            self.committed = self.pending.clone();
        }
    }

    fn block(&mut self, bytes: &[u8]) {
        let block = self.map.transaction();
        if self.pending != self.committed {
            assert!(matches!(block, Err(Error::Pending { .. })), "{block:?}");
            return;
        }
        let block = block.unwrap();
        let bytes = &bytes[..bytes.len().min(self.pending.len())];
        if self.loans > 0 {
            store(&self.map, bytes, 0);
        } else {
            self.map.write_at(bytes, 0).unwrap();
        }
        if self.random.bool() {
            block.commit().unwrap();
            self.committed[..bytes.len()].copy_from_slice(bytes);
        }
        self.pending = self.committed.clone();
    }
}

#[test]
fn stores_to_buffers_are_changes_like_others() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        for _ in 0..120 {
            world.step();
        }
        (0..world.loans).for_each(|_| world.map.end_loan());
        world.map.commit().unwrap();
        assert!(fs::read(world.folder.data()).unwrap() == world.pending);
    }
}

#[test]
fn a_buffer_keeps_its_pages_and_the_next_commit_writes_what_was_stored_since() {
    let folder = Folder::with(&[0; 50_000]);
    let map = open(&folder, 0);
    map.count_loan().unwrap();
    for round in 1..5_u8 {
        store(&map, &[round], 7);
        store(&map, &[round; 3], 20_000);
        assert_eq!(map.changed().unwrap(), [7..8, 20_000..20_003]);
        map.commit().unwrap();
        assert_eq!(map.changed().unwrap(), []);
        store(&map, &[round; 2], 40_000);
        assert_eq!(map.changed().unwrap(), [40_000..40_002]);
        map.rollback().unwrap();
        assert_eq!(map.get(40_000).unwrap(), 0);
    }
    map.end_loan();
    store(&map, &[9], 8);
    map.commit().unwrap();
    // Its pages were dropped, and the kernel's report is needed no more.
    assert_eq!(private_pages(&map), 0);
    assert_eq!(fs::read(folder.data()).unwrap()[..10], [0, 0, 0, 0, 0, 0, 0, 4, 9, 0]);
}

fn private_pages(map: &Map) -> usize {
    let kernel = crate::sys::private_pages::PrivatePages::new();
    let pages = 0..map.len().div_ceil(page_size());
    let runs = kernel.runs(map.as_ptr().addr(), pages).unwrap().unwrap();
    runs.into_iter().map(|run| run.len()).sum()
}

#[test]
fn a_pointer_counts_until_the_next_resize() {
    let (len, step) = (6 * page_size(), 2 * page_size());
    let folder = Folder::with(&vec![0; len]);
    let map = open(&folder, 1 << 20);
    for round in 1..4 {
        let pointer = map.as_mut_ptr();
        for page in 0..3 {
            // SAFETY: the byte lies in the map, and nothing else accesses it.
            unsafe { pointer.wrapping_add(page * step).write(round) };
            map.commit().unwrap();
        }
        let file = fs::read(folder.data()).unwrap();
        assert_eq!([file[0], file[step], file[2 * step]], [round; 3]);
        assert_eq!(private_pages(&map), 3);
        map.resize(len + usize::from(round)).unwrap();
        assert_eq!(private_pages(&map), 0);
    }
}

#[test]
fn stores_through_a_slice_are_committed() {
    let folder = Folder::with(&[0; 50_000]);
    let mut map = open(&folder, 1 << 20);
    // SAFETY: no other code uses the file, and the map stays as it is.
    let bytes = unsafe { map.as_mut_slice() };
    bytes[30_000..30_003].copy_from_slice(b"abc");
    assert_eq!(map.changed().unwrap(), [30_000..30_003]);
    map.commit().unwrap();
    assert_eq!(&fs::read(folder.data()).unwrap()[30_000..30_003], b"abc");
    assert_eq!(private_pages(&map), 0);
}

#[test]
fn a_map_with_buffers_neither_moves_nor_becomes_shorter() {
    let folder = Folder::with(&[1; 10]);
    let map = open(&folder, 1 << 20);
    map.count_loan().unwrap();
    let beyond = vec![0; map.capacity()];
    assert!(matches!(map.append(&beyond), Err(Error::InUse { call: "append" })));
    assert!(matches!(map.resize(map.capacity() + 1), Err(Error::InUse { call: "resize" })));
    assert!(matches!(map.resize(9), Err(Error::InUse { call: "resize" })));
    map.end_loan();
    map.append(&beyond).unwrap();
    map.commit().unwrap();
    map.resize(9).unwrap();
    assert_eq!(fs::read(folder.data()).unwrap(), [1; 9]);
}

/// mlock(2). The kernel refuses to drop locked pages.
#[test]
fn pages_that_the_program_has_locked_are_rolled_back() {
    let folder = Folder::with(&[1; 20_000]);
    let map = open(&folder, 0);
    // SAFETY: the call changes no byte.
    if unsafe { libc::mlock(map.as_ptr().cast(), map.len()) } != 0 {
        return println!("skipped: the process may not lock memory");
    }
    map.write_at(&[2; 9000], 100).unwrap();
    map.rollback().unwrap();
    assert_eq!(map.to_vec(..).unwrap(), [1; 20_000]);
    map.set(3, 9).unwrap();
    map.commit().unwrap();
    assert_eq!(map.to_vec(..).unwrap(), fs::read(folder.data()).unwrap());
}

/// More pages than one system call drops, one of which the kernel refuses to drop.
#[test]
fn all_of_many_pages_show_the_file_again() {
    let (folder, page) = (Folder::in_memory(b""), page_size());
    let file = fs::File::options().write(true).open(folder.data()).unwrap();
    file.set_len((12_000 * page) as u64).unwrap();
    let map = open(&folder, 0);
    // Further from each other than pages that are dropped together.
    let pages = || (0..12_000).step_by(10).map(|number| number * page);
    let locked = map.as_ptr().wrapping_add(5_000 * page);
    // SAFETY: the call changes no byte.
    if unsafe { libc::mlock(locked.cast(), page) } != 0 {
        println!("no page is locked: the process may not lock memory");
    }
    pages().for_each(|at| map.set(2, at).unwrap());
    map.rollback().unwrap();
    assert!(pages().all(|at| map.get(at).unwrap() == 0));
    pages().for_each(|at| map.set(3, at).unwrap());
    map.commit().unwrap();
    for at in pages() {
        file.write_all_at(&[4], at as u64).unwrap();
        assert_eq!(map.get(at).unwrap(), 4, "the page at {at} is a copy");
    }
}

pub(super) fn append_as_another_program(folder: &Folder, bytes: &[u8]) {
    use std::io::Write;
    fs::File::options().append(true).open(folder.data()).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_map_with_buffers_shows_what_another_program_has_appended() {
    for old in [100, 2 * page_size(), 2 * page_size() + 7] {
        for appended in [50, 3 * page_size()] {
            let folder = Folder::with(&vec![b'A'; old]);
            let map = open(&folder, 1 << 20);
            map.count_loan().unwrap();
            // The last page stays a private copy.
            store(&map, b"B", old - 1);
            map.commit().unwrap();
            if appended > 50 {
                map.append(&vec![b'z'; 5000]).unwrap();
                map.rollback().unwrap();
            }
            append_as_another_program(&folder, &vec![b'F'; appended]);
            map.refresh().unwrap();
            assert!(map.to_vec(..).unwrap() == fs::read(folder.data()).unwrap());
            map.set(b'C', 0).unwrap();
            map.commit().unwrap();
            map.append(b"end").unwrap();
            map.commit().unwrap();
            assert!(map.to_vec(..).unwrap() == fs::read(folder.data()).unwrap());
            assert_eq!(map.get(old).unwrap(), b'F');
            map.end_loan();
        }
    }
}

#[test]
fn a_commit_that_lengthens_the_file_removes_nothing_that_another_program_has_appended() {
    let folder = Folder::with(&[b'A'; 100]);
    let map = open(&folder, 1 << 20);
    append_as_another_program(&folder, &[b'F'; 10_000]);
    map.append(b"record").unwrap();
    let refused = map.commit().unwrap_err();
    assert!(refused.to_string().contains("refresh"), "{refused}");
    map.rollback().unwrap();
    assert!(map.resize(200).is_err());
    assert_eq!(map.refresh().unwrap(), 10_100);
    map.append(b"record").unwrap();
    map.commit().unwrap();
    let file = fs::read(folder.data()).unwrap();
    assert!(file.len() == 10_106 && file[100..10_100] == [b'F'; 10_000]);
}

/// The page that was stored to is a copy from before.
#[test]
fn what_another_program_appends_to_a_page_that_was_stored_to_is_kept() {
    for old in [100, page_size() + 7] {
        let folder = Folder::with(&vec![b'A'; old]);
        let map = open(&folder, 1 << 20);
        map.set(b'A', old - 1).unwrap();
        append_as_another_program(&folder, b"appended");
        assert_eq!(map.refresh().unwrap(), old + 8);
        assert!(map.to_vec(..).unwrap() == fs::read(folder.data()).unwrap());
        map.set(b'B', 0).unwrap();
        map.commit().unwrap();
        assert!(fs::read(folder.data()).unwrap().ends_with(b"Aappended"));
    }
}

#[test]
fn a_resize_that_fails_after_a_move_leaves_no_copy_of_the_last_page() {
    let folder = Folder::with(&[b'A'; 100]);
    let map = open(&folder, 0);
    append_as_another_program(&folder, b"1");
    assert!(map.resize(map.capacity() + 1).is_err());
    append_as_another_program(&folder, b"2");
    assert_eq!(map.refresh().unwrap(), 102);
    assert_eq!(map.to_vec(99..).unwrap(), b"A12");
}
