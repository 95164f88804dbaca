//! What changes pages of a file so that the change is durable: ours, and what a program would use
//! instead.

#[cfg(feature = "lmdb")]
pub(crate) mod lmdb;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

use std::{fs::File, os::unix::fs::FileExt};

use fastrand::Rng;
use safemap::{Access, Map, Options};
use safemap_testing::TempFile;

use crate::{
    peers,
    run::{KIB, MIB},
};

/// Of a page, and of a row in a database.
pub(crate) const PAGE: usize = 4 * KIB;

/// The bytes of a change.
pub(crate) const CHANGED: usize = 3000;

/// A number of a page, and its new bytes.
pub(crate) type Change<'a> = (usize, &'a [u8]);

/// Makes changes, all at once where that is possible. They are durable when it returns.
pub(crate) type Commit<'a> = Box<dyn FnMut(&[Change<'_>]) + 'a>;

/// Changes of random pages. Each has other bytes than the page has.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    pages: usize,
    len: usize,
    noise: Vec<u8>,
    rng: Rng,
}

impl Changes {
    /// Changes of `len` bytes in that many pages.
    pub(crate) fn new(pages: usize, len: usize) -> Changes {
        let mut rng = Rng::with_seed(pages as u64);
        let noise = (0..MIB).map(|_| rng.u8(..)).collect();
        Changes { pages, len, noise, rng }
    }

    /// Returns `count` changes of random pages.
    pub(crate) fn next(&mut self, count: usize) -> Vec<Change<'_>> {
        let pages = self.pages;
        self.of(count, |rng, _| rng.usize(..pages))
    }

    /// Returns `count` changes of pages that are equally far from each other.
    pub(crate) fn spread(&mut self, count: usize) -> Vec<Change<'_>> {
        let distance = self.pages / count;
        let first = self.rng.usize(..distance);
        self.of(count, |_, index| first + index * distance)
    }

    /// Returns a change of each page.
    #[cfg(any(feature = "lmdb", feature = "sqlite"))]
    pub(crate) fn all(&mut self) -> Vec<Change<'_>> {
        self.spread(self.pages)
    }

    fn of(&mut self, count: usize, page: impl Fn(&mut Rng, usize) -> usize) -> Vec<Change<'_>> {
        let (noise, len, rng) = (&self.noise, self.len, &mut self.rng);
        let one = |index| {
            let at = rng.usize(..noise.len() - len);
            (page(rng, index), &noise[at..at + len])
        };
        (0..count).map(one).collect()
    }
}

/// Opens a map whose changes are transactions.
pub(crate) fn transactional(file: &TempFile) -> Map {
    let options = Options::new().access(Access::Write).transactional(true).to_owned();
    options.open(file.path()).expect("map a file for transactions")
}

/// Stores changes into a map.
pub(crate) fn store(map: &Map, changes: &[Change<'_>]) {
    for &(page, bytes) in changes {
        map.write_at(bytes, page * PAGE).expect("store into a map");
    }
}

/// Transactions of a map.
pub(crate) fn transactions(map: &Map) -> Commit<'_> {
    Box::new(|changes| {
        let transaction = map.transaction().expect("begin a transaction");
        store(map, changes);
        transaction.commit().expect("commit");
    })
}

/// Stores into a shared map, and `flush`.
pub(crate) fn flushes(file: &TempFile) -> Commit<'static> {
    let mut map = peers::map_mut(&file.open());
    Box::new(move |changes| {
        for &(page, bytes) in changes {
            map[page * PAGE..][..bytes.len()].copy_from_slice(bytes);
        }
        map.flush().expect("flush a map");
    })
}

/// `pwrite` and `fdatasync`.
pub(crate) fn writes(file: File) -> Commit<'static> {
    Box::new(move |changes| {
        for &(page, bytes) in changes {
            file.write_all_at(bytes, (page * PAGE) as u64).expect("write a file");
        }
        file.sync_data().expect("fdatasync");
    })
}
