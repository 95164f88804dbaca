//! Errors at limits of the system name the limit, and leave maps and files unchanged.

use std::error::Error as _;

use libc::SIGXFSZ;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use safemap_testing::process::drop_root_rights;

use super::*;

const LEN: usize = 3 * PAGE;
/// More maps than any limit here allows.
const MANY: usize = 400_000;
/// The limits behind ENOMEM.
const MEMORY_LIMITS: [&str; 2] = ["vm.max_map_count", "RLIMIT_AS"];

/// Counts refused calls, and asserts that their errors name the limit.
struct Refused<'a> {
    settings: &'a Settings,
    count: usize,
}

impl Refused<'_> {
    #[track_caller]
    fn expect<T: std::fmt::Debug>(&mut self, answer: safemap::Result<T>, words: &[&str]) {
        let error = answer.expect_err("the limit is reached");
        assert!(matches!(error, Error::Os { .. }), "{error:?}");
        // The control uses the message of the system instead of the library's.
        let message = match error.source().filter(|_| self.settings.control) {
            Some(source) => source.to_string(),
            None => error.to_string(),
        };
        for word in words {
            assert!(message.contains(word), "{message:?} does not name {word}");
        }
        self.count += 1;
    }

    fn report(&self, injected: &'static str, note: impl Into<String>) -> Result {
        Ok(Report::new(self.count, injected).note(note))
    }
}

fn refused(settings: &Settings) -> Refused<'_> {
    Refused { settings, count: 0 }
}

/// Sets the soft limit of a resource.
fn limit(resource: Resource, value: u64) -> Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(value), ..getrlimit(resource) })?)
}

fn assert_unchanged(map: &Map) -> safemap::Result<()> {
    assert_eq!((map.len(), map.file_len()?), (LEN, LEN as u64));
    assert_eq!(map.to_vec(..)?, pattern(LEN));
    Ok(())
}

/// Maps a page of memory that holds a 5.
fn memory_page() -> safemap::Result<Map> {
    let memory = Options::new().len(PAGE).anonymous()?;
    memory.set(5, 0)?;
    Ok(memory)
}

/// Resizes memory that was not changed by refused calls.
fn assert_memory_works(memory: &Map) -> safemap::Result<()> {
    assert_eq!((memory.len(), memory.get(0)?), (PAGE, 5));
    memory.resize(10 * PAGE)?;
    memory.resize(PAGE)
}

pub(crate) fn descriptors(settings: &Settings) -> Result {
    let (file, map) = file_and_map(3);
    let rounds = settings.times(50, 500);
    limit(Resource::Nofile, 60)?;
    let mut refused = refused(settings);
    for _ in 0..rounds {
        let (mut maps, error) = until_refused(|| Map::open(file.path()));
        refused.expect(error, &["RLIMIT_NOFILE", "open"]);
        assert!(maps.len() > 30, "{} maps", maps.len());
        drop(maps.pop());
        // A tracked map needs a duplicate of the descriptor, an untracked one does not.
        let handle = file.open();
        drop(maps);
        let (_maps, error) = until_refused(|| Options::new().map(&handle));
        refused.expect(error, &["RLIMIT_NOFILE", "map"]);
        Options::new().untracked(true).map(&handle)?.get(0)?;
        assert_unchanged(&map)?;
        map.resize(50 * LEN)?;
        map.resize(LEN)?;
    }
    refused.report("maps beyond the limit of descriptors", "named RLIMIT_NOFILE")
}

pub(crate) fn mappings(settings: &Settings) -> Result {
    let limit = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let limit: usize = limit.trim().parse().unwrap_or(MANY);
    if limit >= MANY {
        return Err(Skipped::because("the limit of mappings is out of reach"));
    }
    let (file, map) = file_and_map(3);
    let memory = memory_page()?;
    let (rounds, mut refused) = (settings.times(1, 5), refused(settings));
    for _ in 0..rounds {
        // At the limit the heap cannot grow either, so the scenario gives back some of it then.
        let heap: Vec<_> = (0..100).map(|_| vec![1_u8; 2 * LEN]).collect();
        // The kernel does not merge mappings of the same part of a file.
        let (maps, error) = until_refused(|| Options::new().untracked(true).open(file.path()));
        drop(heap);
        refused.expect(error, &MEMORY_LIMITS);
        refused.expect(map.resize(100 * LEN), &MEMORY_LIMITS);
        assert_unchanged(&map)?;
        refused.expect(memory.resize(100 * LEN), &MEMORY_LIMITS);
        // Protecting a page in the middle takes two more mappings.
        refused.expect(map.protect(Protection::READ, PAGE..2 * PAGE), &MEMORY_LIMITS);
        refused.expect(Options::new().repair(true).open(file.path()), &MEMORY_LIMITS);
        drop(maps);
        assert_memory_works(&memory)?;
        map.resize(2 * LEN)?;
        map.resize(LEN)?;
    }
    let note = format!("{limit} mappings, {rounds} times");
    refused.report("calls beyond the limit of mappings", note)
}

pub(crate) fn address_space(settings: &Settings) -> Result {
    let (file, map) = file_and_map(3);
    let memory = memory_page()?;
    limit(Resource::As, 512 << 20)?;
    let mut refused = refused(settings);
    for _ in 0..settings.times(50, 2000) {
        refused.expect(Options::new().len(1 << 30).anonymous(), &MEMORY_LIMITS);
        refused.expect(Options::new().reserve(1 << 30).open(file.path()), &MEMORY_LIMITS);
        refused.expect(map.resize(1 << 30), &MEMORY_LIMITS);
        assert_unchanged(&map)?;
        refused.expect(memory.resize(1 << 30), &MEMORY_LIMITS);
        assert_memory_works(&memory)?;
    }
    refused.report("calls beyond the limit of address space", "named RLIMIT_AS")
}

/// The library removes SIGXFSZ, whose default action terminates a process.
pub(crate) fn file_size(settings: &Settings) -> Result {
    let (_file, map) = file_and_map(3);
    signal::set(SIGXFSZ, SIG_DFL, 0);
    limit(Resource::Fsize, 100 * PAGE as u64)?;
    let mut refused = refused(settings);
    for _ in 0..settings.times(200, 5000) {
        refused.expect(map.resize(101 * PAGE), &["RLIMIT_FSIZE", "resize"]);
        assert_unchanged(&map)?;
        map.resize(100 * PAGE)?;
        map.resize(LEN)?;
    }
    let note = "with the default action of SIGXFSZ";
    refused.report("resizes beyond the limit of a file's size", note)
}

/// The limit does not apply to the superuser.
pub(crate) fn locked_memory(settings: &Settings) -> Result {
    let map = Options::new().len(100 * PAGE).anonymous()?;
    limit(Resource::Memlock, 10 * PAGE as u64)?;
    let _was_root = drop_root_rights();
    if map.lock(..).is_ok() {
        return Err(Skipped::because("this user may lock all memory"));
    }
    let mut refused = refused(settings);
    for _ in 0..settings.times(1000, 100_000) {
        refused.expect(map.lock(..), &["RLIMIT_MEMLOCK", "lock"]);
        map.lock(..PAGE)?;
        map.unlock(..PAGE)?;
    }
    refused.report("locks beyond the limit of locked memory", "")
}

/// Creates maps until one is refused. Returns the maps and the refusal.
fn until_refused(create: impl Fn() -> safemap::Result<Map>) -> (Vec<Map>, safemap::Result<Map>) {
    let mut maps = Vec::with_capacity(MANY / 4);
    for _ in 0..MANY {
        match create() {
            Ok(map) => maps.push(map),
            refused => return (maps, refused),
        }
    }
    panic!("{MANY} maps, and no limit");
}
