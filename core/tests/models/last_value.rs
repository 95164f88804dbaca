//! Checks the recipe for a last value in every interleaving of a writer and a reader.
//!
//! The model compiles the example with words of `loom`. Those of the slots are relaxed, because a
//! reader may read a slot beside the writer: it has to notice that by the version. The checksum
//! shows whether it has. There is one publication more than there are slots, so the last one writes
//! where the first one is read.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    io, panic,
    sync::Arc,
};

use loom::{
    sync::{
        Mutex as Lock, MutexGuard as Locked,
        atomic::{
            AtomicU64,
            Ordering::{self, Acquire, Relaxed, Release},
        },
    },
    thread,
};

#[allow(dead_code)]
#[path = "../../examples/last_value/recipe.rs"]
mod recipe;

thread_local! {
    /// The threads of a model run on one thread of the system.
    static FENCES: RefCell<Vec<Ordering>> = const { RefCell::new(vec![]) };
    static PUBLISH: Cell<Ordering> = const { Cell::new(Release) };
    /// How many publications more than the right ones a reader accepts.
    static EXCESS: Cell<u64> = const { Cell::new(0) };
    /// The stores that are left until the writer crashes.
    static STORES: Cell<u64> = const { Cell::new(u64::MAX) };
    /// The versions that were read in all interleavings.
    static READ: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
}

const SLOTS: usize = 256;
const SLOT: usize = 1024;

struct Map {
    writer: Lock<()>,
    version: AtomicU64,
    /// Length and checksum, and a value of one word.
    slots: [[AtomicU64; 2]; 4],
}

// The type of a word is always u64.
#[allow(clippy::extra_unused_type_parameters)]
impl Map {
    fn new(version: u64) -> Map {
        let slots = [(); 4].map(|()| [(); 2].map(|()| AtomicU64::new(0)));
        Map { writer: Lock::new(()), version: AtomicU64::new(version), slots }
    }

    /// The version as the writer loads it. Of several loads `loom` knows the last one only, and
    /// would explore no store of the version before the others.
    fn own_version(&self) -> u64 {
        // SAFETY: `loom` checks that no other thread stores the word.
        unsafe { self.version.unsync_load() }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        &self.slots[(at - SLOTS) / SLOT][(at - SLOTS) % SLOT / 8]
    }

    fn atomic<T>(&self, _at: usize) -> io::Result<Version<'_>> {
        Ok(Version { map: self, seen: Cell::new(0) })
    }

    fn load<T>(&self, at: usize) -> io::Result<u64> {
        Ok(self.word(at).load(Relaxed))
    }

    fn store(&self, word: u64, at: usize) -> io::Result<()> {
        may_crash()?;
        self.word(at).store(word, Relaxed);
        Ok(())
    }

    fn read_exact_at(&self, value: &mut [u8], at: usize) -> io::Result<()> {
        value.copy_from_slice(&self.word(at).load(Relaxed).to_le_bytes()[..value.len()]);
        Ok(())
    }

    fn write_at(&self, value: &[u8], at: usize) -> io::Result<()> {
        self.store(u64::from_le_bytes(value.try_into().unwrap()), at)
    }
}

/// The word of the version.
struct Version<'a> {
    map: &'a Map,
    /// What a reader has loaded first.
    seen: Cell<u64>,
}

impl Version<'_> {
    fn load(&self, order: Ordering) -> io::Result<u64> {
        // The writer's load, or the second one of a reader.
        if order == Relaxed {
            return Ok(if self.seen.get() == 0 { self.map.own_version() } else { self.again() });
        }
        self.seen.set(self.map.version.load(order));
        Ok(self.seen.get())
    }

    fn again(&self) -> u64 {
        let version = self.map.version.load(Relaxed);
        version.wrapping_sub(EXCESS.get().min(version.wrapping_sub(self.seen.get())))
    }

    fn store(&self, version: u64, _order: Ordering) -> io::Result<()> {
        may_crash()?;
        self.map.version.store(version, PUBLISH.get());
        Ok(())
    }
}

fn fence(order: Ordering) {
    if FENCES.with_borrow(|orders| orders.contains(&order)) {
        loom::sync::atomic::fence(order);
    }
}

fn may_crash() -> io::Result<()> {
    match STORES.get().checked_sub(1) {
        Some(left) => STORES.set(left),
        None => return Err(io::Error::other("crashed")),
    }
    Ok(())
}

struct Mutex<'a>(&'a Map);

struct MutexGuard<'a>(#[allow(dead_code)] Locked<'a, ()>);

impl<'a> Mutex<'a> {
    fn new(map: &'a Map, _at: usize) -> io::Result<Self> {
        Ok(Mutex(map))
    }

    fn lock(&self) -> io::Result<MutexGuard<'a>> {
        Ok(MutexGuard(self.0.writer.lock().unwrap()))
    }
}

impl MutexGuard<'_> {
    fn mark_consistent(&self) {}
}

/// The value of a version.
fn value(version: u64) -> [u8; 8] {
    version.wrapping_mul(0x0101_0101_0101_0101).to_le_bytes()
}

fn publish(map: &Map, count: u64) {
    let mut writer = recipe::Writer::new(map).unwrap();
    for _ in 0..count {
        let next = map.own_version().wrapping_add(1);
        assert_eq!(writer.publish(&value(next)).unwrap(), next);
    }
}

/// Reads a value, which must be whole, and returns its version.
fn read(map: &Map) -> u64 {
    let mut bytes = vec![];
    let version = recipe::read(map, &mut bytes).expect("the value is torn");
    let expected = value(version);
    assert_eq!(bytes, if version == 0 { &[][..] } else { &expected }, "the value is torn");
    READ.with_borrow_mut(|read| read.insert(version));
    version
}

fn explored(prepare: impl Fn(&Map) + Send + Sync + 'static, start: u64, count: u64) {
    loom::model(move || {
        let map = Arc::new(Map::new(start));
        prepare(&map);
        let writer = thread::spawn({
            let map = map.clone();
            move || publish(&map, count)
        });
        let first = read(&map);
        writer.join().unwrap();
        let last = read(&map);
        assert!(last.wrapping_sub(start) >= first.wrapping_sub(start));
    });
}

fn with_fences(orders: &[Ordering]) {
    FENCES.set(orders.to_vec());
}

/// The first of five publications is before the reader.
fn five_publications() {
    explored(|map| publish(map, 1), 0, 4);
}

#[test]
fn a_reader_beside_a_writer_reads_whole_values() {
    with_fences(&[Acquire, Release]);
    five_publications();
    assert_eq!(READ.take(), BTreeSet::from([1, 2, 3, 4, 5]));
}

#[test]
fn versions_overflow() {
    with_fences(&[Acquire, Release]);
    explored(|map| publish(map, 1), u64::MAX - 2, 4);
    assert_eq!(READ.take(), BTreeSet::from([u64::MAX - 1, u64::MAX, 0, 1, 2]));
}

/// The writer has crashed after each number of stores in its second publication. Its successor
/// writes to the same slot.
#[test]
fn a_writer_follows_one_that_has_crashed() {
    with_fences(&[Acquire, Release]);
    for stores in 0..3 {
        let crash = move |map: &Map| {
            publish(map, 1);
            let mut writer = recipe::Writer::new(map).unwrap();
            STORES.set(stores);
            assert!(writer.publish(&[255; 8]).is_err());
            STORES.set(u64::MAX);
        };
        explored(crash, 0, 4);
        assert_eq!(READ.take(), BTreeSet::from([1, 2, 3, 4, 5]), "after {stores} stores");
    }
}

/// Whether the model finds a value that is torn.
fn finds_a_torn_value() -> bool {
    let Err(cause) = panic::catch_unwind(five_publications) else { return false };
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or_default();
    text.contains("torn")
}

#[test]
fn a_writer_without_a_fence_is_noticed() {
    with_fences(&[Acquire]);
    assert!(finds_a_torn_value());
}

#[test]
fn a_reader_without_a_fence_is_noticed() {
    with_fences(&[Release]);
    assert!(finds_a_torn_value());
}

#[test]
fn a_version_without_release_is_noticed() {
    with_fences(&[Acquire, Release]);
    PUBLISH.set(Relaxed);
    assert!(finds_a_torn_value());
}

#[test]
fn a_reader_that_accepts_one_version_more_is_noticed() {
    with_fences(&[Acquire, Release]);
    EXCESS.set(1);
    assert!(finds_a_torn_value());
}
