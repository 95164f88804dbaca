//! Transactional maps beside a model: two vectors, of what is committed and of what is pending.
#![cfg(all(any(target_os = "linux", target_os = "macos"), target_pointer_width = "64"))]
#![forbid(unsafe_code)]

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
};

use safemap::{Access, Error, Map, Options, Result, Transaction};
use safemap_testing::noise;
use tempfile::TempDir;

/// A file, its map, and what both should have.
struct World {
    folder: TempDir,
    map: Option<Map>,
    committed: Vec<u8>,
    pending: Vec<u8>,
    random: fastrand::Rng,
}

fn options() -> Options {
    let mut options = Options::new();
    options.access(Access::Write).transactional(true);
    options
}

fn is_pending<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Pending { .. }))
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let len = if random.u8(..) < 30 { 0 } else { random.usize(0..5 * 4096) };
        let committed = noise(seed, len);
        fs::write(folder.path().join("file"), &committed).unwrap();
        let mut world = World { folder, map: None, pending: committed.clone(), committed, random };
        world.open();
        world
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn open(&mut self) {
        let mut options = options();
        if self.random.bool() {
            options.reserve(self.random.usize(0..1 << 17));
        }
        self.map = Some(options.open(self.path()).unwrap());
    }

    fn map(&self) -> &Map {
        self.map.as_ref().unwrap()
    }

    /// Most ranges are short; some lie at the end, and some beyond it.
    fn range(&mut self) -> (usize, usize) {
        let len = self.pending.len();
        let at = match self.random.u8(0..4) {
            0 => len.saturating_sub(self.random.usize(0..20)),
            _ => self.random.usize(0..=len),
        };
        let max = [4, 100, 9000][self.random.usize(0..3)];
        (at, self.random.usize(0..max))
    }

    /// Compares the result of a store with the model, in which `store` has to be possible.
    fn stored(&mut self, result: Result<()>, at: usize, len: usize, store: impl FnOnce(&mut [u8])) {
        match self.pending.get_mut(at..).and_then(|rest| rest.get_mut(..len)) {
            Some(bytes) => {
                result.unwrap();
                store(bytes);
            }
            None => assert!(matches!(result, Err(Error::OutOfBounds { .. })), "{result:?}"),
        }
    }

    fn store(&mut self) {
        let ((at, len), byte) = (self.range(), self.random.u8(0..3));
        let word = self.random.u64(..);
        let map = self.map.take().unwrap();
        match self.random.u8(0..16) {
            0 => self.stored(map.set(byte, at), at, 1, |to| to[0] = byte),
            1 => self.stored(map.store(word as u16, at), at, 2, |to| {
                to.copy_from_slice(&(word as u16).to_ne_bytes());
            }),
            2 => self.stored(map.store(word as i32, at), at, 4, |to| {
                to.copy_from_slice(&(word as i32).to_ne_bytes());
            }),
            3 => self.stored(map.store_le(word, at), at, 8, |to| {
                to.copy_from_slice(&word.to_le_bytes());
            }),
            4 => self.stored(map.store_be(word as u32, at), at, 4, |to| {
                to.copy_from_slice(&(word as u32).to_be_bytes());
            }),
            5 | 6 => {
                let bytes = noise(word, len);
                self.stored(map.write_at(&bytes, at), at, len, |to| to.copy_from_slice(&bytes));
            }
            7 => self.stored(map.fill(byte, at..at + len), at, len, |to| to.fill(byte)),
            8 => {
                let from = self.random.usize(0..=self.pending.len());
                let len = len.min(self.pending.len() - from);
                let source = self.pending[from..from + len].to_vec();
                let result = map.copy_within(from..from + len, at);
                self.stored(result, at, len, |to| to.copy_from_slice(&source));
            }
            9 => {
                let (bytes, step) = (noise(word, len / 8 + 1), self.random.usize(1..8));
                let span = (bytes.len() - 1) * step + 1;
                self.stored(map.scatter(&bytes, at, step as isize), at, span, |to| {
                    for (index, byte) in bytes.iter().enumerate() {
                        to[index * step] = *byte;
                    }
                });
            }
            10..=12 => self.store_by_view(&map, at, len, word),
            13 => {
                let mut cursor = map.cursor();
                cursor.seek(SeekFrom::Start(at as u64)).unwrap();
                let bytes = noise(word, len);
                let result = cursor.write_all(&bytes).is_ok();
                let fits = at + len <= self.pending.len();
                assert_eq!(result, fits || len == 0);
                if fits {
                    self.pending[at..at + len].copy_from_slice(&bytes);
                }
            }
            14 => {
                let mut cursor = map.cursor();
                cursor.set_position(at);
                self.stored(cursor.write_byte(byte), at, 1, |to| to[0] = byte);
            }
            _ => self.stored(map.store(f64::from_bits(word), at), at, 8, |to| {
                to.copy_from_slice(&word.to_ne_bytes());
            }),
        }
        self.map = Some(map);
    }

    fn store_by_view(&mut self, map: &Map, at: usize, len: usize, word: u64) {
        let Ok(view) = map.view(at..) else { return };
        match len % 3 {
            0 => self.stored(view.set(word as u8, 0), at, 1, |to| to[0] = word as u8),
            1 => self.stored(view.store(word, 0), at, 8, |to| {
                to.copy_from_slice(&word.to_ne_bytes());
            }),
            _ => {
                let bytes = noise(word, len);
                self.stored(view.copy_from(&bytes, 0), at, len, |to| to.copy_from_slice(&bytes));
            }
        }
    }

    fn grow(&mut self) {
        let bytes = noise(self.random.u64(..), [3, 900, 20_000][self.random.usize(0..3)]);
        let bytes = if self.random.u8(..) < 40 { vec![0; bytes.len()] } else { bytes };
        let len = self.pending.len();
        if self.random.bool() {
            assert_eq!(self.map().append(&bytes).unwrap(), len);
            self.pending.extend(bytes);
            return;
        }
        let at = (len + self.random.usize(0..5000)).saturating_sub(self.random.usize(0..9000));
        self.map().write_growing(&bytes, at).unwrap();
        self.pending.resize(len.max(at + bytes.len()), 0);
        self.pending[at..at + bytes.len()].copy_from_slice(&bytes);
    }

    fn resize(&mut self, in_block: bool) {
        let len = self.pending.len();
        let new_len = match self.random.u8(0..4) {
            0 => len + self.random.usize(0..30_000),
            1 => self.random.usize(0..=len),
            2 => len.saturating_sub(self.random.usize(0..10)),
            _ => len.next_multiple_of(4096),
        };
        let grows_only = self.random.bool();
        let map = self.map();
        let result = if grows_only { map.grow(new_len) } else { map.resize(new_len) };
        if in_block || self.pending != self.committed {
            assert!(is_pending(&result), "{result:?}");
            return;
        }
        result.unwrap();
        let new_len = if grows_only { new_len.max(len) } else { new_len };
        self.pending.resize(new_len, 0);
        self.committed = self.pending.clone();
    }

    /// One step, outside or inside of a block.
    fn step(&mut self, in_block: bool) {
        match self.random.u8(0..24) {
            0..=15 => self.store(),
            16 | 17 => self.grow(),
            18 => self.resize(in_block),
            19 => self.look(),
            20 => {
                let result = match self.random.u8(0..3) {
                    0 => self.map().commit(),
                    1 => self.map().flush(),
                    _ => self.map().sync_all(),
                };
                assert_eq!(is_pending(&result), in_block);
                self.committed =
                    if in_block { self.committed.clone() } else { self.pending.clone() };
            }
            21 => {
                assert_eq!(is_pending(&self.map().rollback()), in_block);
                self.pending = if in_block { self.pending.clone() } else { self.committed.clone() };
            }
            22 => self.map().checkpoint().unwrap(),
            _ => {
                let result = self.map().transaction().map(drop);
                assert_eq!(is_pending(&result), in_block || self.pending != self.committed);
            }
        }
        self.look_quickly();
    }

    fn block(&mut self) {
        if self.pending != self.committed {
            return;
        }
        let map = self.map.take().unwrap();
        let block: Transaction<'_> = map.transaction().unwrap();
        // The guard borrows the map, so that the steps use it without the world.
        let steps = self.random.usize(0..20);
        for _ in 0..steps {
            let (at, len) = self.range();
            let bytes = noise(self.random.u64(..), len);
            if self.random.u8(0..5) == 0 {
                map.append(&bytes).unwrap();
                self.pending.extend(bytes);
            } else {
                self.stored(map.write_at(&bytes, at), at, len, |to| to.copy_from_slice(&bytes));
            }
            assert!(is_pending(&map.commit()) && is_pending(&map.rollback()));
            assert!(is_pending(&map.resize(7)) && is_pending(&map.transaction()));
        }
        let commits = match self.random.u8(0..3) {
            0 => block.commit().map(|()| true),
            1 => block.rollback().map(|()| false),
            _ => {
                drop(block);
                Ok(false)
            }
        };
        if commits.unwrap() {
            self.committed = self.pending.clone();
        } else {
            self.pending = self.committed.clone();
        }
        self.map = Some(map);
    }

    /// What the map shows.
    fn look_quickly(&self) {
        assert_eq!(self.map().len(), self.pending.len());
        assert!(self.map().to_vec(..).unwrap() == self.pending);
    }

    /// What the map, the file, another map, and the list of changes show.
    fn look(&self) {
        self.look_quickly();
        assert!(fs::read(self.path()).unwrap() == self.committed);
        assert!(Map::open(self.path()).unwrap().to_vec(..).unwrap() == self.committed);
        let mut changed = self.committed.clone();
        changed.resize(self.pending.len(), 0);
        let ranges = self.map().changed().unwrap();
        assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "{ranges:?}");
        for range in ranges {
            changed[range.clone()].copy_from_slice(&self.pending[range]);
        }
        assert!(changed == self.pending);
        self.map().verify().unwrap();
    }

    fn reopen(&mut self) {
        let map = self.map.take().unwrap();
        assert!(matches!(options().open(self.path()), Err(Error::HasWriter { .. })));
        if self.random.bool() {
            map.close().unwrap()
        } else {
            drop(map)
        }
        self.pending = self.committed.clone();
        assert!(fs::read(self.path()).unwrap() == self.committed);
        assert_eq!(fs::read_dir(self.folder.path()).unwrap().count(), 1, "the journal is left");
        self.open();
    }
}

#[test]
fn programs_see_what_a_model_has() {
    let programs = std::env::var("PROGRAMS").map_or(30, |count| count.parse().unwrap());
    for seed in 0..programs {
        let mut world = World::new(seed);
        for _ in 0..120 {
            match world.random.u8(0..60) {
                0 => world.reopen(),
                1..=4 => world.block(),
                _ => world.step(false),
            }
        }
        world.look();
    }
}
