//! Calls that run while another thread shrinks the map.
#![forbid(unsafe_code)]

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use safemap::{Access, Error, Map, Options, Result, Sharing};
use safemap_testing::{Stop, TempFile, noise, succeeds_in_child};

const LONG: usize = 1 << 18;
/// How often, and how long, each operation runs at least.
const ROUNDS: usize = 30;
const TIME: Duration = Duration::from_millis(200);
const SHORT: usize = 4096;

/// Two letters in random order, and a line feed at the end. Searches for a needle of these letters
/// find so many false candidates that they continue window by window.
static TEXT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut text = letters(LONG, 1);
    text[LONG - 1] = b'\n';
    text
});

static NEEDLE: LazyLock<Vec<u8>> = LazyLock::new(|| letters(64, 2));

/// Random letters, `a` or `b`.
fn letters(count: usize, seed: u64) -> Vec<u8> {
    noise(seed, count).into_iter().map(|byte| b'a' + byte % 2).collect()
}

/// A name, and a call whose range fits the map when the call begins.
type Operation = (&'static str, fn(&Map) -> Result<()>);

const OPERATIONS: &[Operation] = &[
    ("find", |map| map.find(&NEEDLE, ..).map(drop)),
    ("find a byte", |map| map.find(b"c", ..).map(drop)),
    ("rfind", |map| map.rfind(&NEEDLE, ..).map(drop)),
    ("rfind a byte", |map| map.rfind(b"c", ..).map(drop)),
    ("compare", |map| match map.compare(&TEXT, 0) {
        // The map was short when the call began.
        Err(Error::OutOfBounds { call: "compare", .. }) => Ok(()),
        result => result.map(drop),
    }),
    ("to_vec", |map| map.to_vec(..).map(drop)),
    ("fill", |map| map.fill(b'a', ..)),
    ("next_line", |map| map.cursor().next_line().map(drop)),
    ("lines", |map| map.lines().try_for_each(|line| line.map(drop))),
];

/// Runs `operation` beside a thread that shrinks `map` and lets it grow again.
fn run_beside_shrinks(map: &Map, (name, operation): Operation) {
    let stop = Stop::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.is_set() {
                map.resize(LONG).unwrap();
                map.write_at(&TEXT, 0).unwrap();
                map.resize(SHORT).unwrap();
            }
        });
        let end = Instant::now() + TIME;
        let results: Vec<_> = (0..)
            .take_while(|&round| round < ROUNDS || Instant::now() < end)
            .map(|_| operation(map))
            .collect();
        stop.set();
        let refused =
            results.iter().filter(|result| !matches!(result, Ok(()) | Err(Error::Fault { .. })));
        let refused: Vec<_> = refused.collect();
        assert!(
            refused.is_empty(),
            "{name}: {} of {} calls, {:?}",
            refused.len(),
            results.len(),
            refused[0]
        );
    });
}

#[test]
fn a_file_that_is_shrunk_during_a_call_is_a_result_or_a_fault() {
    succeeds_in_child(|| {
        let file = TempFile::new(&TEXT);
        let map = Options::new().access(Access::Write).open(file.path()).unwrap();
        OPERATIONS.iter().for_each(|&operation| run_beside_shrinks(&map, operation));
    });
}

/// A fill that runs beside a shrink may store bytes behind the new end afterwards.
#[test]
fn private_memory_is_zero_when_it_grows_after_a_fill_beside_a_shrink() {
    const LEN: usize = 1 << 24;
    let map = Options::new().len(LEN).anonymous().unwrap();
    for round in 0..5 {
        std::thread::scope(|scope| {
            let fill = scope.spawn(|| map.fill(b'x', ..));
            while map.get(0).unwrap() != b'x' {}
            map.resize(SHORT).unwrap();
            // On Windows the pages behind the new end are inaccessible.
            let filled = fill.join().unwrap();
            assert!(matches!(filled, Ok(()) | Err(Error::Fault { .. })), "{filled:?}");
        });
        map.resize(LEN).unwrap();
        let stale = map.to_vec(SHORT..).unwrap().iter().position(|&byte| byte != 0);
        assert_eq!(stale, None, "round {round}");
        map.set(0, 0).unwrap();
    }
}

#[test]
fn memory_that_is_shrunk_during_a_call_is_a_result_or_a_fault() {
    for sharing in [Sharing::Private, Sharing::Shared] {
        let map = Options::new().len(LONG).sharing(sharing).anonymous().unwrap();
        map.write_at(&TEXT, 0).unwrap();
        OPERATIONS.iter().for_each(|&operation| run_beside_shrinks(&map, operation));
    }
}
