//! Operations: every way of the library to touch bytes, and the bare access that they replace.

use std::ops::Range;

use safemap::{Error, Map, Result};

use crate::{raw::memory, run::Run};

/// Touches every page of a range, which holds no 0xff.
pub(crate) type Operation = fn(&Map, Range<usize>) -> Result<()>;

pub(crate) const READS: &[(&str, Operation)] = &[
    ("get", |map, range| range.step_by(512).try_for_each(|at| map.get(at).map(drop))),
    ("load", |map, range| words(range).try_for_each(|at| map.load::<u64>(at).map(drop))),
    ("read_exact_at", |map, range| map.read_exact_at(&mut vec![0; range.len()], range.start)),
    ("to_vec", |map, range| map.to_vec(range).map(drop)),
    ("find a byte", |map, range| map.find(b"\xff", range).map(drop)),
    ("find bytes", |map, range| map.find(b"\xff\xfe", range).map(drop)),
    ("find a long needle", |map, range| map.find(&[0xff; 300], range).map(drop)),
    ("rfind a byte", |map, range| map.rfind(b"\xff", range).map(drop)),
    ("rfind bytes", |map, range| map.rfind(b"\xff\xfe", range).map(drop)),
    ("compare", |map, range| map.compare(&map.to_vec(range.clone())?, range.start).map(drop)),
];

pub(crate) const WRITES: &[(&str, Operation)] = &[
    ("set", |map, range| range.step_by(512).try_for_each(|at| map.set(at, 1))),
    ("store", |map, range| words(range).try_for_each(|at| map.store(at, 1_u64))),
    ("write_at", |map, range| map.write_at(&vec![2; range.len()], range.start)),
    ("fill", |map, range| map.fill(3, range)),
    ("copy_within", |map, range| map.copy_within(range.start..range.end - 1, range.start + 1)),
];

pub(crate) fn all() -> impl Iterator<Item = &'static (&'static str, Operation)> {
    READS.iter().chain(WRITES)
}

fn words(range: Range<usize>) -> impl Iterator<Item = usize> {
    (range.start..range.end - 7).step_by(256)
}

/// Reads a byte, as the library does it or, as control, as others do.
pub(crate) fn look(run: &Run, map: &Map, at: usize) -> Result<u8> {
    if run.control { Ok(memory::peek(map, at)) } else { map.get(at) }
}

/// Writes a byte, as the library does it or, as control, as others do.
pub(crate) fn put(run: &Run, map: &Map, at: usize, byte: u8) -> Result<()> {
    if run.control {
        memory::poke(map, at, byte);
        return Ok(());
    }
    map.set(at, byte)
}

/// Fails unless the answer is a fault in `range`.
#[track_caller]
pub(crate) fn expect_fault(name: &str, range: &Range<usize>, answer: Result<()>) {
    match answer {
        Err(Error::Fault { offset }) => {
            assert!(range.contains(&offset), "{name}: a fault at {offset}, not in {range:?}")
        }
        other => panic!("{name} on {range:?}: {other:?} instead of a fault"),
    }
}
