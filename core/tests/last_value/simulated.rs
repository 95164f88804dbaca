//! Crashes at each byte that a writer stores, and stops at each byte that a reader loads.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    sync::atomic::{Ordering, fence},
};

// The same source with other types.
#[allow(clippy::duplicate_mod)]
#[path = "../../examples/last_value/recipe.rs"]
mod recipe;

/// The stores of a publication: a word, a value, and a word.
const STORES: usize = 2 + LEN;
/// The bytes of the longest value here.
const LEN: usize = 5;

/// Memory, as the processes use it. They run one after another.
struct Map {
    bytes: RefCell<Vec<u8>>,
    /// The stores until the writer crashes.
    stores: Cell<usize>,
    /// The loads until the reader is stopped, and what happens then.
    loads: Cell<usize>,
    #[allow(clippy::type_complexity)]
    beside: RefCell<Option<Box<dyn FnOnce(&Map)>>>,
    published: RefCell<BTreeMap<u64, Vec<u8>>>,
}

// The type of a word is always u64.
#[allow(clippy::extra_unused_type_parameters)]
impl Map {
    fn new() -> Map {
        Map {
            bytes: RefCell::new(vec![0; recipe::LEN]),
            stores: Cell::new(usize::MAX),
            loads: Cell::new(usize::MAX),
            beside: RefCell::new(None),
            published: RefCell::default(),
        }
    }

    fn atomic<T>(&self, at: usize) -> io::Result<Word<'_>> {
        Ok(Word(self, at))
    }

    fn load<T>(&self, at: usize) -> io::Result<u64> {
        self.before_load();
        Ok(u64::from_ne_bytes(self.bytes.borrow()[at..at + 8].try_into().unwrap()))
    }

    fn store(&self, word: u64, at: usize) -> io::Result<()> {
        self.before_store()?;
        self.bytes.borrow_mut()[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        Ok(())
    }

    fn read_exact_at(&self, value: &mut [u8], at: usize) -> io::Result<()> {
        for (byte, at) in value.iter_mut().zip(at..) {
            self.before_load();
            *byte = self.bytes.borrow()[at];
        }
        Ok(())
    }

    fn write_at(&self, value: &[u8], at: usize) -> io::Result<()> {
        for (byte, at) in value.iter().zip(at..) {
            self.before_store()?;
            self.bytes.borrow_mut()[at] = *byte;
        }
        Ok(())
    }

    fn before_load(&self) {
        let left = self.loads.replace(self.loads.get().saturating_sub(1));
        let beside = if left == 0 { self.beside.take() } else { None };
        if let Some(beside) = beside {
            beside(self);
        }
    }

    fn before_store(&self) -> io::Result<()> {
        let left = self.stores.get().checked_sub(1);
        self.stores.set(left.ok_or(io::ErrorKind::Interrupted)?);
        Ok(())
    }

    /// Publishes a value and records it, unless the process crashes after a number of stores.
    fn publish(&self, stores: usize, value: &[u8]) {
        self.stores.set(stores);
        if let Ok(version) = recipe::Writer::new(self).unwrap().publish(value) {
            self.published.borrow_mut().insert(version, value.to_vec());
        }
    }

    /// Reads a value, which must have been published with its version.
    fn read(&self) -> u64 {
        let mut value = vec![];
        let version = recipe::read(self, &mut value).unwrap();
        let expected = self.published.borrow().get(&version).cloned().unwrap_or_default();
        assert_eq!(value, expected, "version {version}");
        version
    }

    fn last(&self) -> u64 {
        self.published.borrow().keys().last().copied().unwrap_or(0)
    }
}

struct Word<'a>(&'a Map, usize);

impl Word<'_> {
    fn load(&self, _order: Ordering) -> io::Result<u64> {
        self.0.load::<u64>(self.1)
    }

    fn store(&self, word: u64, _order: Ordering) -> io::Result<()> {
        self.0.store(word, self.1)
    }
}

/// The kernel gives the mutex of a crashed process to the next one.
struct Mutex<'a>(&'a Map);

struct MutexGuard<'a>(#[allow(dead_code)] &'a Map);

impl<'a> Mutex<'a> {
    fn new(map: &'a Map, _at: usize) -> io::Result<Self> {
        Ok(Mutex(map))
    }

    fn lock(&self) -> io::Result<MutexGuard<'a>> {
        Ok(MutexGuard(self.0))
    }
}

impl MutexGuard<'_> {
    fn mark_consistent(&self) {}
}

/// Publishes values until a number of stores is done, at which the process crashes.
fn stores(map: &Map, count: usize, writer: u8) {
    for first in (0..count).step_by(STORES) {
        map.publish(count - first, &[writer + first as u8; LEN]);
    }
}

#[test]
fn a_writer_crashes_at_each_store_and_so_does_its_successor() {
    for first in 0..=5 * STORES {
        for second in 0..=STORES {
            let map = Map::new();
            stores(&map, first, 1);
            assert_eq!(map.read(), (first / STORES) as u64);
            map.publish(second, b"two");
            assert_eq!(map.read(), map.last());
            map.publish(usize::MAX, b"");
            assert_eq!(map.read(), map.last());
            assert_eq!(map.last(), (first / STORES + usize::from(second >= 5) + 1) as u64);
        }
    }
}

/// The reader is stopped before each load, and continues when the writer has done each number
/// of stores, and its successor as well.
#[test]
fn a_reader_is_stopped_at_each_load_beside_two_writers() {
    let mut versions = [0; 7];
    for loads in 0..2 * (STORES + 1) {
        for count in 0..=5 * STORES {
            for second in [0, 1, 3, usize::MAX] {
                let map = Map::new();
                map.publish(usize::MAX, b"first");
                map.loads.set(loads);
                *map.beside.borrow_mut() = Some(Box::new(move |map| {
                    stores(map, count, 1);
                    map.publish(second, b"two");
                }));
                versions[map.read() as usize - 1] += 1;
            }
        }
    }
    assert!(versions.iter().all(|&count| count > 0), "{versions:?}");
}
