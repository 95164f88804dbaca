//! Two threads search one map in about the time of one thread.

use std::sync::{Barrier, Mutex};

use super::*;

/// Fits into the caches, so that the cores do not compete for memory.
const LEN: usize = 4 << 20;
/// Few, so that both cores are often free for all of them.
const SEARCHES: usize = 10;
const MIN_TRIES: usize = 50;
/// A lock would give 2. Cores that share execution units, or other load, give a little more than 1.
const MAX_RATIO: f64 = 1.75;

pub(crate) fn run(settings: &Settings) -> Result {
    if thread::available_parallelism()?.get() < 2 {
        return Err(Skipped::because("there is one core"));
    }
    let file = TempFile::new(&vec![b'x'; LEN]);
    let (map, other) = (file.map(), file.map());
    let lock = settings.control.then(Mutex::default);
    let (mut best, mut tries) = (Best::new(), 0);
    while tries < MIN_TRIES
        || (best.ratio(best.shared) >= MAX_RATIO && tries < settings.times(400, 1500))
    {
        best.measure(&map, &other, lock.as_ref());
        tries += 1;
    }
    if best.ratio(best.separate) >= MAX_RATIO {
        return Err(Skipped::because("other load uses a core: two maps take as long"));
    }
    let ratio = best.ratio(best.shared);
    assert!(ratio < MAX_RATIO, "two threads take {ratio:.2} times as long as one");
    let note = format!("{ratio:.2} times the time of one thread");
    Ok(Report::new(2 * SEARCHES * tries, "searches by two threads at once").note(note))
}

/// The shortest times.
struct Best {
    alone: Duration,
    /// Two threads with one map.
    shared: Duration,
    /// Two threads with a map each and without a lock. This is what the computer can do.
    separate: Duration,
}

impl Best {
    fn new() -> Best {
        Best { alone: Duration::MAX, shared: Duration::MAX, separate: Duration::MAX }
    }

    /// Measures all three in turn, so that other load affects them alike.
    fn measure(&mut self, map: &Map, other: &Map, lock: Option<&Mutex<()>>) {
        self.alone = self.alone.min(time(&[map], lock));
        self.shared = self.shared.min(time(&[map, map], lock));
        self.separate = self.separate.min(time(&[map, other], None));
    }

    fn ratio(&self, time: Duration) -> f64 {
        time.as_secs_f64() / self.alone.as_secs_f64()
    }
}

/// Searches each map in its own thread. Returns the time from the first start to the last end.
fn time(maps: &[&Map], lock: Option<&Mutex<()>>) -> Duration {
    let start = Barrier::new(maps.len());
    thread::scope(|scope| {
        let start = &start;
        let workers: Vec<_> =
            maps.iter().map(|map| scope.spawn(move || search(map, lock, start))).collect();
        let times = workers.into_iter().map(|worker| worker.join().expect("it does not panic"));
        let (starts, ends): (Vec<Instant>, Vec<Instant>) = times.unzip();
        let first_start = starts.into_iter().min().expect("there is a thread");
        ends.into_iter().max().expect("there is a thread") - first_start
    })
}

/// Searches, and returns the start and the end.
fn search(map: &Map, lock: Option<&Mutex<()>>, start: &Barrier) -> (Instant, Instant) {
    start.wait();
    let started = Instant::now();
    for _ in 0..SEARCHES {
        let _guard = lock.map(Mutex::lock);
        assert_eq!(map.find(b"needle", ..).expect("the file is complete"), None);
    }
    (started, Instant::now())
}
