//! Calls that run while another thread shrinks the map.
#![forbid(unsafe_code)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use safemap::{Access, Error, Map, Options, Result, Sharing};
use support::{file_with, survives};

const LONG: usize = 1 << 20;
const SHORT: usize = 4096;

/// In a map of `a`, this needle has a candidate at every offset, so that searches continue window by window.
const NEEDLE: [u8; 65] = {
    let mut needle = [b'a'; 65];
    needle[32] = b'b';
    needle
};

/// A name, and a call whose range fits the map when the call begins.
type Operation = (&'static str, fn(&Map) -> Result<()>);

const OPERATIONS: &[Operation] = &[
    ("find", |map| map.find(&NEEDLE, ..).map(drop)),
    ("find a byte", |map| map.find(b"b", ..).map(drop)),
    ("rfind", |map| map.rfind(&NEEDLE, ..).map(drop)),
    ("rfind a byte", |map| map.rfind(b"b", ..).map(drop)),
    ("compare", |map| match map.compare(&[b'a'; LONG], 0) {
        // The map was short when the call began.
        Err(Error::OutOfBounds { call: "compare", .. }) => Ok(()),
        result => result.map(drop),
    }),
    ("to_vec", |map| map.to_vec(..).map(drop)),
    ("fill", |map| map.fill(b'a', ..)),
    ("read_line", |map| map.cursor().read_line().map(drop)),
    ("lines", |map| map.lines().try_for_each(|line| line.map(drop))),
];

/// Runs `operation` 200 times beside a thread that shrinks `map` and lets it grow again.
fn run_beside_shrinks(map: &Map, (name, operation): Operation) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                map.resize(LONG).unwrap();
                map.fill(b'a', ..).unwrap();
                map.resize(SHORT).unwrap();
            }
        });
        let results: Vec<_> = (0..200).map(|_| operation(map)).collect();
        stop.store(true, Ordering::Relaxed);
        for result in results {
            assert!(matches!(result, Ok(()) | Err(Error::Fault { .. })), "{name}: {result:?}");
        }
    });
}

#[test]
fn a_file_that_is_shrunk_during_a_call_is_a_result_or_a_fault() {
    survives("a_file_that_is_shrunk_during_a_call_is_a_result_or_a_fault", || {
        let file = file_with(&[b'a'; LONG]);
        let map = Options::new().access(Access::Write).open(file.path()).unwrap();
        OPERATIONS.iter().for_each(|&operation| run_beside_shrinks(&map, operation));
    });
}

#[test]
fn memory_that_is_shrunk_during_a_call_is_a_result_or_a_fault() {
    for sharing in [Sharing::Private, Sharing::Shared] {
        let map = Options::new().len(LONG).sharing(sharing).anonymous().unwrap();
        map.fill(b'a', ..).unwrap();
        OPERATIONS.iter().for_each(|&operation| run_beside_shrinks(&map, operation));
    }
}
