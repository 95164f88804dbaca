//! Processes that write and resize maps of a file are killed. The file must stay consistent.

use std::process::{Child, Stdio};

use super::*;

const WORKERS: usize = 4;
/// The lengths that workers set. They are multiples of a word, because a truncation may split a
/// word.
const LENGTHS: [usize; 4] = [PAGE, 3 * PAGE + 16, 10 * PAGE, 40 * PAGE + 8];

pub(crate) fn run(settings: &Settings) -> Result {
    let file = TempFile::new(&[0; PAGE]);
    let rounds = settings.times(80, 3000);
    let descriptors = fs::read_dir("/proc/self/fd")?.count();
    let mut rng = fastrand::Rng::with_seed(5);
    let start = |seed| start_worker(settings, file.path(), seed);
    let mut workers: Vec<Child> = (0..WORKERS).map(start).collect::<std::io::Result<_>>()?;
    let mut words = 0;
    for round in 0..rounds {
        thread::sleep(Duration::from_micros(rng.u64(2000..11_000)));
        let mut killed = workers.swap_remove(rng.usize(..WORKERS));
        assert!(killed.try_wait()?.is_none(), "a worker ended before it was killed");
        killed.kill()?;
        killed.wait()?;
        words += check_file(file.path())?;
        workers.push(start(WORKERS + round)?);
    }
    for mut worker in workers {
        worker.kill()?;
        worker.wait()?;
    }
    // A new map of the file works.
    let map = file.map();
    map.resize(100 * PAGE)?;
    map.fill(1, ..)?;
    map.flush()?;
    map.close()?;
    assert_eq!(fs::read_dir("/proc/self/fd")?.count(), descriptors, "descriptors leaked");
    let note = format!("{words} words checked, none torn");
    Ok(Report::new(rounds, "processes killed while they write and resize").note(note))
}

fn start_worker(settings: &Settings, path: &Path, seed: usize) -> std::io::Result<Child> {
    let method = if settings.control { "--in-two-steps" } else { "--at-once" };
    this_program(&["--worker", method, &seed.to_string()]).arg(path).stdin(Stdio::null()).spawn()
}

/// Checks that the length is one of `LENGTHS` and no word is torn. Returns the number of words.
fn check_file(path: &Path) -> Result<usize> {
    for _ in 0..50 {
        let len = fs::metadata(path)?.len() as usize;
        assert!(LENGTHS.contains(&len), "no process set the length {len}");
    }
    let map = Map::open(path)?;
    let mut words = 0;
    for at in (0..map.len() - 7).step_by(8) {
        match map.load::<u64>(at) {
            Ok(word) => assert!(word == 0 || is_complete(word), "torn at {at}: {word:#x}"),
            Err(Error::Fault { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        words += 1;
    }
    Ok(words)
}

fn is_complete(word: u64) -> bool {
    (word >> 32) as u32 == !(word as u32)
}

/// The main function of a worker, which is killed in the end.
pub(crate) fn work(method: &str, seed: &str, path: &str) -> Result<()> {
    let map = Options::new().access(Access::Write).len(PAGE).open(path)?;
    let mut rng = fastrand::Rng::with_seed(seed.parse()?);
    loop {
        let half = rng.u32(..);
        let word = u64::from(!half) << 32 | u64::from(half);
        match map.store(word, rng.usize(..map.len() / 8) * 8) {
            Ok(()) | Err(Error::Fault { .. } | Error::OutOfBounds { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if rng.u8(..20) == 0 {
            if method == "--in-two-steps" {
                // As a library does that truncates the file, maps it again and then extends it.
                fs::File::options().write(true).open(path)?.set_len(0)?;
            }
            map.resize(LENGTHS[rng.usize(..LENGTHS.len())])?;
        }
    }
}
