//! Does a map survive that another process cuts its file while threads read, write, search, copy, fill and compare?
#![forbid(unsafe_code)]

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use safemap::{Error, Map};

use crate::{
    operations::{self, Operation},
    raw::memory,
    run::{Facts, Outcome, Run},
    scratch::{Cutter, PAGE, Scratch, pattern},
    stop::Stop,
};

const LEN: usize = 64 * PAGE;
/// The last page is cut like the others, and used to see that the map works again.
const WORK: usize = LEN - PAGE;

/// What the threads know of each other.
#[derive(Default)]
struct Shared {
    stop: Stop,
    calls: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

pub(crate) fn run(run: &Run) -> Outcome {
    let file = Scratch::file(&pattern(LEN))?;
    let map = file.map()?;
    let mut other = Cutter::of(file.path())?;
    let end = Instant::now() + run.time(1500, 30_000);
    let faults: Vec<AtomicUsize> = operations::all().map(|_| AtomicUsize::new(0)).collect();
    let shared = Shared::default();
    let rounds = thread::scope(|scope| {
        for (&(name, operation), faults) in operations::all().zip(&faults) {
            let (map, shared) = (&map, &shared);
            scope.spawn(move || work(run, map, name, operation, faults, shared));
        }
        let _end = shared.stop.at_end();
        let rounds = (1..).take_while(|_| Instant::now() < end);
        rounds.map(|round| cut(round, &file, &map, &mut other, &faults, &shared)).sum::<Result<usize, _>>()
    })?;
    let wrong = shared.wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    let met: usize = faults.iter().map(|faults| faults.load(SeqCst)).sum();
    let calls = shared.calls.load(SeqCst);
    let note = format!("{} threads, {calls} calls, {met} of them told of a fault", faults.len());
    Ok(Facts::all(rounds, "cuts by another process").note(note))
}

/// A thread's life: one operation again and again, and any answer but success and a fault is wrong.
fn work(run: &Run, map: &Map, name: &str, operation: Operation, faults: &AtomicUsize, shared: &Shared) {
    while !shared.stop.now() {
        shared.calls.fetch_add(1, SeqCst);
        if run.control {
            (0..WORK).step_by(PAGE).for_each(|at| {
                memory::peek(map, at);
            });
        }
        match operation(map, 0..WORK) {
            Ok(()) => {}
            Err(Error::Fault { .. }) => drop(faults.fetch_add(1, SeqCst)),
            Err(error) => shared.wrong.lock().unwrap().push(format!("{name}: {error}")),
        }
    }
}

/// One round: the file is cut until every thread has met it, grown back, and the map works.
fn cut(
    round: usize,
    file: &Scratch,
    map: &Map,
    other: &mut Cutter,
    faults: &[AtomicUsize],
    shared: &Shared,
) -> Result<usize, Box<dyn std::error::Error>> {
    let before: Vec<usize> = faults.iter().map(|faults| faults.load(SeqCst)).collect();
    other.set_len(round * 1237 % (WORK - PAGE))?;
    while faults.iter().zip(&before).any(|(now, before)| now.load(SeqCst) == *before) {
        assert!(shared.wrong.lock().unwrap().is_empty(), "{:?}", shared.wrong);
        thread::sleep(Duration::from_micros(200));
    }
    other.set_len(LEN)?;
    let (at, byte) = (WORK + round % PAGE, round as u8);
    assert_eq!(map.get(at)?, 0, "what comes new is zeros");
    map.set(at, byte)?;
    let mut seen = [0];
    std::os::unix::fs::FileExt::read_exact_at(&file.handle()?, &mut seen, at as u64)?;
    assert_eq!(seen[0], byte, "the map works again");
    Ok(1)
}
