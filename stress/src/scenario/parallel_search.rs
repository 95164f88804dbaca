//! Do two threads search one map in about the time of one?
#![forbid(unsafe_code)]

use std::{
    sync::{Barrier, Mutex},
    thread,
    time::{Duration, Instant},
};

use safemap::Map;

use crate::{
    run::{Facts, Outcome, Run, Skipped},
    scratch::Scratch,
};

/// It fits into the caches that the cores share, so that they do not wait for memory.
const LEN: usize = 4 << 20;
/// Few at a time, so that both cores are often free for all of them.
const SEARCHES: usize = 10;
/// After so many it may end as soon as the answer is good.
const ENOUGH_TRIES: usize = 50;
/// One after the other would be 2. Cores that share their units, or the machine with others, are not quite 1.
const ENOUGH: f64 = 1.75;

pub(crate) fn run(run: &Run) -> Outcome {
    if thread::available_parallelism()?.get() < 2 {
        return Err(Skipped::because("there is one core"));
    }
    let file = Scratch::file(&vec![b'x'; LEN])?;
    let (one, other) = (file.map()?, file.map()?);
    let door = run.control.then(Mutex::default);
    let tries = run.times(400, 1500);
    let (mut best, mut searches) = (Best::new(), 0);
    for done in 1..=tries {
        best.measure(&one, &other, door.as_ref());
        searches += 2 * SEARCHES;
        if done >= ENOUGH_TRIES && best.shared() < ENOUGH {
            break;
        }
    }
    if best.apart() >= ENOUGH {
        return Err(Skipped::because("others use one of the cores: two maps take as long as well"));
    }
    let ratio = best.shared();
    assert!(ratio < ENOUGH, "two threads take {ratio:.2} times as long as one");
    Ok(Facts::all(searches, "searches by two threads at once").note(format!("{ratio:.2} times the time of one thread")))
}

/// The shortest times.
struct Best {
    alone: Duration,
    /// Two threads on one map.
    together: Duration,
    /// Two threads on a map each, and never a lock between them: what the machine can do.
    separate: Duration,
}

impl Best {
    fn new() -> Best {
        Best { alone: Duration::MAX, together: Duration::MAX, separate: Duration::MAX }
    }

    /// In turn, so that other work of the machine hits all alike.
    fn measure(&mut self, one: &Map, other: &Map, door: Option<&Mutex<()>>) {
        self.alone = self.alone.min(time(&[one], door));
        self.together = self.together.min(time(&[one, one], door));
        self.separate = self.separate.min(time(&[one, other], None));
    }

    fn shared(&self) -> f64 {
        self.together.as_secs_f64() / self.alone.as_secs_f64()
    }

    fn apart(&self) -> f64 {
        self.separate.as_secs_f64() / self.alone.as_secs_f64()
    }
}

/// How long a thread for each of these maps takes for its searches, from the first that begins to the last that ends.
fn time(maps: &[&Map], door: Option<&Mutex<()>>) -> Duration {
    let start = Barrier::new(maps.len());
    thread::scope(|scope| {
        let start = &start;
        let workers: Vec<_> = maps.iter().map(|map| scope.spawn(move || search(map, door, start))).collect();
        let times = workers.into_iter().map(|worker| worker.join().expect("searching does not panic"));
        let (begun, ended): (Vec<Instant>, Vec<Instant>) = times.unzip();
        ended.into_iter().max().zip(begun.into_iter().min()).map_or(Duration::MAX, |(last, first)| last - first)
    })
}

/// Searches, and tells from when to when.
fn search(map: &Map, door: Option<&Mutex<()>>, start: &Barrier) -> (Instant, Instant) {
    start.wait();
    let begun = Instant::now();
    for _ in 0..SEARCHES {
        let _held = door.map(Mutex::lock);
        assert_eq!(map.find(b"needle", ..).expect("the file is whole"), None);
    }
    (begun, Instant::now())
}
