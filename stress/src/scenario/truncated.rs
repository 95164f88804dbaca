//! Another process truncates a file while threads read, write, search, copy, fill and compare its
//! map.

use std::sync::Mutex;

use super::*;

const LEN: usize = 64 * PAGE;
/// The threads use all but the last page, which shows that the map works again.
const SWEPT: usize = LEN - PAGE;

/// What the threads share.
struct Shared {
    map: Map,
    stop: Stop,
    calls: AtomicUsize,
    /// Faults by sweep.
    faults: Vec<AtomicUsize>,
    wrong: Mutex<Vec<String>>,
}

pub(crate) fn run(settings: &Settings) -> Result {
    let (file, map) = file_and_map(64);
    let end = Instant::now() + settings.time(1500, 30_000);
    let faults = SWEEPS.iter().map(|_| AtomicUsize::new(0)).collect();
    let (stop, calls, wrong) = Default::default();
    let shared = &Shared { map, stop, calls, faults, wrong };
    let rounds = thread::scope(|scope| {
        for (sweep, faults) in SWEEPS.iter().zip(&shared.faults) {
            scope.spawn(move || work(settings, sweep, faults, shared));
        }
        let _stop = shared.stop.set_on_drop();
        let rounds = (1..).take_while(|_| Instant::now() < end);
        rounds.map(|round| truncate(round, &file, shared).map(|()| 1)).sum::<Result<usize>>()
    })?;
    let faults: usize = shared.counts().iter().sum();
    let (threads, calls) = (SWEEPS.len(), shared.calls.load(SeqCst));
    let note = format!("{threads} threads, {calls} calls, of which {faults} faulted");
    Ok(Report::new(rounds, "truncations by another process").note(note))
}

/// Repeats one sweep. A result other than success or a fault is wrong.
fn work(settings: &Settings, sweep: &Sweep, faults: &AtomicUsize, shared: &Shared) {
    while !shared.stop.is_set() {
        shared.calls.fetch_add(1, SeqCst);
        if settings.control {
            (0..SWEPT).step_by(PAGE).map(|at| read_directly(&shared.map, at)).for_each(drop);
        }
        match sweep.run(&shared.map, 0..SWEPT) {
            Ok(()) => {}
            Err(Error::Fault { .. }) => drop(faults.fetch_add(1, SeqCst)),
            Err(error) => shared.wrong.lock().unwrap().push(format!("{}: {error}", sweep.name)),
        }
    }
}

/// Changes the length of the file in another process.
fn set_len(file: &TempFile, len: usize) -> Result<()> {
    let status =
        Command::new("truncate").args(["-s", &len.to_string()]).arg(file.path()).status()?;
    if status.success() { Ok(()) } else { Err(format!("truncate: {status}").into()) }
}

impl Shared {
    fn counts(&self) -> Vec<usize> {
        self.faults.iter().map(|faults| faults.load(SeqCst)).collect()
    }

    fn assert_nothing_wrong(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// Truncates the file until every thread has met a fault, and extends it. Then the map works again.
fn truncate(round: usize, file: &TempFile, shared: &Shared) -> Result<()> {
    let before = shared.counts();
    set_len(file, round * 1237 % (SWEPT - PAGE))?;
    while shared.counts().iter().zip(&before).any(|(now, before)| now == before) {
        shared.assert_nothing_wrong();
        thread::sleep(Duration::from_micros(200));
    }
    set_len(file, LEN)?;
    shared.assert_nothing_wrong();
    let (at, byte) = (SWEPT + round % PAGE, round as u8);
    assert_eq!(shared.map.get(at)?, 0, "new bytes are zeros");
    shared.map.set(byte, at)?;
    assert_eq!(byte_of(file, at)?, byte, "the map works again");
    Ok(())
}
