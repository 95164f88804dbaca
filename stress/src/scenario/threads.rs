//! Is nothing lost or torn while threads use a map, or many maps of a file, and resize?
#![forbid(unsafe_code)]

use std::{
    borrow::Borrow,
    error::Error,
    ops::AddAssign,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use safemap::{Error as MapError, Map, Options};

use crate::{
    chance::Chance,
    operations::all,
    raw::memory,
    record,
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch},
    stop::Stop,
};

const WRITERS: usize = 4;
const WANDERERS: usize = 2;
/// The writers, the wanderers, and one that resizes.
const CROWD: usize = WRITERS + WANDERERS + 1;
/// No resize goes below it: the records lie there.
const BASE: usize = PAGE;
const MOST: usize = 256 * PAGE;

/// A map for each of a crowd, and one to look at their records with.
type Maps<W> = Result<(Vec<Arc<Map>>, W), Box<dyn Error>>;

/// One map of a file in an `Arc`.
pub(crate) fn one_map(run: &Run) -> Outcome {
    epochs(run, || {
        let file = Scratch::file(&[0; 2 * BASE])?;
        let map = Arc::new(file.map()?);
        Ok((vec![Arc::clone(&map); CROWD], Options::new().len(BASE).open(file.path())?))
    })
}

/// One piece of memory without a file, which moves when it grows.
pub(crate) fn private_memory(run: &Run) -> Outcome {
    epochs(run, || {
        let map = Arc::new(Options::new().len(2 * BASE).anonymous()?);
        Ok((vec![Arc::clone(&map); CROWD], map))
    })
}

/// A map for each thread, all of one file.
pub(crate) fn many_maps(run: &Run) -> Outcome {
    epochs(run, || {
        let file = Scratch::file(&vec![0; MOST])?;
        let maps = (0..CROWD).map(|_| Ok(Arc::new(file.map()?))).collect::<safemap::Result<_>>()?;
        Ok((maps, file.map()?))
    })
}

/// Crowd after crowd: a map moves only until it has been at its longest.
fn epochs<W: Borrow<Map>>(run: &Run, maps: impl Fn() -> Maps<W>) -> Outcome {
    let (count, time) = (run.times(20, 300), run.time(40, 80));
    let mut done = Done::default();
    for _ in 0..count {
        let (maps, witness) = maps()?;
        done += crowd(run, &maps, witness.borrow(), time)?;
    }
    let Done { turns, resizes, walks } = done;
    let note = format!("{count} crowds of {CROWD} threads, {resizes} resizes, {walks} walks over all of it");
    Ok(Facts::all(turns, "records written and read back").note(note))
}

/// What a crowd did.
#[derive(Default)]
struct Done {
    turns: usize,
    resizes: usize,
    walks: usize,
}

impl AddAssign for Done {
    fn add_assign(&mut self, other: Done) {
        self.turns += other.turns;
        self.resizes += other.resizes;
        self.walks += other.walks;
    }
}

fn crowd(run: &Run, maps: &[Arc<Map>], witness: &Map, time: Duration) -> Result<Done, Box<dyn Error>> {
    let (stop, walks) = (Stop::default(), AtomicUsize::new(0));
    let (writing, others) = maps.split_at(WRITERS);
    let (resizes, last) = thread::scope(|scope| {
        let (stop, walks) = (&stop, &walks);
        let writers = writing.iter().enumerate().map(|(owner, map)| scope.spawn(move || write(map, owner, stop)));
        let writers: Vec<_> = writers.collect();
        for (seed, map) in others[1..].iter().enumerate() {
            scope.spawn(move || wander(run, map, seed, stop, walks));
        }
        let resizes = resize(&others[0], Instant::now() + time, stop);
        (resizes, writers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>())
    });
    let mut turns = 0;
    for (owner, number) in last.into_iter().enumerate() {
        let number = number.map_err(|_| "a writer panicked")?;
        let lies = witness.to_vec(record::place(owner)..record::place(owner) + record::SIZE)?;
        assert!(lies == record::bytes(owner, number), "the last record of {owner} was lost");
        turns += number as usize;
    }
    Ok(Done { turns, resizes, walks: walks.into_inner() })
}

/// Writes one record after the other, each checked; returns the last one's number.
fn write(map: &Map, owner: usize, stop: &Stop) -> u64 {
    let _panic = stop.at_panic();
    let mut number = 0;
    while number == 0 || !stop.now() {
        number += 1;
        record::turn(map, owner, number).expect("the records lie below every length");
    }
    number
}

/// Works everywhere but in the records, with answers that depend on the moment.
fn wander(run: &Run, map: &Map, seed: usize, stop: &Stop, walks: &AtomicUsize) {
    let _panic = stop.at_panic();
    let mut chance = Chance::new(seed as u64 + 1);
    // What a library relies on that hands out addresses and lengths.
    let (old, mut longest) = (memory::address(map, BASE), 0);
    while !stop.now() {
        let start = BASE + chance.below(chance.clone().below(MOST - BASE - 2 * PAGE) + 1);
        let range = start..start + 20 + chance.below(PAGE);
        if run.control {
            memory::peek_at(old);
            longest = longest.max(map.len());
            memory::peek(map, longest - 1);
        }
        for (name, operation) in all() {
            match operation(map, range.clone()) {
                Ok(()) | Err(MapError::OutOfBounds { .. } | MapError::Fault { .. }) => {}
                Err(error) => panic!("{name} on {range:?}: {error}"),
            }
        }
        walks.fetch_add(1, SeqCst);
    }
}

/// Makes the map shorter and longer, at first only a little; returns how often.
fn resize(map: &Map, end: Instant, stop: &Stop) -> usize {
    let _end = stop.at_end();
    let mut chance = Chance::new(99);
    let lens = (1..).map(|round: usize| BASE + chance.below((round * PAGE / 8).clamp(1, MOST - BASE)));
    lens.take_while(|_| Instant::now() < end && !stop.now()).map(|len| map.resize(len).expect("there is room")).count()
}
