//! Is a file whole when processes that write and resize maps of it are killed at any moment?
#![forbid(unsafe_code)]

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use safemap::{Access, Error, Map, Options};

use crate::{
    chance::Chance,
    run::{Facts, Outcome, Run},
    scratch::{PAGE, Scratch, myself},
};

const WORKERS: usize = 4;
/// Every length that somebody asks for. A word that a cut parts is no word any more, so they are multiples of one.
const LENGTHS: [usize; 4] = [PAGE, 3 * PAGE + 16, 10 * PAGE, 40 * PAGE + 8];

pub(crate) fn run(run: &Run) -> Outcome {
    let file = Scratch::file(&[0; PAGE])?;
    let rounds = run.times(80, 3000);
    let descriptors = fs::read_dir("/proc/self/fd")?.count();
    let mut chance = Chance::new(5);
    let mut workers: Vec<Child> = (0..WORKERS).map(|seed| worker(run, file.path(), seed)).collect::<Result<_, _>>()?;
    let mut words = 0;
    for round in 0..rounds {
        thread::sleep(Duration::from_micros(2000 + chance.below(9000) as u64));
        let mut killed = workers.swap_remove(chance.below(WORKERS));
        assert!(killed.try_wait()?.is_none(), "a worker ended by itself");
        killed.kill()?;
        killed.wait()?;
        words += judge(file.path())?;
        workers.push(worker(run, file.path(), WORKERS + round)?);
    }
    for mut worker in workers {
        worker.kill()?;
        worker.wait()?;
    }
    still_works(&file)?;
    assert_eq!(fs::read_dir("/proc/self/fd")?.count(), descriptors, "descriptors leaked");
    Ok(Facts::all(rounds, "processes killed while they write and resize")
        .note(format!("{words} words looked at, none torn")))
}

fn worker(run: &Run, path: &Path, seed: usize) -> std::io::Result<Child> {
    let how = if run.control { "--in-two-steps" } else { "--at-once" };
    myself(&["--worker", how, &seed.to_string()]).arg(path).stdin(Stdio::null()).spawn()
}

/// The length is one that somebody asked for, and every word is whole; returns how many there are.
fn judge(path: &Path) -> Result<usize, Box<dyn std::error::Error>> {
    for _ in 0..50 {
        let len = fs::metadata(path)?.len() as usize;
        assert!(LENGTHS.contains(&len), "nobody asked for a length of {len}");
    }
    let map = Map::open(path)?;
    let mut words = 0;
    for at in (0..map.len() - 7).step_by(8) {
        match map.load::<u64>(at) {
            Ok(word) => assert!(word == 0 || is_whole(word), "torn at {at}: {word:#x}"),
            Err(Error::Fault { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        words += 1;
    }
    Ok(words)
}

fn is_whole(word: u64) -> bool {
    (word >> 32) as u32 == !(word as u32)
}

/// A new process finds nothing in its way.
fn still_works(file: &Scratch) -> Result<(), Box<dyn std::error::Error>> {
    let map = file.map()?;
    map.resize(100 * PAGE)?;
    map.fill(1, ..)?;
    map.flush()?;
    Ok(map.close()?)
}

/// The life of a process that is going to be killed.
pub(crate) fn work(how: &str, seed: &str, path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let map = Options::new().access(Access::Write).len(PAGE).open(path)?;
    let mut chance = Chance::new(seed.parse()?);
    loop {
        let word = chance.below(u32::MAX as usize) as u32;
        let word = u64::from(!word) << 32 | u64::from(word);
        let words = map.len() / 8;
        match map.store(chance.below(words) * 8, word) {
            Ok(()) | Err(Error::Fault { .. } | Error::OutOfBounds { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if chance.below(20) == 0 {
            if how == "--in-two-steps" {
                // As a library that cuts, maps anew, and then grows.
                fs::File::options().write(true).open(path)?.set_len(0)?;
            }
            map.resize(LENGTHS[chance.below(LENGTHS.len())])?;
        }
    }
}
