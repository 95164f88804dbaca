//! Threads write records and sweep while another thread resizes. No write is lost or torn.

use std::{borrow::Borrow, sync::Arc};

use super::*;

const WRITERS: usize = 4;
const SWEEPERS: usize = 2;
/// The writers, the sweepers and one that resizes.
const THREADS: usize = WRITERS + SWEEPERS + 1;
/// The smallest length. The records are below it.
const BASE: usize = PAGE;
const LARGEST: usize = 256 * PAGE;
/// Not a power of two, so that records cross cache lines.
const RECORD: usize = 520;

/// A map for each thread, and one to check the records in the end.
type Maps<W> = (Vec<Arc<Map>>, W);

/// All threads use one map of a file.
pub(crate) fn one_map(settings: &Settings) -> Result {
    repeat(settings, || {
        let file = TempFile::new(&[0; 2 * BASE]);
        let map = Arc::new(file.map());
        Ok((vec![map; THREADS], Options::new().len(BASE).open(file.path())?))
    })
}

/// All threads use one map of memory, which moves when it grows.
pub(crate) fn private_memory(settings: &Settings) -> Result {
    repeat(settings, || {
        let map = Arc::new(Options::new().len(2 * BASE).anonymous()?);
        Ok((vec![Arc::clone(&map); THREADS], map))
    })
}

/// Each thread uses its own map of one file.
pub(crate) fn many_maps(settings: &Settings) -> Result {
    repeat(settings, || {
        let file = TempFile::sparse(LARGEST as u64);
        Ok(((0..THREADS).map(|_| Arc::new(file.map())).collect(), file.map()))
    })
}

#[derive(Default)]
struct Counts {
    records: AtomicUsize,
    resizes: AtomicUsize,
    sweeps: AtomicUsize,
}

/// Runs the threads with new maps each time: a map does not move after it had its largest length.
fn repeat<W: Borrow<Map>>(settings: &Settings, maps: impl Fn() -> Result<Maps<W>>) -> Result {
    // A control ends with its first unlucky move, which may take more than 20 rounds.
    let rounds = settings.times(if settings.control { 300 } else { 20 }, 300);
    let time = settings.time(40, 80);
    let counts = Counts::default();
    for _ in 0..rounds {
        let (maps, witness) = maps()?;
        run_threads(settings, &maps, witness.borrow(), time, &counts)?;
    }
    let Counts { records, resizes, sweeps } = counts;
    let (resizes, sweeps) = (resizes.into_inner(), sweeps.into_inner());
    let note = format!("{rounds} rounds of {THREADS} threads, {resizes} resizes, {sweeps} sweeps");
    Ok(Report::new(records.into_inner(), "records written and read back").note(note))
}

fn run_threads(
    settings: &Settings,
    maps: &[Arc<Map>],
    witness: &Map,
    time: Duration,
    counts: &Counts,
) -> Result<()> {
    let stop = &Stop::default();
    let (writers, others) = maps.split_at(WRITERS);
    let last: Vec<_> = thread::scope(|scope| {
        let writers = writers.iter().enumerate();
        let writers: Vec<_> = writers
            .map(|(owner, map)| scope.spawn(move || write_records(map, owner, stop)))
            .collect();
        for (seed, map) in others[1..].iter().enumerate() {
            scope.spawn(move || sweep(settings, map, seed, stop, &counts.sweeps));
        }
        counts.resizes.fetch_add(resize(&others[0], Instant::now() + time, stop), SeqCst);
        writers.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    for (owner, number) in last.into_iter().enumerate() {
        let number = number.map_err(|_| "a writer panicked")?;
        let bytes = witness.to_vec(owner * RECORD..(owner + 1) * RECORD)?;
        assert!(bytes == record(owner, number), "the last record of {owner} was lost");
        counts.records.fetch_add(number, SeqCst);
    }
    Ok(())
}

/// Returns the bytes of a record: its number, and noise that depends on number and owner.
fn record(owner: usize, number: usize) -> Vec<u8> {
    let mut bytes = noise((number * WRITERS + owner) as u64, RECORD);
    bytes[..8].copy_from_slice(&(number as u64).to_ne_bytes());
    bytes
}

/// Writes records in turn, and reads each back in several ways. Returns the last one's number.
fn write_records(map: &Map, owner: usize, stop: &Stop) -> usize {
    let _stop = stop.set_on_panic();
    let mut number = 0;
    while number == 0 || !stop.is_set() {
        number += 1;
        write_record(map, owner, number).expect("the records are below every length");
    }
    number
}

fn write_record(map: &Map, owner: usize, number: usize) -> safemap::Result<()> {
    let (bytes, at) = (record(owner, number), owner * RECORD);
    map.write_at(&bytes, at)?;
    let mut read = [0; RECORD];
    map.read_exact_at(&mut read, at)?;
    assert!(read[..] == bytes, "record {number} of {owner} was not read as it was written");
    assert!(map.compare(&bytes, at)?.is_eq(), "record {number} of {owner}, compared");
    assert_eq!(map.load::<u64>(at)?, number as u64, "record {number} of {owner}, loaded");
    let found = map.find(&bytes[100..], at..at + RECORD)?;
    assert_eq!(found, Some(at + 100), "record {number} of {owner}, searched");
    Ok(())
}

/// Runs all sweeps on ranges behind the records. Their results depend on the current length.
fn sweep(settings: &Settings, map: &Map, seed: usize, stop: &Stop, count: &AtomicUsize) {
    let _stop = stop.set_on_panic();
    let mut rng = fastrand::Rng::with_seed(seed as u64 + 1);
    // The control relies on an earlier address and an earlier length.
    let (old_address, mut longest) = (address(map, BASE), 0);
    while !stop.is_set() {
        // Short offsets are more frequent, because the map is mostly short.
        let bound = rng.usize(..LARGEST - BASE - 2 * PAGE) + 1;
        let start = BASE + rng.usize(..bound);
        let range = start..start + 20 + rng.usize(..PAGE);
        if settings.control {
            read_address(old_address);
            longest = longest.max(map.len());
            read_directly(map, longest - 1);
        }
        for sweep in SWEEPS {
            match sweep.run(map, range.clone()) {
                Ok(()) | Err(Error::OutOfBounds { .. } | Error::Fault { .. }) => {}
                Err(error) => panic!("{} on {range:?}: {error}", sweep.name),
            }
        }
        count.fetch_add(1, SeqCst);
    }
}

/// Resizes the map, at first to lengths close to the smallest. Returns the number of resizes.
fn resize(map: &Map, end: Instant, stop: &Stop) -> usize {
    let _stop = stop.set_on_drop();
    let mut rng = fastrand::Rng::with_seed(99);
    let lens =
        (1..).map(|round: usize| BASE + rng.usize(..(round * PAGE / 8).clamp(1, LARGEST - BASE)));
    let lens = lens.take_while(|_| Instant::now() < end && !stop.is_set());
    lens.map(|len| map.resize(len).expect("the disk has space")).count()
}
