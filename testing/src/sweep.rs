//! Every operation that touches mapped memory, as a function that touches all pages of a range.

use std::ops::Range;

use safemap::{Error, Map, Result};

/// An operation that touches every page of a range.
///
/// The range must not contain the bytes 0xff and 0xfe, so that searches reach its end.
#[derive(Debug)]
pub struct Sweep {
    /// The name of the method, and which case of it.
    pub name: &'static str,
    /// Whether it writes.
    pub writes: bool,
    /// Whether it touches the bytes in ascending order, so that the first fault is the lowest.
    pub ascending: bool,
    run: Run,
}

type Run = fn(&Map, Range<usize>) -> Result<()>;

const fn reads(name: &'static str, run: Run) -> Sweep {
    Sweep { name, writes: false, ascending: true, run }
}

const fn writes(name: &'static str, run: Run) -> Sweep {
    Sweep { name, writes: true, ascending: true, run }
}

impl Sweep {
    const fn descending(self) -> Sweep {
        Sweep { ascending: false, ..self }
    }

    /// Runs the operation on `range`.
    ///
    /// # Errors
    ///
    /// The error of the operation.
    pub fn run(&self, map: &Map, range: Range<usize>) -> Result<()> {
        (self.run)(map, range)
    }

    /// Runs the operation on `range` and panics unless it reports a fault there.
    #[track_caller]
    pub fn expect_fault(&self, map: &Map, range: Range<usize>) {
        let answer = self.run(map, range.clone());
        let faulted = matches!(answer, Err(Error::Fault { offset }) if range.contains(&offset));
        assert!(faulted, "{} on {range:?} returned {answer:?} instead of a fault", self.name);
    }
}

/// The sweeps. Those that read come first.
pub const SWEEPS: &[Sweep] = &[
    reads("get", |map, range| range.step_by(512).try_for_each(|at| map.get(at).map(drop))),
    reads("load", |map, range| words(range).try_for_each(|at| map.load::<u64>(at).map(drop))),
    reads("read_at", |map, range| map.read_at(&mut vec![0; range.len()], range.start).map(drop)),
    reads("read_exact_at", |map, range| map.read_exact_at(&mut vec![0; range.len()], range.start)),
    reads("to_vec", |map, range| map.to_vec(range).map(drop)),
    reads("compare", |map, range| map.compare(&map.to_vec(range.clone())?, range.start).map(drop)),
    reads("find a byte", |map, range| map.find(b"\xff", range).map(drop)),
    reads("find bytes", |map, range| map.find(b"\xff\xfe", range).map(drop)),
    reads("find a long needle", |map, range| map.find(&[0xff; 300], range).map(drop)),
    reads("rfind a byte", |map, range| map.rfind(b"\xff", range).map(drop)).descending(),
    reads("rfind bytes", |map, range| map.rfind(b"\xff\xfe", range).map(drop)).descending(),
    reads("rfind a long needle", |map, range| map.rfind(&[0xff; 300], range).map(drop))
        .descending(),
    writes("set", |map, range| range.step_by(512).try_for_each(|at| map.set(1, at))),
    writes("store", |map, range| words(range).try_for_each(|at| map.store(1_u64, at))),
    writes("write_at", |map, range| map.write_at(&vec![2; range.len()], range.start)),
    writes("fill", |map, range| map.fill(3, range)),
    writes("copy_within, ascending", |map, range| map.copy_within(range.clone(), range.start)),
    writes("copy_within, descending", |map, range| {
        map.copy_within(range.start..range.end - 1, range.start + 1)
    })
    .descending(),
];

/// Offsets of words in a range. The step divides the page size.
fn words(range: Range<usize>) -> impl Iterator<Item = usize> {
    (range.start..range.end - 7).step_by(256)
}
