//! Are errors at the system's limits errors that name the limit, with everything as before?
#![forbid(unsafe_code)]

use std::{error::Error as _, fs};

use safemap::{Error, Map, Options, Protection};

use crate::{
    raw::{
        limit::Limit,
        process::become_nobody,
        signal::{SIGXFSZ, Theirs},
    },
    run::{Facts, Outcome, Run, Skipped},
    scratch::{PAGE, Scratch, pattern},
};

const LEN: usize = 3 * PAGE;
/// More maps than any limit here allows.
const MANY: usize = 400_000;

/// Fails unless the call was refused and the error says by which limit.
#[track_caller]
fn names<T: std::fmt::Debug>(run: &Run, answer: safemap::Result<T>, limits: &[&str]) -> usize {
    let error = answer.expect_err("the limit is reached");
    assert!(matches!(error, Error::Os { .. }), "{error:?}");
    // The system's own text is what one has without us.
    let said =
        if run.control { error.source().map(ToString::to_string).unwrap_or_default() } else { error.to_string() };
    limits.iter().for_each(|limit| assert!(said.contains(limit), "{said:?} does not name {limit}"));
    1
}

fn as_before(map: &Map) -> safemap::Result<()> {
    assert_eq!((map.len(), map.file_len()?), (LEN, LEN as u64));
    assert_eq!(map.to_vec(..)?, pattern(LEN));
    Ok(())
}

/// `RLIMIT_NOFILE`
pub(crate) fn descriptors(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(LEN))?;
    let map = file.map()?;
    let rounds = run.times(50, 500);
    Limit::Descriptors.set(60)?;
    let mut told = 0;
    for _ in 0..rounds {
        let (maps, error) = until_refused(|| Map::open(file.path()));
        told += names(run, error, &["RLIMIT_NOFILE", "open"]);
        assert!(maps.len() > 30, "{} maps", maps.len());
        // A duplicate of a descriptor needs one as well; without one a map is possible.
        let handle = maps.into_iter().next_back().map(|last| last.close().map(|()| file.handle()));
        let handle = handle.ok_or("there were maps")???;
        let (_maps, error) = until_refused(|| Options::new().map(&handle));
        told += names(run, error, &["RLIMIT_NOFILE", "map"]);
        Options::new().untracked().map(&handle)?.get(0)?;
        as_before(&map)?;
        map.resize(50 * LEN)?;
        map.resize(LEN)?;
    }
    Ok(Facts::all(told, "maps beyond the limit of descriptors").note("named RLIMIT_NOFILE"))
}

/// `vm.max_map_count`
pub(crate) fn mappings(run: &Run) -> Outcome {
    let limit: usize =
        fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default().trim().parse().unwrap_or(MANY);
    if limit >= MANY {
        return Err(Skipped::because("this system has no limit of mappings that one could reach"));
    }
    let file = Scratch::file(&pattern(LEN))?;
    let (map, memory) = (file.map()?, Options::new().len(PAGE).anonymous()?);
    memory.set(0, 5)?;
    let mut told = 0;
    let rounds = run.times(1, 5);
    for _ in 0..rounds {
        // Maps of one place in a file are not merged into one.
        let (maps, error) = until_refused(|| Options::new().untracked().open(file.path()));
        let named = ["vm.max_map_count", "RLIMIT_AS"];
        told += names(run, error, &named);
        told += names(run, map.resize(100 * LEN), &named);
        as_before(&map)?;
        told += names(run, memory.resize(100 * LEN), &named);
        assert_eq!((memory.len(), memory.get(0)?), (PAGE, 5));
        // It would take two mappings more.
        told += names(run, map.protect(PAGE..2 * PAGE, Protection::READ), &named);
        told += names(run, Options::new().repair().open(file.path()), &named);
        drop(maps);
        memory.resize(10 * PAGE)?;
        memory.resize(PAGE)?;
        map.resize(2 * LEN)?;
        map.resize(LEN)?;
    }
    Ok(Facts::all(told, "calls beyond the limit of mappings").note(format!("{limit} mappings, {rounds} times")))
}

/// `RLIMIT_AS`
pub(crate) fn address_space(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(LEN))?;
    let (map, memory) = (file.map()?, Options::new().len(PAGE).anonymous()?);
    memory.set(0, 5)?;
    Limit::AddressSpace.set(512 << 20)?;
    let rounds = run.times(50, 2000);
    let mut told = 0;
    for _ in 0..rounds {
        let named = ["vm.max_map_count", "RLIMIT_AS"];
        told += names(run, Options::new().len(1 << 30).anonymous(), &named);
        told += names(run, Options::new().reserve(1 << 30).open(file.path()), &named);
        told += names(run, map.resize(1 << 30), &named);
        as_before(&map)?;
        told += names(run, memory.resize(1 << 30), &named);
        assert_eq!((memory.len(), memory.get(0)?), (PAGE, 5));
        memory.resize(10 * PAGE)?;
        memory.resize(PAGE)?;
    }
    Ok(Facts::all(told, "calls beyond the limit of address space").note("named RLIMIT_AS"))
}

/// `RLIMIT_FSIZE`, by a program that does not want to die of SIGXFSZ.
pub(crate) fn file_size(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(LEN))?;
    let map = file.map()?;
    Theirs::Ignores.install(SIGXFSZ);
    Limit::FileSize.set(100 * PAGE as u64)?;
    let rounds = run.times(200, 5000);
    for _ in 0..rounds {
        names(run, map.resize(101 * PAGE), &["RLIMIT_FSIZE", "resize"]);
        as_before(&map)?;
        map.resize(100 * PAGE)?;
        map.resize(LEN)?;
    }
    Ok(Facts::all(rounds, "resizes beyond the limit of a file's size").note("SIGXFSZ ignored, as Python does"))
}

/// `RLIMIT_MEMLOCK`, which does not hold for the superuser.
pub(crate) fn locked_memory(run: &Run) -> Outcome {
    let map = Options::new().len(100 * PAGE).anonymous()?;
    Limit::Locked.set(10 * PAGE as u64)?;
    become_nobody()?;
    if map.lock(..).is_ok() {
        return Err(Skipped::because("this user may lock all memory"));
    }
    let rounds = run.times(1000, 100_000);
    for _ in 0..rounds {
        names(run, map.lock(..), &["RLIMIT_MEMLOCK", "lock"]);
        map.lock(..PAGE)?;
        map.unlock(..PAGE)?;
    }
    Ok(Facts::all(rounds, "locks beyond the limit of locked memory"))
}

/// Makes maps until one is refused.
fn until_refused(make: impl Fn() -> safemap::Result<Map>) -> (Vec<Map>, safemap::Result<Map>) {
    let mut maps = Vec::with_capacity(MANY / 4);
    for _ in 0..MANY {
        match make() {
            Ok(map) => maps.push(map),
            refused => return (maps, refused),
        }
    }
    panic!("{MANY} maps, and no limit");
}
